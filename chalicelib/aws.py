"""boto3 clients that fit into API Gateway's 29 s, and botocore's errors in our own few."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import AwsRefused, AwsUnavailable, MissingPermission

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_rds import RDSClient

PARALLEL_CALLS: Final = 16
"""How many AWS calls one run makes side by side at most."""

TRY_AGAIN: Final = "Nothing is lost; try again in a little while."

_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})
_PASSING: Final = frozenset(
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


def _config(connect: float, read: float, attempts: int) -> Config:
    """Timeouts in seconds for each attempt; the worst case of one call is about attempts x (connect + read)."""
    return Config(
        connect_timeout=connect,
        read_timeout=read,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=PARALLEL_CALLS,
    )


def rds_client() -> RDSClient:
    """RDS answers a start or a stop within a second or two: 16 s at the worst."""
    return boto3.client("rds", config=_config(2, 6, 2))


def dynamodb_client() -> DynamoDBClient:
    """DynamoDB answers within milliseconds: 9 s at the worst."""
    return boto3.client("dynamodb", config=_config(1, 2, 3))


def cloudwatch_client() -> CloudWatchClient:
    """CloudWatch is only the second opinion: 8 s at the worst, then it is silent."""
    return boto3.client("cloudwatch", config=_config(1, 3, 2))


def error_code(error: ClientError) -> str:
    """The code of AWS's answer, which is not always the exception's name (``InvalidDBInstanceState``)."""
    return error.response.get("Error", {}).get("Code", "")


@contextmanager
def aws_call(action: str) -> Iterator[None]:
    """Around one AWS call: whatever the caller did not handle becomes one of our errors.

    ``action`` is the IAM action of the call. Raises MissingPermission, AwsUnavailable or AwsRefused.
    """
    try:
        yield
    except ClientError as error:
        raise _translate(action, error) from error
    except BotoCoreError as error:
        # Connections refused and timed out, endpoints not resolved, credentials not found: no answer from AWS.
        raise AwsUnavailable("AWS does not answer at the moment.", TRY_AGAIN, for_log=f"{action}: {error}") from error


def _translate(action: str, error: ClientError) -> AwsUnavailable | MissingPermission | AwsRefused:
    code = error_code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    for_log = f"{action}: {error}"
    if code in _DENIED:
        what = f"The function's role lacks the permission {action}."
        return MissingPermission(what, "Run make policies and deploy again.", for_log=for_log)
    if code in _PASSING or status >= 500 or status == 429:
        return AwsUnavailable("AWS is throttling or failing at the moment.", TRY_AGAIN, for_log=for_log)
    if action.startswith("dynamodb:") and code == "ResourceNotFoundException":
        return AwsRefused("The metadata table does not exist.", "Create it, or mend METADATA_TABLE.", for_log=for_log)
    return AwsRefused(f"AWS refused {action}.", "The operator finds AWS's own words in the log.", for_log=for_log)
