"""AWS's refusals, as boto3 raises them."""

import functools
from typing import Any

import botocore.session
from botocore.errorfactory import ClientExceptionsFactory
from botocore.exceptions import ClientError
from botocore.model import ServiceModel


@functools.cache
def service_model(service: str) -> ServiceModel:
    """botocore's own description of the service."""
    return botocore.session.get_session().get_service_model(service)


@functools.cache
def exceptions(service: str) -> Any:
    """What a boto3 client has as ``client.exceptions``."""
    return ClientExceptionsFactory().create_client_exceptions(service_model(service))


def refusal(service: str, operation: str, code: str, status: int = 400, **more: Any) -> ClientError:
    """The error that a client raises for this code."""
    made: type[ClientError] = exceptions(service).from_code(code)
    response: Any = {
        "Error": {"Code": code, "Message": f"AWS's own words on {operation}, account 123456789012"},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **more,
    }
    return made(response, operation)
