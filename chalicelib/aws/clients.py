"""boto3 clients whose time-outs fit into API Gateway's 29 s, and the translation of botocore's errors."""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import botocore.session
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError

from chalicelib.domain.errors import AccessDenied, AwsError, AwsUnavailable

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_rds import RDSClient

PARALLEL_CALLS: Final = 16
"""The maximum number of AWS calls that one invocation makes at the same time.

RDS throttles calls: with more calls at the same time, some would only wait for their retry.
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html
"""

TRY_AGAIN: Final = "Nothing is lost. Try again in a minute."

_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})
_TRANSIENT: Final = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)


# A denial that is about the KMS key of the table. DynamoDB uses the key on behalf of the function's role:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
_NAMES_KMS: Final = re.compile(r"\bkms:[A-Z]|\bKMS key\b|:kms:")
_KMS_REMEDY: Final = (
    "Set TABLE_KMS_KEY to the key's ARN, run make policies and deploy again; the key's policy must allow the role "
    "kms:Decrypt, and the key must be enabled."
)

# What botocore and the adapters raise for a malformed response: a page of a proxy, an incomplete document.
_MALFORMED: Final = (ResponseParserError, AttributeError, KeyError, TypeError, ValueError)

# Seconds for each attempt. A restart describes the database (10 s at most), saves the request (5 s) and calls RDS
# (10 s), which is less than the 29 s after which API Gateway ends a request. The write of the result may take longer:
# then the caller gets no response, but the restart is saved, and the next observation infers the result.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
RDS_CONFIG: Final = Config(
    connect_timeout=1,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=PARALLEL_CALLS,
)
DYNAMODB_CONFIG: Final = Config(
    connect_timeout=1,
    read_timeout=1.5,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=PARALLEL_CALLS,
)
CLOUDWATCH_CONFIG: Final = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 1}
)

# A session is not thread-safe: https://docs.aws.amazon.com/boto3/latest/guide/session.html
_session_lock: Final = threading.Lock()


class _ServiceLoader(Loader):
    """botocore's models of the services that are called here.

    botocore lists the folders of all its services, twice for each client, before it loads one model. Without that, a
    cold start is shorter.
    """

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore names the kind of model
        """The services that have such a model."""
        return ["cloudwatch", "dynamodb", "rds"]


@functools.cache
def _session() -> Session:
    core = botocore.session.get_session()
    core.register_component("data_loader", _ServiceLoader())
    return Session(botocore_session=core)


def rds_client() -> RDSClient:
    """A client that describes, starts and stops databases."""
    with _session_lock:
        return _session().client("rds", config=RDS_CONFIG)


def dynamodb_client() -> DynamoDBClient:
    """A client for the metadata table."""
    with _session_lock:
        return _session().client("dynamodb", config=DYNAMODB_CONFIG)


def cloudwatch_client() -> CloudWatchClient:
    """A client for the activity metric."""
    with _session_lock:
        return _session().client("cloudwatch", config=CLOUDWATCH_CONFIG)


def error_code(error: ClientError) -> str:
    """The error code of the response, which is not always the exception's name (``InvalidDBInstanceState``)."""
    return error.response.get("Error", {}).get("Code", "")


@contextmanager
def aws_call(action: str) -> Iterator[None]:
    """Wraps one AWS call: an error that the caller did not handle becomes a Problem.

    ``action`` is the IAM action of the call. Raises AccessDenied, AwsUnavailable or AwsError.
    """
    try:
        yield
    except ClientError as error:
        raise _translate(action, error) from error
    except BotoCoreError as error:
        # Connections refused and timed out, endpoints not resolved, credentials not found: no response from AWS.
        raise AwsUnavailable(
            "AWS does not respond at the moment.", TRY_AGAIN, log_detail=f"{action}: {error}"
        ) from error
    except _MALFORMED as error:
        log_detail = f"{action}: the response is not valid: {error!r}"
        raise AwsUnavailable("AWS returned a response that is not valid.", TRY_AGAIN, log_detail=log_detail) from error


def _translate(action: str, error: ClientError) -> AwsUnavailable | AccessDenied | AwsError:
    code = error_code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    log_detail = f"{action}: {error}"
    if code in _DENIED and _NAMES_KMS.search(error.response.get("Error", {}).get("Message", "")):
        message = (
            "The function's role may not use the KMS key that encrypts the metadata table, or the key is disabled."
        )
        return AccessDenied(message, _KMS_REMEDY, log_detail=log_detail)
    if code in _DENIED:
        message = f"The function's role lacks the permission {action}."
        return AccessDenied(message, "Run make policies and deploy again.", log_detail=log_detail)
    if code in _TRANSIENT or status >= 500 or status == 429:
        return AwsUnavailable("AWS is throttling or failing at the moment.", TRY_AGAIN, log_detail=log_detail)
    if action.startswith("dynamodb:") and code == "ResourceNotFoundException":
        return AwsError(
            "The metadata table does not exist.", "Create it, or correct METADATA_TABLE.", log_detail=log_detail
        )
    return AwsError(f"AWS refused {action}.", "The log contains the error message of AWS.", log_detail=log_detail)
