"""The IAM permissions that a call requires.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

ACCOUNT = "123456789012"
_WRITES = {"Update": "UpdateItem", "Put": "PutItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}


def required_permissions(service: str, operation: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The IAM actions of one call, each with the exact ARN."""
    if service == "dynamodb":
        for name, table in _tables(operation, body):
            yield f"dynamodb:{name}", _arn(service, f"table/{table}")
    elif service == "rds":
        kind = "cluster" if "Cluster" in operation else "db"
        parameter = "DBClusterIdentifier" if kind == "cluster" else "DBInstanceIdentifier"
        yield f"rds:{operation}", _arn(service, f"{kind}:{body.get(parameter, '*')}")
    else:
        yield f"{service}:{operation}", "*"


def _tables(operation: str, body: Mapping[str, Any]) -> set[tuple[str, str]]:
    if operation == "TransactWriteItems":
        return {
            (_WRITES[kind], str(call["TableName"])) for item in body["TransactItems"] for kind, call in item.items()
        }
    if operation == "BatchGetItem":
        return {(operation, table) for table in body["RequestItems"]}
    return {(operation, str(body["TableName"]))}


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{resource}"
