"""Parses and formats times; inside the app they are aware UTC datetimes."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_DATE_AND_TIME: Final = re.compile(r"\d{4}(-\d\d-\d\d|\d{4})[Tt ]\d\d.*")
_SMALLEST_NUMBER: Final = 1_000_000_000
"""Epoch seconds of September 2001. A smaller number is an ID, a date or a duration."""
_LARGEST_NUMBER: Final = 100_000_000_000
"""Epoch seconds of the year 5138."""


def parse_time(value: object) -> datetime:
    """Parse an ISO 8601 date and time (without an offset it is UTC), or a number of epoch seconds or milliseconds.

    A number may be a string. A time before September 2001 is accepted only as text. Raises ValueError with a message
    for users.
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


def _from_epoch(number: float | Decimal | str) -> datetime:
    epoch = float(number)
    for seconds in (epoch, epoch / 1000):
        if _SMALLEST_NUMBER <= seconds < _LARGEST_NUMBER:
            return datetime.fromtimestamp(seconds, UTC)
    raise ValueError("it is a number, but not one of seconds or milliseconds since 1970")


def _from_iso(text: str) -> datetime:
    if not _DATE_AND_TIME.fullmatch(text):
        raise ValueError("it is text, but not an ISO 8601 date with a time of day")
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("it is text, but not an ISO 8601 date with a time of day") from None
