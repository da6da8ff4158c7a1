"""Waits until a database accepts connections, for scripts and migrations."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rds_lifecycle_client.errors import CannotStart, Unavailable, WaitTimeout
from rds_lifecycle_client.model import Database, RestartTarget, State, now_utc

_RETRY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a wait. ``database`` is None until rds-lifecycle has responded."""

    database: Database | None
    elapsed: timedelta
    expected: timedelta | None
    """The estimated duration of the whole wait, if rds-lifecycle has an estimate."""

    @property
    def fraction(self) -> float | None:
        """From 0 to 1, and 1 only when the database is ready. None without an estimate."""
        if self.database is not None and self.database.ready:
            return 1.0
        if self.expected is None:
            return None
        # The estimated time may lie before the start of the wait.
        return min(0.99, self.elapsed / self.expected) if self.expected > timedelta(0) else 0.99


def wait_until_ready(
    restart_target: RestartTarget,
    describe: Callable[[], Database] | None = None,
    *,
    timeout: timedelta = timedelta(minutes=20),
    on_progress: Callable[[Progress], None] = lambda _: None,
    clock: Callable[[], datetime] = now_utc,
    sleep: Callable[[float], None] = time.sleep,
) -> Database:
    """Start the database if it is stopped, and return when it accepts connections.

    ``describe`` returns the database without side effects. Without it, every poll repeats the restart request, which is
    idempotent. Retries while rds-lifecycle does not respond. Raises WaitTimeout after ``timeout``, CannotStart and
    RequestRejected.
    """
    began_at = clock()
    database: Database | None = None
    while True:
        outage: Unavailable | None = None
        try:
            database, retry_after = _poll(restart_target, describe)
            delay = retry_after or _poll_delay(database, clock())
        except Unavailable as error:
            outage, delay = error, error.retry_after or _RETRY_SECONDS
        now = clock()
        ready_at = database.estimated_ready_at if database else None
        on_progress(Progress(database, now - began_at, ready_at - began_at if ready_at else None))
        if database is not None and database.ready and outage is None:
            return database
        remaining = (began_at + timeout - now).total_seconds()
        if remaining <= 0:
            raise WaitTimeout(_timeout_message(timeout, database, outage))
        sleep(min(delay, remaining))


def _poll(restart_target: RestartTarget, describe: Callable[[], Database] | None) -> tuple[Database, float | None]:
    """Return the database, and the seconds until the next poll if the response gave them."""
    database = describe() if describe else None
    if database is None or (not database.ready and not database.start_pending and database.state is not State.FAILED):
        result = restart_target.restart()
        return result.database, result.retry_after
    if database.state is State.FAILED:
        raise CannotStart(database.detail)
    return database, None


def _poll_delay(database: Database, now: datetime) -> float:
    """Half of the estimated remaining time, but at least 1 and at most 10 seconds."""
    remaining = (database.estimated_ready_at - now).total_seconds() if database.estimated_ready_at else 0.0
    return min(10.0, max(1.0, remaining / 2))


def _timeout_message(timeout: timedelta, database: Database | None, outage: Unavailable | None) -> str:
    reason = str(outage) if outage else database.detail if database else "rds-lifecycle did not respond."
    return f"Not ready after {timeout.total_seconds():g} s. {reason}"
