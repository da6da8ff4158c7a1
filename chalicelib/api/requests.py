"""Bodies and payloads that people and programs send → values, or BadRequest."""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from chalicelib.domain.errors import BadRequest
from chalicelib.domain.timestamps import parse_time


class HasBody(Protocol):
    """A request as Chalice gives it: its body is decoded when it is asked for."""

    @property
    def raw_body(self) -> bytes | str:
        """The body; raises ValueError where it is not encoded as it claims to be."""


MOST_DAYS: Final = 90
"""Of history, in one answer."""

_HOLD_FORM: Final = 'Send {"hours": 3} (over 0, at most 168) or {"until": "2030-01-31T18:00:00Z"}.'


def body_of(request: HasBody) -> bytes | str:
    """The body, decoded. Raises BadRequest where it is no base64 or no Unicode, though it claims to be."""
    try:
        return request.raw_body
    except ValueError:
        raise BadRequest("The body cannot be decoded. Send it as UTF-8.") from None


def read_hold(body: bytes | str | None) -> timedelta | datetime:
    """For how long, or until when, to hold: from the body of a hold request. Raises BadRequest."""
    match _json(body):
        case {"hours": hours, **rest} if not rest:
            return _hours(hours)
        case {"until": str(until), **rest} if not rest:
            try:
                return parse_time(until)
            except ValueError as fault:
                raise BadRequest(f"until is not understood: {fault}. {_HOLD_FORM}") from fault
        case _:
            raise BadRequest(f"The body does not say how long to hold. {_HOLD_FORM}")


def read_days(query: Mapping[str, str] | None) -> int:
    """For how many days history is asked: 1 to 90, 7 where nothing is said. Raises BadRequest."""
    text = (query or {}).get("days", "7")
    if not re.fullmatch(r"[1-9][0-9]?", text) or int(text) > MOST_DAYS:
        raise BadRequest(f"days is a whole number from 1 to {MOST_DAYS}, as in ?days=7.")
    return int(text)


def read_start_payload(payload: object) -> str | None:
    """The id of the database to start, None for the default one. Raises BadRequest.

    A schedule may send whatever it likes: only ``database`` is looked at.
    """
    match payload:
        case {"database": str(database_id)}:
            return database_id
        case {"database": _}:
            raise BadRequest('database is the id of a minded database, as in {"database": "ss-financial-prod"}.')
        case _:
            return None


def _json(body: bytes | str | None) -> Any:
    try:
        return json.loads(body or b"")
    except (ValueError, RecursionError):
        raise BadRequest(f"The body is no JSON. {_HOLD_FORM}") from None


def _hours(hours: object) -> timedelta:
    # NaN is not over 0, and infinity and numbers too large for a float are over 168.
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= 168:
        raise BadRequest(f"hours is a number over 0, at most 168. {_HOLD_FORM}")
    return timedelta(hours=hours)
