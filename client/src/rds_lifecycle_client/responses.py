"""rds-lifecycle's HTTP answers, which its function start_database gives too → our types and errors."""

import json
from collections.abc import Mapping
from typing import Any, Final

from rds_lifecycle_client.errors import CannotStart, RequestRejected, Unavailable
from rds_lifecycle_client.model import Database, RestartResult

_TRY_AGAIN: Final = (408, 425, 429)


def read_database(status: int, headers: Mapping[str, str], body: str) -> Database:
    """A Database. Raises Unavailable, RequestRejected or CannotStart."""
    return _database(_read(status, headers, body))


def read_restart(status: int, headers: Mapping[str, str], body: str) -> RestartResult:
    """The answer to a restart. Raises Unavailable, RequestRejected or CannotStart."""
    answer = _read(status, headers, body)
    return RestartResult(str(answer.get("message")), _database(answer.get("database")), _retry_after(headers))


def _read(status: int, headers: Mapping[str, str], body: str) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        answer = {}
    if 200 <= status < 300:
        return answer
    # API Gateway's own refusals say "message" where rds-lifecycle says "detail".
    said = answer.get("detail") or answer.get("message") or "no more was said"
    if status >= 500 or status in _TRY_AGAIN:
        raise Unavailable(f"rds-lifecycle answered {status}: {said}", _retry_after(headers))
    if status == 409:
        raise CannotStart(str(said))
    raise RequestRejected(f"rds-lifecycle answered {status}: {said}")


def _database(body: Any) -> Database:
    try:
        return Database.from_json(body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unavailable("The answer is not rds-lifecycle's: is the address right?") from error


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """In seconds. The form with a date is not one that rds-lifecycle uses."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return float(text) if text.isascii() and text.isdigit() else None
