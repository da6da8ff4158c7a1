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

from dev.deploy.policies import CALLS
from dev.stage import APP_NAME, ROOT, deployed_file, function_name

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient


def refresh(stage: str, session: boto3.Session, root: Path = ROOT) -> list[dict[str, str]]:
    """Write Chalice's file from the resources in the account, and return them; empty where nothing is deployed."""
    iam, functions, events = session.client("iam"), session.client("lambda"), session.client("events")
    found: list[dict[str, str]] = []
    # In the order in which Chalice creates them, because it deletes from the end.
    for function in CALLS:
        found += _role(iam, stage, function)
        found += _function(functions, stage, function)
        found += _rule(events, stage, function)
    # Without the stage's functions, an API cannot be assigned to a stage, and nobody can use it.
    found += [_api(api_id, session) for api_id in _api_ids(session.client("apigateway"), stage)]
    file = deployed_file(stage, root)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"resources": found, "schema_version": "2.0", "backend": "api"}, indent=2) + "\n")
    return found


def api_url(resources: list[dict[str, str]]) -> str | None:
    """The URL of the API, without a slash at its end; None where no API is deployed."""
    urls = [resource["rest_api_url"] for resource in resources if resource["resource_type"] == "rest_api"]
    return urls[0].rstrip("/") if urls else None


def _role(client: "IAMClient", stage: str, function: str) -> Iterator[dict[str, str]]:
    name = f"{APP_NAME}-{stage}-{function}"
    with suppress(client.exceptions.NoSuchEntityException):
        arn = client.get_role(RoleName=name)["Role"]["Arn"]
        yield {"name": f"{function}_role", "resource_type": "iam_role", "role_arn": arn, "role_name": name}


def _function(client: "LambdaClient", stage: str, function: str) -> Iterator[dict[str, str]]:
    with suppress(client.exceptions.ResourceNotFoundException):
        arn = client.get_function_configuration(FunctionName=function_name(stage, function))["FunctionArn"]
        yield {"name": function, "resource_type": "lambda_function", "lambda_arn": arn}


def _rule(client: "EventBridgeClient", stage: str, function: str) -> Iterator[dict[str, str]]:
    name = f"{APP_NAME}-{stage}-{function}-event"
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


def _api(api_id: str, session: boto3.Session) -> dict[str, str]:
    suffix = "amazonaws.com.cn" if str(session.region_name).startswith("cn-") else "amazonaws.com"
    url = f"https://{api_id}.execute-api.{session.region_name}.{suffix}/api/"
    return {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api_id, "rest_api_url": url}
