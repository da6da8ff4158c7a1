"""Parses and formats times; inside the app they are aware UTC datetimes."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


def parse_time(value: object) -> datetime:
    """Parse an ISO 8601 string (without an offset it is UTC) or a number of epoch seconds, also as a string.

    Raises ValueError with a message for users.
    """
    match value:
        case bool():
            raise ValueError("it is true or false, not a time")
        case int() | float() | Decimal():
            return _from_epoch(value)
        case str() if _NUMBER.fullmatch(value.strip()):
            return _from_epoch(value)
        case str():
            return _from_iso(value.strip())
        case _:
            raise ValueError("it is neither text nor a number")


def format_time(at: datetime) -> str:
    """UTC, ISO 8601 with ``Z``, whole seconds: the form of every time in a response."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def format_duration(duration: timedelta) -> str:
    """``45 s``, ``12 min``, ``1 h 5 min``, ``3 days 2 h``, rounded down."""
    seconds = max(0, int(duration.total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 2:
        return f"{seconds} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 2:
        return f"{hours} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    return f"{days} days" + (f" {hours % 24} h" if hours % 24 else "")


def _from_epoch(seconds: float | Decimal | str) -> datetime:
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError("it is a number, but not one of seconds since 1970") from None


def _from_iso(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("it is text, but not an ISO 8601 time") from None
