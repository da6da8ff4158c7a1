"""Request bodies, query parameters and payloads → values, or BadRequest."""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from chalicelib.domain.errors import BadRequest
from chalicelib.domain.timestamps import parse_time


class HasBody(Protocol):
    """A request of Chalice, which decodes the body when it is read."""

    @property
    def raw_body(self) -> bytes | str:
        """The body; raises ValueError where it cannot be decoded."""


MAX_DAYS: Final = 90
"""Of history, in one response."""

_HOLD_FORM: Final = 'Send {"hours": 3} (over 0, at most 168) or {"until": "2030-01-31T18:00:00Z"}.'


def body_of(request: HasBody) -> bytes | str:
    """The body, decoded. Raises BadRequest where it is not valid base64 or not valid UTF-8."""
    try:
        return request.raw_body
    except ValueError:
        raise BadRequest("The body cannot be decoded. Send it as UTF-8.") from None


def read_hold(body: bytes | str | None) -> timedelta | datetime:
    """The duration or the end of a hold, from the body of a hold request. Raises BadRequest."""
    match _json(body):
        case {"hours": hours, **rest} if not rest:
            return _hours(hours)
        case {"until": str(until), **rest} if not rest:
            try:
                return parse_time(until)
            except ValueError as error:
                raise BadRequest(f"The value of until is not a valid time: {error}. {_HOLD_FORM}") from error
        case _:
            raise BadRequest(f"The body has neither hours nor until. {_HOLD_FORM}")


def read_days(query: Mapping[str, str] | None) -> int:
    """The number of days of history: 1 to 90, 7 by default. Raises BadRequest."""
    text = (query or {}).get("days", "7")
    if not re.fullmatch(r"[1-9][0-9]?", text) or int(text) > MAX_DAYS:
        raise BadRequest(f"days is a whole number from 1 to {MAX_DAYS}, as in ?days=7.")
    return int(text)


def read_start_payload(payload: object) -> str | None:
    """The id of the database to start, None for the default one. Raises BadRequest.

    A schedule may send any payload: only ``database`` is read.
    """
    match payload:
        case {"database": str(database_id)}:
            return database_id
        case {"database": _}:
            raise BadRequest('database is the id of a managed database, as in {"database": "ss-financial-prod"}.')
        case _:
            return None


def _json(body: bytes | str | None) -> Any:
    try:
        return json.loads(body or b"")
    except (ValueError, RecursionError):
        raise BadRequest(f"The body is not valid JSON. {_HOLD_FORM}") from None


def _hours(hours: object) -> timedelta:
    # NaN is not over 0; infinity and numbers too large for a float are over 168.
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= 168:
        raise BadRequest(f"hours is a number over 0, at most 168. {_HOLD_FORM}")
    return timedelta(hours=hours)
