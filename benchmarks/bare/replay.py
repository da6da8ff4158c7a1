"""AWS calls made by boto3 alone, one after the other: the calls in the event, which are those of the app."""

from typing import Any

import boto3

clients: dict[str, Any] = {"rds": boto3.client("rds"), "dynamodb": boto3.client("dynamodb")}


def handler(event: Any, context: Any) -> None:
    """The event contains the service, method and parameters of each call."""
    for service, method, parameters in event:
        getattr(clients[service], method)(**parameters)
