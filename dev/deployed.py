"""What is deployed of a stage, by the account's own word, written down where Chalice looks for it.

Chalice trusts a file of its own, .chalice/deployed/<stage>.json. It is not there in another clone, nor after a first
`chalice deploy` that failed half-way; Chalice would then make a second API, and could not remove the first.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3

from dev.policies import CALLS
from dev.stage import APP_NAME, ROOT, deployed_file, function_name

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient

_ROLE: Final = f"{APP_NAME}-{{stage}}-{{function}}"
_RULE: Final = f"{APP_NAME}-{{stage}}-{{function}}-event"


def look(stage: str, session: boto3.Session, root: Path = ROOT) -> list[dict[str, str]]:
    """Write down what the account holds of the stage, and return it: nothing where nothing is deployed."""
    found = [resource for function in CALLS for resource in _of_function(stage, function, session)]
    # An API without its stage's functions is of no use to anybody, and cannot be told from others.
    found += [_api(api_id, session) for api_id in _api_ids(session.client("apigateway"), stage)]
    file = deployed_file(stage, root)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"resources": found, "schema_version": "2.0", "backend": "api"}, indent=2) + "\n")
    return found


def api_url(resources: list[dict[str, str]]) -> str | None:
    """The address of the API, without a slash at its end; None where there is none."""
    urls = [resource["rest_api_url"] for resource in resources if resource["resource_type"] == "rest_api"]
    return urls[0].rstrip("/") if urls else None


def _of_function(stage: str, function: str, session: boto3.Session) -> Iterator[dict[str, str]]:
    """Role, function and rule, in the order in which Chalice makes them: it deletes from the end."""
    role, rule = (pattern.format(stage=stage, function=function) for pattern in (_ROLE, _RULE))
    iam = session.client("iam")
    with suppress(iam.exceptions.NoSuchEntityException):
        arn = iam.get_role(RoleName=role)["Role"]["Arn"]
        yield {"name": f"{function}_role", "resource_type": "iam_role", "role_arn": arn, "role_name": role}
    functions = session.client("lambda")
    with suppress(functions.exceptions.ResourceNotFoundException):
        arn = functions.get_function_configuration(FunctionName=function_name(stage, function))["FunctionArn"]
        yield {"name": function, "resource_type": "lambda_function", "lambda_arn": arn}
    events = session.client("events")
    with suppress(events.exceptions.ResourceNotFoundException):
        events.describe_rule(Name=rule)
        yield {"name": f"{function}-event", "resource_type": "cloudwatch_event", "rule_name": rule}


def _api_ids(client: "APIGatewayClient", stage: str) -> list[str]:
    """The REST APIs whose authorizer is the stage's, the oldest first."""
    ours = f":function:{function_name(stage, 'authorize')}/"
    pages: Any = client.get_paginator("get_rest_apis").paginate()
    named = [api for page in pages for api in page.get("items", []) if api["name"] == APP_NAME]
    return [
        api["id"]
        for api in sorted(named, key=lambda api: api["createdDate"])
        if any(
            ours in authorizer.get("authorizerUri", "")
            for authorizer in client.get_authorizers(restApiId=api["id"]).get("items", [])
        )
    ]


def _api(api_id: str, session: boto3.Session) -> dict[str, str]:
    suffix = "amazonaws.com.cn" if str(session.region_name).startswith("cn-") else "amazonaws.com"
    url = f"https://{api_id}.execute-api.{session.region_name}.{suffix}/api/"
    return {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api_id, "rest_api_url": url}
