"""The activity item in rds-lifecycle's metadata table, written by the backend itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from rds_lifecycle_client.errors import Unavailable
from rds_lifecycle_client.model import format_time, round_up
from rds_lifecycle_client.fork import PerProcess

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Seconds for each attempt. Nobody waits for a report, but the end of the process waits for the last one.
_TIMES: Final = Config(
    connect_timeout=1, read_timeout=1.5, retries={"mode": "standard", "total_max_attempts": 2}, max_pool_connections=1
)
_ATTEMPTS: Final = 5


class ActivityItem:
    """An item ``{"key": …, "value": "<ISO 8601>"}``. Needs dynamodb:GetItem and dynamodb:UpdateItem on the table."""

    def __init__(self, table: str, key: str) -> None:
        self._table = table
        self._key = key
        self._client = PerProcess(_connect)

    def report(self, at: datetime) -> None:
        """Write the time in whole seconds, rounded up; never moves it backwards.

        A value in another notation is replaced, one that holds no time too. Raises Unavailable where other writers
        always come first, and botocore's errors.
        """
        wanted = round_up(at)
        for _ in range(_ATTEMPTS):
            item = self._client.get().get_item(
                TableName=self._table,
                Key={"key": {"S": self._key}},
                ConsistentRead=True,
                ProjectionExpression="#value",
                ExpressionAttributeNames={"#value": "value"},
            )
            before = item.get("Item", {}).get("value")
            known = None if before is None else _read(before)
            if (known is not None and known >= wanted) or self._set(before, wanted):
                return
        raise Unavailable(f"Others write the item {self._key} faster than this process can.")

    def _set(self, before: Mapping[str, Any] | None, at: datetime) -> bool:
        """Set the value if nobody has changed it since it was read; says whether it was set."""
        values: dict[str, Any] = {":at": {"S": format_time(at)}}
        condition = "attribute_not_exists(#value)"
        if before is not None:
            condition = "#value = :before"
            values[":before"] = before
        try:
            self._client.get().update_item(
                TableName=self._table,
                Key={"key": {"S": self._key}},
                UpdateExpression="SET #value = :at",
                ConditionExpression=condition,
                ExpressionAttributeNames={"#value": "value"},
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ConditionalCheckFailedException", "TransactionConflictException"):
                return False
            raise
        return True


def _connect() -> DynamoDBClient:
    # A session of its own: boto3's default one is not made for threads.
    return boto3.session.Session().client("dynamodb", config=_TIMES)


def _read(value: Mapping[str, Any]) -> datetime | None:
    """The time that a value holds, in any notation that rds-lifecycle understands; None for anything else."""
    if set(value) == {"M"} and len(value["M"]) == 1:
        value = next(iter(value["M"].values()))
    text = str(value.get("S", value.get("N", ""))).strip()
    try:
        try:
            return datetime.fromtimestamp(float(text), UTC)
        except ValueError:
            at = datetime.fromisoformat(text)
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
