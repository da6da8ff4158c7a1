"""Writes the activity item in rds-lifecycle's metadata table directly, without the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from rds_lifecycle_client.errors import Unavailable
from rds_lifecycle_client.fork import PerProcess
from rds_lifecycle_client.model import format_time, round_up

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# In seconds, for each attempt. Short, because a process that exits waits for its last report.
_CONFIG: Final = Config(
    connect_timeout=1, read_timeout=1.5, retries={"mode": "standard", "total_max_attempts": 2}, max_pool_connections=1
)
_MAX_ATTEMPTS: Final = 5


class ActivityItem:
    """An item ``{"key": …, "value": "<ISO 8601>"}``. Needs dynamodb:GetItem and dynamodb:UpdateItem on the table."""

    def __init__(self, table: str, key: str) -> None:
        self._table = table
        self._key = key
        self._client = PerProcess(_create_client)

    def report(self, at: datetime) -> None:
        """Write the time in whole seconds, rounded up. Never replaces a later time.

        A value in another time format is replaced, and so is a value that is not a time. Raises botocore's errors, and
        Unavailable if other writers change the item at every attempt.
        """
        reported_at = round_up(at)
        for _ in range(_MAX_ATTEMPTS):
            response = self._client.get().get_item(
                TableName=self._table,
                Key={"key": {"S": self._key}},
                ConsistentRead=True,
                ProjectionExpression="#value",
                ExpressionAttributeNames={"#value": "value"},
            )
            stored = response.get("Item", {}).get("value")
            stored_at = None if stored is None else _parse(stored)
            if (stored_at is not None and stored_at >= reported_at) or self._replace(stored, reported_at):
                return
        raise Unavailable(f"Other writers changed the item {self._key} at each of {_MAX_ATTEMPTS} attempts.")

    def _replace(self, stored: Mapping[str, Any] | None, at: datetime) -> bool:
        """Write the value if it has not changed since it was read. Returns whether it was written."""
        values: dict[str, Any] = {":at": {"S": format_time(at)}}
        condition = "attribute_not_exists(#value)"
        if stored is not None:
            condition = "#value = :stored"
            values[":stored"] = stored
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


def _create_client() -> DynamoDBClient:
    # Not boto3's default session, which is not thread-safe.
    return boto3.session.Session().client("dynamodb", config=_CONFIG)


def _parse(value: Mapping[str, Any]) -> datetime | None:
    """Parse a time in any format that rds-lifecycle accepts. Returns None for any other value."""
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
