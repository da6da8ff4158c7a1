"""Is the database up, asleep, waking or down? For health endpoints, which must neither wake it nor alarm anybody."""

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

_PING_SECONDS: Final = 3.0
_LOOK_SECONDS: Final = 5.0
_SAME_LOOK: Final = timedelta(seconds=5)


class HealthState(StrEnum):
    """``asleep`` was stopped on purpose, ``waking`` was asked to start, ``down`` is a fault."""

    UP = "up"
    ASLEEP = "asleep"
    WAKING = "waking"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Health:
    """How the database is, and why that is thought."""

    condition: HealthState
    detail: str

    @property
    def status_code(self) -> int:
        """503 only for a fault: a load balancer must not replace a backend whose database sleeps."""
        return 503 if self.condition is HealthState.DOWN else 200


class HealthCheck:
    """Asks the database itself first, and rds-lifecycle only where that fails, every 5 s at most."""

    def __init__(
        self,
        lifecycle: LifecycleClient,
        ping: Callable[[], Awaitable[object]] | None = None,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        """``ping`` asks the database for no more than a sign of life, as with ``SELECT 1``; it gets 3 s."""
        self._lifecycle = lifecycle
        self._ping = ping
        self._clock = clock
        self._seen: tuple[datetime, Health] | None = None

    async def __call__(self) -> Health:
        """How the database is now. Never raises, and wakes nothing."""
        fault = "" if self._ping is None else await self._fault(self._ping)
        if self._ping is not None and not fault:
            return Health(HealthState.UP, "The database answers.")
        now = self._clock()
        if self._seen is not None and now - self._seen[0] < _SAME_LOOK:
            return self._seen[1]
        health = await self._look(fault)
        if health.condition is not HealthState.UP:
            self._seen = (now, health)
        return health

    async def _fault(self, ping: Callable[[], Awaitable[object]]) -> str:
        with self._lifecycle.without_waking():
            try:
                async with asyncio.timeout(_PING_SECONDS):
                    await ping()
            except Exception as error:  # noqa: BLE001 - whatever a ping raises, the database has not answered it
                return type(error).__name__
        return ""

    async def _look(self, fault: str) -> Health:
        api = self._lifecycle.api
        if api is None:
            if self._lifecycle.is_waking:
                return Health(HealthState.WAKING, "The database does not answer; it was asked to start.")
            return Health(HealthState.DOWN, "The database does not answer; without RDS_LIFECYCLE_URL no more is known.")
        try:
            return _judge(await asyncio.to_thread(api.describe, _LOOK_SECONDS), fault)
        except LifecycleError as error:
            logger.warning("rds-lifecycle does not tell how the database is: %s", error)
            silent = "does not answer" if isinstance(error, Unavailable) else "refuses to tell how it is"
            also = "The database does not answer" if fault else "The database was not asked"
            return Health(HealthState.DOWN, f"{also}, and rds-lifecycle {silent}; the log says why.")


def _judge(database: Database, fault: str) -> Health:
    match database.state:
        case State.STOPPED | State.STARTING | State.STOPPING:
            return Health(HealthState.WAKING if database.start_pending else HealthState.ASLEEP, database.detail)
        case State.RUNNING | State.BUSY:
            if database.ready and not fault:
                return Health(HealthState.UP, database.detail)
            said = f" It does not answer: {fault}." if fault else ""
            return Health(HealthState.DOWN, f"RDS says {database.status}.{said}")
        case State.FAILED:
            return Health(HealthState.DOWN, database.detail)
        case unexpected:
            assert_never(unexpected)
