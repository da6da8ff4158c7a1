"""The IAM permissions that a call requires.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

ACCOUNT = "123456789012"
_WRITES = {"Update": "UpdateItem", "Put": "PutItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
_LAMBDA = (
    (r"POST functions", "CreateFunction"),
    (r"GET functions/(?P<function>[^/]+)/configuration", "GetFunctionConfiguration"),
    (r"PUT functions/(?P<function>[^/]+)/configuration", "UpdateFunctionConfiguration"),
    (r"PUT functions/(?P<function>[^/]+)/code", "UpdateFunctionCode"),
    (r"GET functions/(?P<function>[^/]+)/policy", "GetPolicy"),
    (r"POST functions/(?P<function>[^/]+)/policy", "AddPermission"),
    (r"DELETE functions/(?P<function>[^/]+)/concurrency", "DeleteFunctionConcurrency"),
    (r"GET functions/(?P<function>[^/]+)", "GetFunction"),
    (r"DELETE functions/(?P<function>[^/]+)", "DeleteFunction"),
    (r"GET tags/(?P<function>.+)", "ListTags"),
    (r"POST layers/(?P<layer>[^/]+)/versions", "PublishLayerVersion"),
    (r"GET layers/(?P<layer>[^/]+)/versions", "ListLayerVersions"),
    (r"GET layers/(?P<layer>[^/]+)/versions/(?P<version>\d+)", "GetLayerVersion"),
    (r"DELETE layers/(?P<layer>[^/]+)/versions/(?P<version>\d+)", "DeleteLayerVersion"),
    (r"GET layers\?find=LayerVersion&Arn=(?P<layer>.+):(?P<version>\d+)", "GetLayerVersion"),
)
"""The operations of Lambda by method and path, without the version of the API."""


def required_permissions(service: str, operation: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The IAM actions of one call, each with the exact ARN. For REST APIs, the operation is the method and the path."""
    match service:
        case "sts":
            return  # GetCallerIdentity needs no permission
        case "dynamodb":
            for name, table in _tables(operation, body):
                yield f"dynamodb:{name}", _arn(service, f"table/{table}")
        case "rds":
            yield f"rds:{operation}", _database(operation, body)
        case "iam":
            yield f"iam:{operation}", f"arn:aws:iam::{ACCOUNT}:role/{body['RoleName']}"
        case "events":
            yield f"events:{operation}", _arn(service, f"rule/{body.get('Name') or body['Rule']}")
        case "logs":
            group = body.get("logGroupName")
            yield f"logs:{operation}", _arn(service, f"log-group:{group}") if group else "*"
        case "apigateway":
            method, _, path = operation.partition(" ")
            yield f"apigateway:{method}", f"arn:aws:apigateway:us-east-1::{urlsplit(path).path.removeprefix('/v2')}"
        case "lambda":
            yield from _lambda(operation, body)
        case _:
            yield f"{service}:{operation}", "*"


def _database(operation: str, body: Mapping[str, Any]) -> str:
    kind, parameter = ("cluster", "DBClusterIdentifier") if "Cluster" in operation else ("db", "DBInstanceIdentifier")
    return _arn("rds", f"{kind}:{body.get(parameter, '*')}")


def _tables(operation: str, body: Mapping[str, Any]) -> set[tuple[str, str]]:
    if operation == "TransactWriteItems":
        return {
            (_WRITES[kind], str(call["TableName"])) for item in body["TransactItems"] for kind, call in item.items()
        }
    if operation == "BatchGetItem":
        return {(operation, table) for table in body["RequestItems"]}
    if operation == "ListTagsOfResource":
        return {(operation, str(body["ResourceArn"]).rpartition("/")[2])}
    tagging = {("TagResource", str(body["TableName"]))} if body.get("Tags") else set()
    return {(operation, str(body["TableName"])), *tagging}


def _lambda(operation: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The function's or the layer's; those of the role and the layers that a function gets; and that of tags."""
    method, path = unquote(operation).split(" ", 1)
    call = f"{method} {re.sub(r'^/[0-9-]+/', '', path).rstrip('?')}"
    name, found = next((name, match) for pattern, name in _LAMBDA if (match := re.fullmatch(pattern, call)))
    parts = found.groupdict()
    if layer := parts.get("layer"):
        version = parts.get("version")
        yield f"lambda:{name}", _arn("lambda", f"layer:{_last(layer)}" + (f":{version}" if version else ""))
        return
    function = _arn("lambda", f"function:{_last(parts.get('function') or body['FunctionName'])}")
    yield f"lambda:{name}", function
    if body.get("Role"):
        yield "iam:PassRole", body["Role"]
    if body.get("Tags"):
        yield "lambda:TagResource", function
    for arn in body.get("Layers") or ():
        yield "lambda:GetLayerVersion", arn


def _last(name_or_arn: str) -> str:
    return name_or_arn.rpartition(":")[2]


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{resource}"
