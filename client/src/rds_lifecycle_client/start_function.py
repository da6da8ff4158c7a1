"""The direct way: rds-lifecycle's function start_database, through Lambda's Invoke."""

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

from rds_lifecycle_client.responses import read_restart
from rds_lifecycle_client.errors import NotConfigured, RequestRejected, Unavailable
from rds_lifecycle_client.model import RestartResult
from rds_lifecycle_client.fork import PerProcess

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

# The function may take 15 s where many ask at once. Invoke is not repeated by botocore: the caller says when.
_TIMES: Final = Config(connect_timeout=2, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 1})
_PASSING: Final = ("TooManyRequestsException", "ServiceException", "ThrottlingException", "RequestLimitExceeded")


class StartFunction:
    """Needs lambda:InvokeFunction on the function. ``database`` None is the function's default database."""

    def __init__(self, name: str, database: str | None) -> None:
        self._name = name
        self._payload = json.dumps({} if database is None else {"database": database}).encode()
        self._client = PerProcess(_connect)

    def restart(self) -> RestartResult:
        """Ask for a restart. Raises Unavailable, RequestRejected, CannotStart, or NotConfigured where AWS cannot be asked."""
        try:
            answer = self._client.get().invoke(FunctionName=self._name, Payload=self._payload)
            result = json.loads(answer["Payload"].read())
        except (NoCredentialsError, NoRegionError, PartialCredentialsError, ProfileNotFound) as error:
            raise NotConfigured((f"AWS_REGION, AWS_PROFILE or the credentials: {error}",)) from error
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if error.response["Error"]["Code"] in _PASSING or status >= 500:
                raise Unavailable(f"Lambda does not run {self._name} at the moment: {error}") from error
            raise RequestRejected(f"Lambda refuses to run {self._name}: {error}") from error
        except (BotoCoreError, ValueError) as error:
            raise Unavailable(f"Lambda does not answer: {error}") from error
        match result:
            case {"statusCode": int(status), "headers": dict(headers), "body": str(body)}:
                return read_restart(status, headers, body)
            case _:
                raise Unavailable(f"{self._name} has failed; its log says why.")


def _connect() -> LambdaClient:
    # A session of its own: boto3's default one is not made for threads.
    return boto3.session.Session().client("lambda", config=_TIMES)
