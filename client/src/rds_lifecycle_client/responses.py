"""Parses the responses of rds-lifecycle. The HTTP routes and the function start_database use the same format."""

import json
from collections.abc import Mapping
from typing import Any, Final

from rds_lifecycle_client.errors import CannotStart, RequestRejected, Unavailable
from rds_lifecycle_client.model import Database, RestartResult

_RETRYABLE_STATUSES: Final = (408, 425, 429)


def parse_database(status: int, headers: Mapping[str, str], body: str) -> Database:
    """Parse a response with a Database. Raises Unavailable, RequestRejected or CannotStart."""
    return _to_database(_parse(status, headers, body))


def parse_restart(status: int, headers: Mapping[str, str], body: str) -> RestartResult:
    """Parse the response to a restart request. Raises Unavailable, RequestRejected or CannotStart."""
    content = _parse(status, headers, body)
    return RestartResult(str(content.get("message")), _to_database(content.get("database")), _retry_after(headers))


def _parse(status: int, headers: Mapping[str, str], body: str) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        content = {}
    if 200 <= status < 300:
        return content
    # API Gateway's own error responses have "message" instead of "detail".
    detail = content.get("detail") or content.get("message") or "the response has no details"
    if status >= 500 or status in _RETRYABLE_STATUSES:
        raise Unavailable(f"rds-lifecycle returned {status}: {detail}", _retry_after(headers))
    if status == 409:
        raise CannotStart(str(detail))
    raise RequestRejected(f"rds-lifecycle returned {status}: {detail}")


def _to_database(content: Any) -> Database:
    try:
        return Database.from_json(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unavailable("The response is not from rds-lifecycle. Check RDS_LIFECYCLE_URL.") from error


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """In seconds. rds-lifecycle does not use the HTTP date form of the header."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return float(text) if text.isascii() and text.isdigit() else None
