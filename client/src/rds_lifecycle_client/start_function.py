"""Requests a restart through rds-lifecycle's Lambda function start_database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from rds_lifecycle_client.errors import NotConfigured, RequestRejected, Unavailable
from rds_lifecycle_client.fork import PerProcess
from rds_lifecycle_client.model import RestartResult
from rds_lifecycle_client.responses import parse_restart

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

# The function may take 15 s when many restarts are requested at once. botocore does not retry; the caller does.
_CONFIG: Final = Config(connect_timeout=2, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 1})
_TRANSIENT: Final = ("TooManyRequestsException", "ServiceException", "ThrottlingException", "RequestLimitExceeded")


class StartFunction:
    """Needs lambda:InvokeFunction on the function. ``database`` None selects the function's default database."""

    def __init__(self, name: str, database: str | None) -> None:
        self._name = name
        self._payload = json.dumps({} if database is None else {"database": database}).encode()
        self._client = PerProcess(_create_client)

    def restart(self) -> RestartResult:
        """Request a restart. Raises Unavailable, RequestRejected and CannotStart; NotConfigured without credentials."""
        try:
            response = self._client.get().invoke(FunctionName=self._name, Payload=self._payload)
            result = json.loads(response["Payload"].read())
        except (NoCredentialsError, NoRegionError, PartialCredentialsError, ProfileNotFound) as error:
            raise NotConfigured((f"AWS_REGION, AWS_PROFILE or the credentials: {error}",)) from error
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if error.response["Error"]["Code"] in _TRANSIENT or status >= 500:
                raise Unavailable(f"Lambda cannot run {self._name} at the moment: {error}") from error
            raise RequestRejected(f"Lambda refused to run {self._name}: {error}") from error
        except (BotoCoreError, ValueError) as error:
            raise Unavailable(f"Lambda did not respond: {error}") from error
        match result:
            case {"statusCode": int(status), "headers": dict(headers), "body": str(body)}:
                return parse_restart(status, headers, body)
            case _:
                raise Unavailable(f"{self._name} failed; see its log.")


def _create_client() -> LambdaClient:
    # Not boto3's default session, which is not thread-safe.
    return boto3.session.Session().client("lambda", config=_CONFIG)
