"""rds-lifecycle's HTTP routes for one database. Needs the extra ``http``."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from rds_lifecycle_client.responses import read_database, read_restart
from rds_lifecycle_client.errors import NotConfigured, Unavailable
from rds_lifecycle_client.model import Database, RestartResult, format_time, now_utc
from rds_lifecycle_client.fork import PerProcess

if TYPE_CHECKING:
    import httpx

logger: Final = logging.getLogger("rds_lifecycle_client")

# API Gateway gives up after 29 s; a restart may take most of that where many ask at once.
_SECONDS: Final = 30.0
# The end of a process waits for its last report.
_REPORT_SECONDS: Final = 5.0


class Api:
    """The routes, with a token. What it may do is the token's role: viewer, reporter or operator."""

    def __init__(self, url: str, token: str, database: str, max_report_age: timedelta = timedelta(minutes=2)) -> None:
        """``url`` is what the routes hang on, as ``make deploy`` prints it. Raises NotConfigured without httpx.

        A use that is older than ``max_report_age`` is not reported any more.
        """
        try:
            import httpx  # noqa: PLC0415 - an extra
        except ImportError:
            raise NotConfigured(("httpx is missing: pip install 'rds-lifecycle-client[http]'",)) from None
        self._path = f"{url.rstrip('/')}/databases/{quote(database, safe='')}"
        self._httpx = httpx
        self._oldest_use = max_report_age
        headers = {"Authorization": f"Bearer {token}"}
        self._client = PerProcess(lambda: httpx.Client(headers=headers, timeout=_SECONDS))

    def describe(self, timeout: float = _SECONDS) -> Database:
        """The database as it stands; changes nothing. ``timeout`` in seconds. Raises Unavailable or RequestRejected."""
        return read_database(*self._ask("GET", "", timeout=timeout))

    def restart(self) -> RestartResult:
        """Ask for a restart (operator). Raises Unavailable, RequestRejected or CannotStart."""
        return read_restart(*self._ask("POST", "/restart"))

    def report(self, at: datetime) -> None:
        """Record that the database was queried now (reporter). Raises Unavailable or RequestRejected.

        The route takes its own time. A use of long before ``at`` is therefore not recorded but logged: the database
        would stay up as if it had been used now.
        """
        if now_utc() - at > self._oldest_use:
            logger.warning("The database was used at %s, which could not be reported in time.", format_time(at))
            return
        read_database(*self._ask("POST", "/activity", timeout=_REPORT_SECONDS))

    def hold(self, *, hours: float | None = None, until: datetime | None = None) -> Database:
        """Keep it up for so many hours, or until then (operator). Raises Unavailable or RequestRejected."""
        body: dict[str, Any] = {"hours": hours} if until is None else {"until": format_time(until)}
        return read_database(*self._ask("PUT", "/hold", json=body))

    def end_hold(self) -> Database:
        """Let it sleep again when it is idle (operator). Raises Unavailable or RequestRejected."""
        return read_database(*self._ask("DELETE", "/hold"))

    def _ask(self, method: str, route: str, **options: Any) -> tuple[int, httpx.Headers, str]:
        try:
            client = self._client.get()
        except (ImportError, ValueError) as error:
            raise NotConfigured((f"HTTPS_PROXY, ALL_PROXY: the proxy cannot be used. {error}",)) from error
        try:
            response = client.request(method, self._path + route, **options)
        except (self._httpx.HTTPError, self._httpx.InvalidURL) as error:
            raise Unavailable(f"rds-lifecycle does not answer at {self._path}: {error}") from error
        return response.status_code, response.headers, response.text
