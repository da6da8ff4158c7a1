"""Calls rds-lifecycle's HTTP routes for one database. Needs the extra ``http``."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from rds_lifecycle_client.errors import NotConfigured, Unavailable
from rds_lifecycle_client.fork import PerProcess
from rds_lifecycle_client.model import Database, RestartResult, format_time, now_utc
from rds_lifecycle_client.responses import parse_database, parse_restart

if TYPE_CHECKING:
    import httpx

logger: Final = logging.getLogger("rds_lifecycle_client")

# Longer than API Gateway's limit of 29 s. A restart may take most of that when many are requested at once.
_TIMEOUT_SECONDS: Final = 30.0
# A process that exits waits for its last report.
_REPORT_TIMEOUT_SECONDS: Final = 5.0


class Api:
    """The routes, called with a token. The token's role (viewer, reporter or operator) limits what is allowed."""

    def __init__(self, url: str, token: str, database: str, max_report_age: timedelta = timedelta(minutes=2)) -> None:
        """``url`` is the base URL that ``make deploy`` prints. Raises NotConfigured if httpx is not installed.

        Activity that is older than ``max_report_age`` is not reported.
        """
        try:
            import httpx  # noqa: PLC0415 - installed by an extra
        except ImportError:
            raise NotConfigured(("httpx is not installed: pip install 'rds-lifecycle-client[http]'",)) from None
        self._path = f"{url.rstrip('/')}/databases/{quote(database, safe='')}"
        self._httpx = httpx
        self._max_report_age = max_report_age
        headers = {"Authorization": f"Bearer {token}"}
        self._client = PerProcess(lambda: httpx.Client(headers=headers, timeout=_TIMEOUT_SECONDS))

    def describe(self, timeout: float = _TIMEOUT_SECONDS) -> Database:
        """Return the database; changes nothing. ``timeout`` is in seconds. Raises Unavailable or RequestRejected."""
        return parse_database(*self._request("GET", "", timeout=timeout))

    def restart(self) -> RestartResult:
        """Request a restart (operator). Raises Unavailable, RequestRejected or CannotStart."""
        return parse_restart(*self._request("POST", "/restart"))

    def report(self, at: datetime) -> None:
        """Record that the database is active now (reporter). Raises Unavailable or RequestRejected.

        The route records the time of the request, not ``at``. Old activity is therefore logged and not reported:
        otherwise the database would stay available as if the activity were current.
        """
        if now_utc() - at > self._max_report_age:
            logger.warning("Database activity at %s could not be reported in time.", format_time(at))
            return
        parse_database(*self._request("POST", "/activity", timeout=_REPORT_TIMEOUT_SECONDS))

    def hold(self, *, hours: float | None = None, until: datetime | None = None) -> Database:
        """Keep the database available for that long (operator). Raises Unavailable or RequestRejected."""
        body: dict[str, Any] = {"hours": hours} if until is None else {"until": format_time(until)}
        return parse_database(*self._request("PUT", "/hold", json=body))

    def end_hold(self) -> Database:
        """End the hold: the database is stopped when it is idle (operator). Raises Unavailable or RequestRejected."""
        return parse_database(*self._request("DELETE", "/hold"))

    def _request(self, method: str, route: str, **options: Any) -> tuple[int, httpx.Headers, str]:
        try:
            client = self._client.get()
        except (ImportError, ValueError) as error:
            raise NotConfigured((f"HTTPS_PROXY, ALL_PROXY: the proxy cannot be used. {error}",)) from error
        try:
            response = client.request(method, self._path + route, **options)
        except (self._httpx.HTTPError, self._httpx.InvalidURL) as error:
            raise Unavailable(f"rds-lifecycle did not respond at {self._path}: {error}") from error
        return response.status_code, response.headers, response.text
