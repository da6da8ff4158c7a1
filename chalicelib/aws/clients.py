"""AWS clients that fit into API Gateway's 29 s, and botocore's errors in our own few."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, cast

import botocore.session
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
"""How many AWS calls one run makes side by side at most.

Enough to stop a hundred databases in seven rounds. RDS throttles calls by account and region, which everybody who
manages databases there shares: with more at once, some would only wait for their second attempt.
"""

TRY_AGAIN: Final = "Nothing is lost; try again in a little while."

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


# What botocore and the adapters raise for an answer that is not AWS's own: a proxy's page, half a document.
_MALFORMED: Final = (ResponseParserError, AttributeError, KeyError, TypeError, ValueError)

# A restart looks at RDS (10 s at the worst), stores the restart (5 s) and starts the database (10 s): less than
# the 29 s after which API Gateway gives up. Seconds, for each attempt; standard mode pauses briefly in between.
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

# A session is not made for threads: "Multithreading or multiprocessing with clients" in boto3's docs.
_making: Final = threading.Lock()


class _Models(Loader):
    """botocore's models of the services that are called here.

    By default it looks through the folders of all four hundred services, twice for each client, before it takes one.
    """

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore names the kind of model
        """Those that have such a model."""
        return ["cloudwatch", "dynamodb", "rds"]


@functools.cache
def _session() -> botocore.session.Session:
    """What boto3 wraps. Its clients are the same, and without boto3 around it a cold start is shorter by a tenth."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _Models())
    return session


def rds_client() -> RDSClient:
    """For describing, starting and stopping."""
    with _making:
        return cast("RDSClient", _session().create_client("rds", config=RDS_CONFIG))


def dynamodb_client() -> DynamoDBClient:
    """For the metadata table."""
    with _making:
        return cast("DynamoDBClient", _session().create_client("dynamodb", config=DYNAMODB_CONFIG))


def cloudwatch_client() -> CloudWatchClient:
    """For the second opinion, which is silent if it does not come quickly."""
    with _making:
        return cast("CloudWatchClient", _session().create_client("cloudwatch", config=CLOUDWATCH_CONFIG))


def error_code(error: ClientError) -> str:
    """The code of AWS's answer, which is not always the exception's name (``InvalidDBInstanceState``)."""
    return error.response.get("Error", {}).get("Code", "")


@contextmanager
def aws_call(action: str) -> Iterator[None]:
    """Around one AWS call: whatever the caller did not handle becomes one of our errors.

    ``action`` is the IAM action of the call. Raises AccessDenied, AwsUnavailable or AwsError.
    """
    try:
        yield
    except ClientError as error:
        raise _translate(action, error) from error
    except BotoCoreError as error:
        # Connections refused and timed out, endpoints not resolved, credentials not found: no answer from AWS.
        raise AwsUnavailable(
            "AWS does not answer at the moment.", TRY_AGAIN, log_detail=f"{action}: {error}"
        ) from error
    except _MALFORMED as error:
        log_detail = f"{action}: the answer is not understood: {error!r}"
        raise AwsUnavailable("AWS gives no answer that can be understood.", TRY_AGAIN, log_detail=log_detail) from error


def _translate(action: str, error: ClientError) -> AwsUnavailable | AccessDenied | AwsError:
    code = error_code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    log_detail = f"{action}: {error}"
    if code in _DENIED:
        what = f"The function's role lacks the permission {action}."
        return AccessDenied(what, "Run make policies and deploy again.", log_detail=log_detail)
    if code in _TRANSIENT or status >= 500 or status == 429:
        return AwsUnavailable("AWS is throttling or failing at the moment.", TRY_AGAIN, log_detail=log_detail)
    if action.startswith("dynamodb:") and code == "ResourceNotFoundException":
        return AwsError(
            "The metadata table does not exist.", "Create it, or mend METADATA_TABLE.", log_detail=log_detail
        )
    return AwsError(f"AWS refused {action}.", "The operator finds AWS's own words in the log.", log_detail=log_detail)
