"""Nothing but AWS calls, made bare by boto3 one after the other: those of the event, as the app made them before."""

from typing import Any

import boto3

clients: dict[str, Any] = {"rds": boto3.client("rds"), "dynamodb": boto3.client("dynamodb")}


def handler(event: Any, context: Any) -> None:
    """The event holds service, method and parameters of each call."""
    for service, method, parameters in event:
        getattr(clients[service], method)(**parameters)
