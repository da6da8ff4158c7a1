"""Health checks for the backend's own health endpoint. A check never starts the database."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from rds_lifecycle_client.errors import LifecycleError, Unavailable
from rds_lifecycle_client.lifecycle import LifecycleClient
from rds_lifecycle_client.model import Database, State, now_utc

logger: Final = logging.getLogger("rds_lifecycle_client")

_PING_TIMEOUT_SECONDS: Final = 3.0
_DESCRIBE_TIMEOUT_SECONDS: Final = 5.0
_CACHE_TTL: Final = timedelta(seconds=5)


class HealthState(StrEnum):
    """``asleep``: stopped as intended. ``waking``: a start is pending. ``down``: an error."""

    UP = "up"
    ASLEEP = "asleep"
    WAKING = "waking"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Health:
    """The result of a health check, with the reason."""

    state: HealthState
    detail: str

    @property
    def status_code(self) -> int:
        """503 only for an error: a load balancer must not replace a backend because its database is stopped."""
        return 503 if self.state is HealthState.DOWN else 200


class HealthCheck:
    """Pings the database. If that fails, gets the reason from rds-lifecycle, at most every 5 s."""

    def __init__(
        self,
        lifecycle: LifecycleClient,
        ping: Callable[[], Awaitable[object]] | None = None,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        """``ping`` runs a trivial statement such as ``SELECT 1``. It is cancelled after 3 s."""
        self._lifecycle = lifecycle
        self._ping = ping
        self._clock = clock
        self._cached: tuple[datetime, Health] | None = None

    async def __call__(self) -> Health:
        """Check the database. Never raises and never starts the database."""
        ping_error = "" if self._ping is None else await self._run_ping(self._ping)
        if self._ping is not None and not ping_error:
            return Health(HealthState.UP, "The database responds.")
        now = self._clock()
        if self._cached is not None and now - self._cached[0] < _CACHE_TTL:
            return self._cached[1]
        health = await self._query_api(ping_error)
        if health.state is not HealthState.UP:
            self._cached = (now, health)
        return health

    async def _run_ping(self, ping: Callable[[], Awaitable[object]]) -> str:
        """Return the name of the error, or an empty string."""
        with self._lifecycle.without_waking():
            try:
                async with asyncio.timeout(_PING_TIMEOUT_SECONDS):
                    await ping()
            except Exception as error:  # noqa: BLE001 - any exception of a ping means that it failed
                return type(error).__name__
        return ""

    async def _query_api(self, ping_error: str) -> Health:
        api = self._lifecycle.api
        if api is None:
            if self._lifecycle.is_waking:
                return Health(HealthState.WAKING, "The database does not respond. A restart has been requested.")
            return Health(HealthState.DOWN, "The database does not respond. Set RDS_LIFECYCLE_URL to see the reason.")
        try:
            return _classify(await asyncio.to_thread(api.describe, _DESCRIBE_TIMEOUT_SECONDS), ping_error)
        except LifecycleError as error:
            logger.warning("The database's state could not be read from rds-lifecycle: %s", error)
            problem = "does not respond" if isinstance(error, Unavailable) else "rejected the request"
            ping_result = "The database does not respond" if ping_error else "The database was not pinged"
            return Health(HealthState.DOWN, f"{ping_result}, and rds-lifecycle {problem}; see the log.")


def _classify(database: Database, ping_error: str) -> Health:
    match database.state:
        case State.STOPPED | State.STARTING | State.STOPPING:
            return Health(HealthState.WAKING if database.start_pending else HealthState.ASLEEP, database.detail)
        case State.RUNNING | State.BUSY:
            if database.ready and not ping_error:
                return Health(HealthState.UP, database.detail)
            reason = f" The database does not respond: {ping_error}." if ping_error else ""
            return Health(HealthState.DOWN, f"The RDS status is {database.status}.{reason}")
        case State.FAILED:
            return Health(HealthState.DOWN, database.detail)
        case unexpected:
            assert_never(unexpected)
