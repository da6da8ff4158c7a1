"""Finds the resources of a stage in the account, and writes them to the file of Chalice's deployments.

Chalice reads this from .chalice/deployed/<stage>.json alone. The file is missing in another clone, and after a first
`chalice deploy` that failed; Chalice would then create a second API and could not delete the first.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from dev.deploy import optional_resources
from dev.deploy.policies import CALLS
from dev.stage import APP_NAME, ROOT, api_stage, deployed_file, function_name, role_name, rule_name, stage_config

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient


Resource = dict[str, Any]
"""A resource as Chalice's file describes it, with a ``name`` and a ``resource_type``."""


def refresh(stage: str, session: boto3.Session, root: Path = ROOT) -> list[Resource]:
    """Write Chalice's file from the resources in the account, and return them; empty where nothing is deployed.

    Resources of the file that cannot be found by their name, such as those of a Chalice option, stay in it.
    """
    iam, functions, events = session.client("iam"), session.client("lambda"), session.client("events")
    file = deployed_file(stage, root)
    found: list[Resource] = []
    # In the order in which Chalice creates them, because it deletes from the end.
    for function in CALLS:
        found += _role(iam, stage, function)
        found += _function(functions, stage, function)
        found += _rule(events, stage, function)
    # Without the stage's functions, an API cannot be assigned to a stage, and nobody can use it.
    api_ids = _api_ids(session.client("apigateway"), stage)
    found += [_api(api_id, session, api_stage(stage, root)) for api_id in api_ids]
    kept = optional_resources.without_deleted(
        session, [resource for resource in _recorded(file) if not _is_known(resource)]
    )
    # After the API, which can be deleted only when no domain refers to it.
    found += optional_resources.with_unrecorded(session, stage_config(stage, root), kept, api_ids)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"resources": found, "schema_version": "2.0", "backend": "api"}, indent=2) + "\n")
    return found


def _recorded(file: Path) -> list[Resource]:
    """The resources of Chalice's file; none where it is missing, or is not of the current format."""
    if not file.exists():
        return []
    recorded: list[Resource] = json.loads(file.read_text()).get("resources", [])
    return recorded


def _is_known(resource: Resource) -> bool:
    """Whether the resource is one of those that are looked up in the account."""
    name, kind = resource["name"], resource["resource_type"]
    match kind:
        case "iam_role":
            return name.removesuffix("_role") in CALLS
        case "lambda_function":
            return name in CALLS
        case "cloudwatch_event":
            return name.removesuffix("-event") in CALLS
        case _:
            return bool(kind == "rest_api")


def api_url(resources: list[Resource]) -> str | None:
    """The URL of the API, without a slash at its end; None where no API is deployed."""
    urls = [str(resource["rest_api_url"]) for resource in resources if resource["resource_type"] == "rest_api"]
    return urls[0].rstrip("/") if urls else None


def _role(client: "IAMClient", stage: str, function: str) -> Iterator[Resource]:
    name = role_name(stage, function)
    with suppress(client.exceptions.NoSuchEntityException):
        arn = client.get_role(RoleName=name)["Role"]["Arn"]
        yield {"name": f"{function}_role", "resource_type": "iam_role", "role_arn": arn, "role_name": name}


def _function(client: "LambdaClient", stage: str, function: str) -> Iterator[Resource]:
    with suppress(client.exceptions.ResourceNotFoundException):
        arn = client.get_function_configuration(FunctionName=function_name(stage, function))["FunctionArn"]
        yield {"name": function, "resource_type": "lambda_function", "lambda_arn": arn}


def _rule(client: "EventBridgeClient", stage: str, function: str) -> Iterator[Resource]:
    name = rule_name(stage, function)
    with suppress(client.exceptions.ResourceNotFoundException):
        client.describe_rule(Name=name)
        yield {"name": f"{function}-event", "resource_type": "cloudwatch_event", "rule_name": name}


def _api_ids(client: "APIGatewayClient", stage: str) -> list[str]:
    """The REST APIs that use the stage's authorizer, the oldest first."""
    authorizer = f":function:{function_name(stage, 'authorize')}/"
    pages: Any = client.get_paginator("get_rest_apis").paginate()
    named = [api for page in pages for api in page.get("items", []) if api["name"] == APP_NAME]
    return [
        api["id"]
        for api in sorted(named, key=lambda api: api["createdDate"])
        if any(
            authorizer in found.get("authorizerUri", "")
            for found in client.get_authorizers(restApiId=api["id"]).get("items", [])
        )
    ]


def _api(api_id: str, session: boto3.Session, stage_name: str) -> Resource:
    suffix = "amazonaws.com.cn" if str(session.region_name).startswith("cn-") else "amazonaws.com"
    url = f"https://{api_id}.execute-api.{session.region_name}.{suffix}/{stage_name}/"
    return {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api_id, "rest_api_url": url}
