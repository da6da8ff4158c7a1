"""The metadata table: activity items, the app's records (conditional writes), and the history."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from chalicelib.aws.clients import TRY_AGAIN, aws_call, error_code
from chalicelib.aws.records import (
    LARGEST_REVISION,
    Attributes,
    decode_events,
    decode_record,
    encode_event,
    encode_record,
    from_attributes,
    to_attributes,
)
from chalicelib.domain.activity import Activity, InvalidActivity, LastQuery, NoActivity
from chalicelib.domain.errors import AwsUnavailable, WriteConflict
from chalicelib.domain.model import DatabaseRef, Event, Transition
from chalicelib.domain.record import DatabaseRecord
from chalicelib.domain.timestamps import format_time, parse_time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.settings import Settings

_KEYS_PER_CALL: Final = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""

_READ_ATTEMPTS: Final = 4
_REPORT_ATTEMPTS: Final = 8
_HISTORY_TTL: Final = timedelta(days=400)
_EVENTS_PER_DAY: Final = 500
"""An item has at most 400 KB. Further events of a day are dropped, so that they do not prevent a start or a stop.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""


class Table:
    """The metadata table, through a boto3 client. Every read is strongly consistent."""

    def __init__(self, client: DynamoDBClient, settings: Settings, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._settings = settings
        self._name = settings.metadata_table
        self._sleep = sleep

    def read(self, refs: Sequence[DatabaseRef]) -> dict[DatabaseRef, tuple[DatabaseRecord, Activity]]:
        """Records and activity items: one call for up to 33 databases. Raises what aws_call raises."""
        keys = list(
            dict.fromkeys(key for ref in refs for key in (_record_key(ref), *self._settings.activity_keys_of(ref)))
        )
        items: dict[str, Attributes] = {}
        for first in range(0, len(keys), _KEYS_PER_CALL):
            items.update(self._get(keys[first : first + _KEYS_PER_CALL]))
        return {
            ref: (
                decode_record(items.get(_record_key(ref))),
                _latest([_decode_activity(items.get(key)) for key in self._settings.activity_keys_of(ref)]),
            )
            for ref in refs
        }

    def commit(self, ref: DatabaseRef, before: DatabaseRecord, transition: Transition, now: datetime) -> DatabaseRecord:
        """Store the new record and its events in one transaction, if the record is still the one that was read.

        Returns the record as stored, with its new ``revision``. Raises WriteConflict where another writer was first,
        and what aws_call raises.
        """
        after = replace(transition.record, revision=before.revision + 1)
        writes: list[Any] = [{"Update": self._record_update(ref, before, after)}]
        if transition.events:
            writes.append({"Update": self._history_update(ref, transition.events, now)})
        try:
            self._transact(writes)
        except _HistoryFull:
            self._transact(writes[:1])
        return after

    def history(self, ref: DatabaseRef, days: Iterable[date]) -> tuple[Event, ...]:
        """What happened on these days (UTC, at most 100), oldest first: one call. Raises what aws_call raises."""
        keys = [_history_key(ref, day) for day in days]
        items = self._get(keys)
        events = [event for key in keys for event in decode_events(items.get(key))]
        return tuple(sorted(events, key=lambda event: event.at))

    def report_activity(self, ref: DatabaseRef, at: datetime) -> Activity:
        """Record that the database was queried at that time. The item's time never moves backwards.

        Whole seconds, rounded up, so that the idle timeout is never short. Returns the current activity. A value
        that is not a time is replaced. Raises WriteConflict and what aws_call raises.
        """
        key = self._settings.activity_keys_of(ref)[0]
        wanted = at if not at.microsecond else at.replace(microsecond=0) + timedelta(seconds=1)
        for attempt in range(_REPORT_ATTEMPTS):
            item = self._get([key]).get(key)
            activity = _decode_activity(item)
            if isinstance(activity, LastQuery) and activity.at >= wanted:
                return activity
            if self._set_activity(key, item, wanted):
                return LastQuery(wanted)
            self._sleep(random.uniform(0, 0.05 * (attempt + 1)))  # noqa: S311 - spreads writers, no secret
        raise WriteConflict("Too many clients report activity of this database at the same time.", log_detail=key)

    def _get(self, keys: Sequence[str]) -> dict[str, Attributes]:
        found: dict[str, Attributes] = {}
        wanted: Any = {self._name: {"Keys": [{"key": {"S": key}} for key in keys], "ConsistentRead": True}}
        for attempt in range(_READ_ATTEMPTS):
            with aws_call("dynamodb:BatchGetItem"):
                answer = self._client.batch_get_item(RequestItems=wanted)
                found.update({item["key"]["S"]: item for item in answer["Responses"].get(self._name, [])})
                wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return found
            self._sleep(0.1 * 2**attempt)
        raise AwsUnavailable(
            "DynamoDB is throttling at the moment.",
            TRY_AGAIN,
            log_detail="dynamodb:BatchGetItem: keys left unprocessed",
        )

    def _record_update(self, ref: DatabaseRef, before: DatabaseRecord, after: DatabaseRecord) -> dict[str, Any]:
        """Names only the fields that change, so that fields of another version stay as they are."""
        known = encode_record(before)
        fields = {
            name: value
            for name, value in encode_record(after).items()
            if name in ("v", "revision") or value != known[name]
        }
        kept = {name: value for name, value in fields.items() if value is not None}
        removed = [name for name, value in fields.items() if value is None]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in kept)
        if removed:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in removed)
        values = {f":{name}": value for name, value in kept.items()}
        if before.revision:
            condition = "#revision >= :expected AND #revision < :revision"
            values[":expected"] = before.revision
        else:
            # Whatever decode_record reads as no revision: one write replaces it, and only one.
            condition = (
                "attribute_not_exists(#revision) OR NOT attribute_type(#revision, :number) "
                "OR #revision < :first OR #revision > :last"
            )
            values |= {":number": "N", ":first": 1, ":last": LARGEST_REVISION}
        return {
            "TableName": self._name,
            "Key": {"key": {"S": _record_key(ref)}},
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in fields},
            "ExpressionAttributeValues": to_attributes(values),
        }

    def _history_update(self, ref: DatabaseRef, events: Sequence[Event], now: datetime) -> dict[str, Any]:
        values = {
            ":none": [],
            ":new": [encode_event(event) for event in events],
            ":expiry": int((now + _HISTORY_TTL).timestamp()),
            ":most": _EVENTS_PER_DAY,
        }
        return {
            "TableName": self._name,
            "Key": {"key": {"S": _history_key(ref, now.date())}},
            "UpdateExpression": "SET #events = list_append(if_not_exists(#events, :none), :new), #expires_at = :expiry",
            "ConditionExpression": "attribute_not_exists(#events) OR size(#events) < :most",
            "ExpressionAttributeNames": {"#events": "events", "#expires_at": "expires_at"},
            "ExpressionAttributeValues": to_attributes(values),
        }

    def _transact(self, writes: list[Any]) -> None:
        # botocore sends a ClientRequestToken, so that its own retries cannot apply a write twice:
        # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
        with aws_call("dynamodb:UpdateItem"):
            try:
                self._client.transact_write_items(TransactItems=writes)
            except self._client.exceptions.TransactionCanceledException as error:
                codes = [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])]
                if codes[:1] == ["ConditionalCheckFailed"] or "TransactionConflict" in codes:
                    raise WriteConflict("Another function changed the record.", log_detail=str(error)) from error
                if codes[1:] == ["ConditionalCheckFailed"]:
                    raise _HistoryFull from error
                if any(code in ("ThrottlingError", "ProvisionedThroughputExceeded") for code in codes):
                    raise AwsUnavailable(
                        "DynamoDB is throttling at the moment.", TRY_AGAIN, log_detail=str(error)
                    ) from error
                raise

    def _set_activity(self, key: str, before: Attributes | None, at: datetime) -> bool:
        """Set the item's value if it has not changed since it was read; returns whether it was set."""
        values: dict[str, Any] = {":at": {"S": format_time(at)}}
        condition = "attribute_not_exists(#value)"
        if before is not None and "value" in before:
            condition = "#value = :before"
            values[":before"] = before["value"]
        with aws_call("dynamodb:UpdateItem"):
            try:
                self._client.update_item(
                    TableName=self._name,
                    Key={"key": {"S": key}},
                    UpdateExpression="SET #value = :at",
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#value": "value"},
                    ExpressionAttributeValues=values,
                )
            except ClientError as error:
                if error_code(error) in ("ConditionalCheckFailedException", "TransactionConflictException"):
                    return False
                raise
        return True


class _HistoryFull(Exception):
    """The day's history has the maximum number of events."""


def _record_key(ref: DatabaseRef) -> str:
    return f"rds_lifecycle/{ref.id}"


def _history_key(ref: DatabaseRef, day: date) -> str:
    return f"rds_history/{ref.id}/{day.isoformat()}"


def _latest(activities: Sequence[Activity]) -> Activity:
    """The latest query of several items. An item that is not valid could contain a later one."""
    invalid = next((activity for activity in activities if isinstance(activity, InvalidActivity)), None)
    queries = [activity for activity in activities if isinstance(activity, LastQuery)]
    return invalid or max(queries, key=lambda query: query.at, default=NoActivity())


def _decode_activity(item: Attributes | None) -> Activity:
    if item is None:
        return NoActivity()
    value = from_attributes(item).get("value")
    if isinstance(value, dict) and len(value) == 1:
        # Written through boto3's Table resource in the low-level format: {"S": "<ISO 8601>"} as a map.
        value = next(iter(value.values()))
    if value is None:
        return InvalidActivity("it has no value")
    try:
        return LastQuery(parse_time(value))
    except ValueError as error:
        return InvalidActivity(str(error))
