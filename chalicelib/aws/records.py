"""Records and history events ↔ DynamoDB attributes.

Data of another version is read as far as possible: a missing or invalid field has its default.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from chalicelib.domain.model import Event, EventName
from chalicelib.domain.record import AcceptedStart, DatabaseRecord, Hold, PendingRestart, StopIntent
from chalicelib.domain.timestamps import parse_time

VERSION: Final = 1
"""The version of the record's format, stored as ``v``: that of the last writer."""

LARGEST_REVISION: Final = 10**15
"""A ``revision`` that is larger, or below 1, or not a number, was not written by any version, and counts as none."""

Attributes = Mapping[str, Any]
"""An item in DynamoDB's format, such as ``{"key": {"S": "..."}}``."""

_INVALID: Final = (AttributeError, TypeError, KeyError, ValueError, ArithmeticError)
_deserialize: Final = TypeDeserializer().deserialize
_serialize: Final = TypeSerializer().serialize

_log = logging.getLogger("rds-lifecycle")


@dataclass(frozen=True, slots=True)
class _Codec:
    """How one field is stored. ``encode`` returns None where the attribute is to be absent."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def _nested(cls: type, **fields: _Codec) -> _Codec:
    def encode(value: Any) -> dict[str, Any]:
        return _present({name: codec.encode(getattr(value, name)) for name, codec in fields.items()})

    def decode(stored: Attributes) -> Any:
        return cls(**{name: codec.decode(stored[name]) for name, codec in fields.items() if name in stored})

    return _Codec(encode, decode)


def _revision(value: Any) -> int:
    if not isinstance(value, Decimal) or not 1 <= value <= LARGEST_REVISION:
        raise ValueError("it is not a revision number")
    return int(value)


_TEXT: Final = _Codec(str, str)
_FLAG: Final = _Codec(lambda flag: flag or None, bool)
_COUNT: Final = _Codec(lambda count: count, int)
_TIME: Final = _Codec(datetime.isoformat, parse_time)
_RESTART: Final = _nested(PendingRestart, requested_at=_TIME, by=_TEXT)

_RECORD: Final[Mapping[str, _Codec]] = {
    "revision": _Codec(int, _revision),
    "resource_id": _TEXT,
    "status": _TEXT,
    "status_changed_at": _TIME,
    "available_since": _TIME,
    "started_on_request": _FLAG,
    "first_observed_at": _TIME,
    "last_restart_requested_at": _TIME,
    "pending_restart": _RESTART,
    "hold": _nested(Hold, until=_TIME, by=_TEXT),
    "stop_intent": _nested(StopIntent, set_at=_TIME, reason=_TEXT, open_connections=_COUNT),
    "accepted_start": _nested(AcceptedStart, accepted_at=_TIME, restart=_RESTART, external=_FLAG),
    "start_durations": _Codec(lambda seconds: list(seconds) or None, lambda stored: tuple(int(s) for s in stored)),
    "automatic_restart_at": _TIME,
    "automatic_start_announced_at": _TIME,
    "started_by_aws": _FLAG,
    "start_prevented_at": _TIME,
    "metric_unknown_since": _TIME,
    "last_error": _TEXT,
    "last_daily_status_on": _Codec(date.isoformat, date.fromisoformat),
}


def from_attributes(item: Attributes) -> dict[str, Any]:
    """DynamoDB's typed attributes as plain values; numbers are Decimals."""
    return {name: _deserialize(value) for name, value in item.items()}


def to_attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as DynamoDB's typed attributes. Raises TypeError for a value that has no attribute type."""
    return {name: _serialize(value) for name, value in values.items()}


def encode_record(record: DatabaseRecord) -> dict[str, Any]:
    """The record's fields as plain values; None means that the attribute is to be absent."""
    values = {name: getattr(record, name) for name in _RECORD}
    encoded = {name: None if value is None else _RECORD[name].encode(value) for name, value in values.items()}
    return {"v": VERSION, **encoded}


def decode_record(item: Attributes | None) -> DatabaseRecord:
    """The record stored in the item; a new one where there is none."""
    stored = from_attributes(item or {})
    fields: dict[str, Any] = {}
    for name, codec in _RECORD.items():
        if stored.get(name) is None:
            continue
        try:
            fields[name] = codec.decode(stored[name])
        except _INVALID:
            _log.warning("A field of the record is invalid; its default is used.", extra={"field": name})
    return DatabaseRecord(**fields)


def encode_event(event: Event) -> dict[str, Any]:
    """One history event as plain values, without empty fields."""
    values = {
        "at": event.at.isoformat(),
        "event": event.name.value,
        "by": event.by,
        "detail": event.detail,
        "status": event.status,
        "seconds": event.seconds,
        "open_connections": event.open_connections,
    }
    return _present(values)


def decode_events(item: Attributes | None) -> tuple[Event, ...]:
    """One day's history, without invalid events, such as unknown ones of another version."""
    entries = from_attributes(item or {}).get("events")
    decoded = [_event(entry) for entry in entries] if isinstance(entries, list) else []
    return tuple(event for event in decoded if event is not None)


def _event(entry: Any) -> Event | None:
    try:
        return Event(
            parse_time(entry["at"]),
            EventName(entry["event"]),
            entry.get("by"),
            str(entry["detail"]),
            entry.get("status"),
            int(entry["seconds"]) if "seconds" in entry else None,
            int(entry["open_connections"]) if "open_connections" in entry else None,
        )
    except _INVALID:
        _log.warning("A history event is invalid and is ignored.")
        return None


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
