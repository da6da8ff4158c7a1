"""Chalice's file of a deployment: what is found in the account, and what only the file knows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from dev.deploy import deployment_state

DOMAIN = {
    "name": "api_gateway_custom_domain",
    "resource_type": "domain_name",
    "domain_name": "api.example.com",
    "api_mapping": [{"key": "/"}],
}
UNKNOWN = {"name": "files-s3event", "resource_type": "s3_event", "bucket": "files", "lambda_arn": "arn"}
GONE = [
    {"name": "authorize", "resource_type": "lambda_function", "lambda_arn": "arn"},
    {"name": "authorize_role", "resource_type": "iam_role", "role_arn": "arn", "role_name": "rds-lifecycle-dev-x"},
    {"name": "warm_up-event", "resource_type": "cloudwatch_event", "rule_name": "rds-lifecycle-dev-warm_up-event"},
    {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": "abc", "rest_api_url": "https://abc/"},
    {
        "name": "managed-layer",
        "resource_type": "lambda_layer",
        "layer_version_arn": "arn:aws:lambda:us-east-1:1:layer:x:1",
    },
]
"""Resources that are looked up in the account, which does not have them."""


@pytest.fixture
def session() -> Iterator[boto3.Session]:
    with mock_aws(config={"lambda": {"use_docker": False}}):
        yield boto3.Session()


def project(folder: Path, recorded: list[Any] | None, **options: Any) -> Path:
    """A project with a stage "dev"."""
    (folder / ".chalice" / "deployed").mkdir(parents=True)
    config = {"app_name": "rds-lifecycle", "stages": {"dev": options}}
    (folder / ".chalice" / "config.json").write_text(json.dumps(config))
    if recorded is not None:
        (folder / ".chalice" / "deployed" / "dev.json").write_text(json.dumps({"resources": recorded}))
    return folder


def written(root: Path) -> Any:
    return json.loads((root / ".chalice" / "deployed" / "dev.json").read_text())["resources"]


def create_domain(session: boto3.Session, *apis: str) -> None:
    """A custom domain with a mapping to each API."""
    client = session.client("apigateway")
    client.create_domain_name(domainName="api.example.com", certificateArn="arn:certificate", securityPolicy="TLS_1_2")
    for number, api in enumerate(apis):
        client.create_deployment(restApiId=api, stageName="api")
        path = f"v{number}" if number else "(none)"
        client.create_base_path_mapping(domainName="api.example.com", restApiId=api, stage="api", basePath=path)


def create_api(session: boto3.Session, stage: str) -> str:
    """A REST API that uses the stage's authorizer."""
    client = session.client("apigateway")
    api = client.create_rest_api(name="rds-lifecycle")["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    client.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    client.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/arn:aws:lambda:x:function:rds-lifecycle-{stage}-authorize/i"
    client.create_authorizer(restApiId=api, name="authorize", type="TOKEN", authorizerUri=uri, identitySource="x")
    return str(api)


def test_refresh__nothing_deployed__writes_an_empty_file(session: boto3.Session, tmp_path: Path) -> None:
    root = project(tmp_path, None)
    assert deployment_state.refresh("dev", session, root) == []
    assert written(root) == []


def test_refresh__resources_that_the_account_does_not_have__are_dropped(session: boto3.Session, tmp_path: Path) -> None:
    assert deployment_state.refresh("dev", session, project(tmp_path, [*GONE, DOMAIN])) == []


def test_refresh__resources_that_are_not_looked_up__stay_behind_the_api(session: boto3.Session, tmp_path: Path) -> None:
    api = create_api(session, "dev")
    create_domain(session, api)
    role = {"name": "default-role", "resource_type": "iam_role", "role_arn": "arn", "role_name": "rds-lifecycle-dev"}
    root = project(tmp_path, [role, *GONE, DOMAIN, UNKNOWN], api_gateway_stage="v1")
    found = deployment_state.refresh("dev", session, root)
    url = f"https://{api}.execute-api.us-east-1.amazonaws.com/v1/"
    rest_api = {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api, "rest_api_url": url}
    assert found == written(root) == [rest_api, role, DOMAIN, UNKNOWN]
    assert deployment_state.api_url(found) == url.rstrip("/")


def test_refresh__domain_of_the_configuration_in_a_new_clone__is_found(session: boto3.Session, tmp_path: Path) -> None:
    create_domain(session, create_api(session, "dev"))
    root = project(tmp_path, None, api_gateway_custom_domain={"domain_name": "api.example.com"})
    found = deployment_state.refresh("dev", session, root)[-1]
    assert {name: found[name] for name in DOMAIN} == DOMAIN
    assert (found["certificate_arn"], found["security_policy"]) == ("arn:certificate", "TLS_1_2")
    assert found["hosted_zone_id"]
    assert found["alias_domain_name"]


def test_refresh__domain_that_another_api_uses__is_not_claimed(session: boto3.Session, tmp_path: Path) -> None:
    create_domain(session, create_api(session, "dev"), create_api(session, "prod"))
    root = project(tmp_path, None, api_gateway_custom_domain={"domain_name": "api.example.com"})
    assert [resource["name"] for resource in deployment_state.refresh("dev", session, root)] == ["rest_api"]


def test_refresh__layer_of_the_configuration_in_a_new_clone__is_found(session: boto3.Session, tmp_path: Path) -> None:
    client = session.client("lambda")
    made = [
        client.publish_layer_version(LayerName="rds-lifecycle-dev-managed-layer", Content={"ZipFile": b"zip"})
        for _ in range(2)
    ]
    root = project(tmp_path, None, automatic_layer=True)
    layer = {"name": "managed-layer", "resource_type": "lambda_layer", "layer_version_arn": made[1]["LayerVersionArn"]}
    assert deployment_state.refresh("dev", session, root) == [layer]
    assert deployment_state.refresh("dev", session, root) == [layer]
