"""Records and events ↔ DynamoDB attributes.

What an older or a newer version wrote is read as far as it is understood: a missing or strange field has its default.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

from chalicelib.aws.attributes import Attributes, from_attributes
from chalicelib.domain.model import (
    AcceptedStart,
    DatabaseRecord,
    Event,
    EventName,
    Hold,
    PendingRestart,
    StopIntent,
)
from chalicelib.domain.timestamps import parse_time

VERSION: Final = 1
"""The version of the record's shape, stored as ``v``: that of whoever wrote last."""

LARGEST_REVISION: Final = 10**15
"""A ``rev`` that is larger, or below 1, or no number, was not written by any version, and counts as none."""

T = TypeVar("T")

_log = logging.getLogger("rds-lifecycle")


def encode_record(record: DatabaseRecord) -> dict[str, Any]:
    """The record's fields as plain values; None means that the attribute is to be absent."""
    return {
        "v": VERSION,
        "revision": record.revision,
        "status": record.status,
        "status_changed_at": _text(record.status_changed_at),
        "available_since": _text(record.available_since),
        "started_on_request": record.started_on_request or None,
        "first_observed_at": _text(record.first_observed_at),
        "last_restart_requested_at": _text(record.last_restart_requested_at),
        "pending_restart": record.pending_restart
        and {"requested_at": _text(record.pending_restart.requested_at), "by": record.pending_restart.by},
        "hold": record.hold and {"until": _text(record.hold.until), "by": record.hold.by},
        "stop_intent": record.stop_intent
        and {"raised_at": _text(record.stop_intent.raised_at), "why": record.stop_intent.why},
        "accepted_start": record.accepted_start
        and {
            "at": _text(record.accepted_start.at),
            "by": record.accepted_start.by,
            "requested_at": _text(record.accepted_start.requested_at),
            **({"joined": True} if record.accepted_start.joined else {}),
        },
        "start_durations": list(record.start_durations) or None,
        "automatic_restart_at": _text(record.automatic_restart_at),
        "started_by_aws": record.started_by_aws or None,
        "last_error": record.last_error,
        "last_daily_status_on": None
        if record.last_daily_status_on is None
        else record.last_daily_status_on.isoformat(),
    }


def decode_record(item: Attributes | None) -> DatabaseRecord:
    """The record stored in the item; a fresh one where there is none."""
    if item is None:
        return DatabaseRecord()
    field = _Fields(from_attributes(item))
    return DatabaseRecord(
        revision=field.read("revision", _revision, 0),
        status=field.read("status", str, None),
        status_changed_at=field.read("status_changed_at", parse_time, None),
        available_since=field.read("available_since", parse_time, None),
        started_on_request=field.read("started_on_request", bool, False),
        first_observed_at=field.read("first_observed_at", parse_time, None),
        last_restart_requested_at=field.read("last_restart_requested_at", parse_time, None),
        pending_restart=field.read(
            "pending_restart", lambda m: PendingRestart(parse_time(m["requested_at"]), str(m["by"])), None
        ),
        hold=field.read("hold", lambda m: Hold(parse_time(m["until"]), str(m["by"])), None),
        stop_intent=field.read("stop_intent", lambda m: StopIntent(parse_time(m["raised_at"]), str(m["why"])), None),
        accepted_start=field.read(
            "accepted_start",
            lambda m: AcceptedStart(
                parse_time(m["at"]), str(m["by"]), parse_time(m["requested_at"]), joined=bool(m.get("joined"))
            ),
            None,
        ),
        start_durations=field.read("start_durations", lambda seconds: tuple(int(s) for s in seconds), ()),
        automatic_restart_at=field.read("automatic_restart_at", parse_time, None),
        started_by_aws=field.read("started_by_aws", bool, False),
        last_error=field.read("last_error", str, None),
        last_daily_status_on=field.read("last_daily_status_on", date.fromisoformat, None),
    )


def encode_event(event: Event) -> dict[str, Any]:
    """One line of history as plain values, without the fields that say nothing."""
    values = {
        "at": _text(event.at),
        "event": event.name.value,
        "by": event.by,
        "detail": event.detail,
        "status": event.status,
        "seconds": event.seconds,
    }
    return {name: value for name, value in values.items() if value is not None}


def decode_events(item: Attributes | None) -> tuple[Event, ...]:
    """One day's history; what another version wrote and this one does not understand is left out."""
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
        )
    except (AttributeError, TypeError, KeyError, ValueError, ArithmeticError):
        _log.warning("An entry of the history is not understood and left out.")
        return None


class _Fields:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def read(self, name: str, parse: Callable[[Any], T], default: T) -> T:
        value = self._values.get(name)
        if value is None:
            return default
        try:
            return parse(value)
        except (ValueError, TypeError, KeyError, ArithmeticError):
            _log.warning("A field of the record is not understood and has its default.", extra={"field": name})
            return default


def _revision(value: Any) -> int:
    if not isinstance(value, Decimal) or not 1 <= value <= LARGEST_REVISION:
        raise ValueError("that is no revision number")
    return int(value)


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
