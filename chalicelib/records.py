"""Records and events ↔ DynamoDB attributes.

What an older or a newer version wrote is read as far as it is understood: a missing or strange field has its default.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

from chalicelib.attributes import Attributes, from_attributes
from chalicelib.model import (
    Event,
    EventName,
    Fence,
    Hold,
    Launch,
    PendingRestart,
    Record,
)
from chalicelib.timestamps import parse_time

VERSION: Final = 1
"""The version of the record's shape, stored as ``v``: that of whoever wrote last."""

LARGEST_REVISION: Final = 10**15
"""A ``rev`` that is larger, or below 1, or no number, was not written by any version, and counts as none."""

T = TypeVar("T")

_log = logging.getLogger("rds-lifecycle")


def encode_record(record: Record) -> dict[str, Any]:
    """The record's fields as plain values; None means that the attribute is to be absent."""
    return {
        "v": VERSION,
        "rev": record.rev,
        "status": record.status,
        "since": _text(record.since),
        "up_since": _text(record.up_since),
        "up_as_asked": record.up_as_asked or None,
        "first_seen_at": _text(record.first_seen_at),
        "restart_asked_at": _text(record.restart_asked_at),
        "restart": record.restart and {"requested_at": _text(record.restart.requested_at), "by": record.restart.by},
        "hold": record.hold and {"until": _text(record.hold.until), "by": record.hold.by},
        "fence": record.fence and {"raised_at": _text(record.fence.raised_at), "why": record.fence.why},
        "launch": record.launch
        and {
            "at": _text(record.launch.at),
            "by": record.launch.by,
            "requested_at": _text(record.launch.requested_at),
            **({"joined": True} if record.launch.joined else {}),
        },
        "start_seconds": list(record.start_seconds) or None,
        "automatic_restart_at": _text(record.automatic_restart_at),
        "started_by_aws": record.started_by_aws or None,
        "failure": record.failure,
        "told_on": None if record.told_on is None else record.told_on.isoformat(),
    }


def decode_record(item: Attributes | None) -> Record:
    """The record stored in the item; a fresh one where there is none."""
    if item is None:
        return Record()
    field = _Fields(from_attributes(item))
    return Record(
        rev=field.read("rev", _revision, 0),
        status=field.read("status", str, None),
        since=field.read("since", parse_time, None),
        up_since=field.read("up_since", parse_time, None),
        up_as_asked=field.read("up_as_asked", bool, False),
        first_seen_at=field.read("first_seen_at", parse_time, None),
        restart_asked_at=field.read("restart_asked_at", parse_time, None),
        restart=field.read("restart", lambda m: PendingRestart(parse_time(m["requested_at"]), str(m["by"])), None),
        hold=field.read("hold", lambda m: Hold(parse_time(m["until"]), str(m["by"])), None),
        fence=field.read("fence", lambda m: Fence(parse_time(m["raised_at"]), str(m["why"])), None),
        launch=field.read(
            "launch",
            lambda m: Launch(
                parse_time(m["at"]), str(m["by"]), parse_time(m["requested_at"]), joined=bool(m.get("joined"))
            ),
            None,
        ),
        start_seconds=field.read("start_seconds", lambda seconds: tuple(int(s) for s in seconds), ()),
        automatic_restart_at=field.read("automatic_restart_at", parse_time, None),
        started_by_aws=field.read("started_by_aws", bool, False),
        failure=field.read("failure", str, None),
        told_on=field.read("told_on", date.fromisoformat, None),
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
