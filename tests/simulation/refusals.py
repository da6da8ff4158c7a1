"""AWS's error responses, as boto3 raises them."""

import functools
from typing import Any

import botocore.session
from botocore.errorfactory import ClientExceptionsFactory
from botocore.exceptions import ClientError
from botocore.model import ServiceModel


@functools.cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of the service."""
    return botocore.session.get_session().get_service_model(service)


@functools.cache
def exceptions(service: str) -> Any:
    """The ``client.exceptions`` of a boto3 client."""
    return ClientExceptionsFactory().create_client_exceptions(service_model(service))


def refusal(service: str, operation: str, code: str, status: int = 400, **more: Any) -> ClientError:
    """The exception that a client raises for this error code."""
    exception: type[ClientError] = exceptions(service).from_code(code)
    response: Any = {
        "Error": {"Code": code, "Message": f"AWS's message about {operation}, account 123456789012"},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **more,
    }
    return exception(response, operation)
