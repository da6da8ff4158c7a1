"""Resources of Chalice's options, a custom domain and a layer, as Chalice's file of a stage describes them.

Chalice deletes only what its file names. A deployment that has failed has not written the file, and another clone does
not have it.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import boto3
from chalice.config import Config

from dev.stage import APP_NAME

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient

DOMAIN: Final = "api_gateway_custom_domain"
LAYER: Final = "managed-layer"


def without_deleted(session: boto3.Session, resources: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The resources, except domains and layers that do not exist (any more) in this account."""
    return [resource for resource in resources if _exists(session, resource)]


def _exists(session: boto3.Session, resource: dict[str, Any]) -> bool:
    match resource["resource_type"]:
        case "domain_name":
            return _find_domain(session.client("apigateway"), resource["domain_name"]) is not None
        case "lambda_layer":
            functions = session.client("lambda")
            layer, _, version = resource["layer_version_arn"].rpartition(":")
            try:
                functions.get_layer_version(LayerName=layer, VersionNumber=int(version))
            except functions.exceptions.ResourceNotFoundException:
                return False
            return True
        case _:
            return True


def with_unrecorded(
    session: boto3.Session, config: Config, recorded: Sequence[dict[str, Any]], api_ids: Sequence[str]
) -> list[dict[str, Any]]:
    """The resources, and those of the stage's options that the account has and Chalice's file has not."""
    names = {resource["name"] for resource in recorded}
    found = list(recorded)
    if config.automatic_layer and LAYER not in names:
        found += _layer(session, config.chalice_stage)
    if config.api_gateway_custom_domain and DOMAIN not in names:
        found += _domain(session.client("apigateway"), config.api_gateway_custom_domain["domain_name"], api_ids)
    return found


def _layer(session: boto3.Session, stage: str) -> Iterator[dict[str, Any]]:
    """The newest version of the stage's layer. Chalice keeps one."""
    versions = session.client("lambda").list_layer_versions(LayerName=f"{APP_NAME}-{stage}-{LAYER}")["LayerVersions"]
    if versions:
        arn = max(versions, key=lambda version: version["Version"])["LayerVersionArn"]
        yield {"name": LAYER, "resource_type": "lambda_layer", "layer_version_arn": arn}


def _domain(client: "APIGatewayClient", name: str, api_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The domain, if it belongs to the stage's API and to no other."""
    found = _find_domain(client, name)
    if found is None:
        return
    pages = client.get_paginator("get_base_path_mappings").paginate(domainName=name)
    mappings = [mapping for page in pages for mapping in page.get("items", [])]
    if not mappings or any(mapping["restApiId"] not in api_ids for mapping in mappings):
        return
    paths = ["/" if mapping["basePath"] == "(none)" else f"/{mapping['basePath']}" for mapping in mappings]
    yield {
        "name": DOMAIN,
        "resource_type": "domain_name",
        "domain_name": name,
        "hosted_zone_id": found.get("regionalHostedZoneId") or found.get("distributionHostedZoneId"),
        "alias_domain_name": found.get("regionalDomainName") or found.get("distributionDomainName"),
        "certificate_arn": found.get("regionalCertificateArn") or found.get("certificateArn"),
        "security_policy": found.get("securityPolicy"),
        "api_mapping": [{"key": path} for path in paths],
    }


def _find_domain(client: "APIGatewayClient", name: str) -> Any:
    try:
        return client.get_domain_name(domainName=name)
    except client.exceptions.NotFoundException:
        return None
