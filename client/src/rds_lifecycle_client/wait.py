"""Waits for a database to take connections, for scripts and migrations."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rds_lifecycle_client.errors import CannotStart, WaitTimeout, Unavailable
from rds_lifecycle_client.model import Database, RestartTarget, State, now_utc

_NO_ANSWER_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the wait has come. ``database`` is None as long as rds-lifecycle has not answered."""

    database: Database | None
    elapsed: timedelta
    expected: timedelta | None
    """How long the whole wait will take, as far as rds-lifecycle can estimate it."""

    @property
    def fraction(self) -> float | None:
        """0 to 1, and 1 only when it is ready; None where no estimate is known."""
        if self.database is not None and self.database.ready:
            return 1.0
        if self.expected is None:
            return None
        # An estimate may have passed before the wait began.
        return min(0.99, self.elapsed / self.expected) if self.expected > timedelta(0) else 0.99


def wait_until_ready(
    restart_target: RestartTarget,
    look: Callable[[], Database] | None = None,
    *,
    timeout: timedelta = timedelta(minutes=20),
    on_progress: Callable[[Progress], None] = lambda _: None,
    clock: Callable[[], datetime] = now_utc,
    pause: Callable[[float], None] = time.sleep,
) -> Database:
    """Start the database where it sleeps, and return when it takes connections.

    ``look`` shows it without asking for anything; where there is none, the restart is asked for again, which comes to
    the same. Times without an answer are waited out. Raises WaitTimeout after ``timeout``, CannotStart and RequestRejected.
    """
    began = clock()
    database: Database | None = None
    while True:
        fault: Unavailable | None = None
        try:
            database, hint = _next_look(restart_target, look)
            wait = hint or _until_next_look(database, clock())
        except Unavailable as error:
            fault, wait = error, error.retry_after or _NO_ANSWER_SECONDS
        now = clock()
        ready_at = database.estimated_ready_at if database else None
        on_progress(Progress(database, now - began, ready_at - began if ready_at else None))
        if database is not None and database.ready and fault is None:
            return database
        left = (began + timeout - now).total_seconds()
        if left <= 0:
            raise WaitTimeout(_too_long(timeout, database, fault))
        pause(min(wait, left))


def _next_look(restart_target: RestartTarget, look: Callable[[], Database] | None) -> tuple[Database, float | None]:
    """The database, and in how many seconds to look again, where the answer said so."""
    database = look() if look else None
    if database is None or (not database.ready and not database.start_pending and database.state is not State.FAILED):
        restarted = restart_target.restart()
        return restarted.database, restarted.retry_after
    if database.state is State.FAILED:
        raise CannotStart(database.detail)
    return database, None


def _until_next_look(database: Database, now: datetime) -> float:
    """Half of the time that is left, but 1 to 10 seconds."""
    left = (database.estimated_ready_at - now).total_seconds() if database.estimated_ready_at else 0.0
    return min(10.0, max(1.0, left / 2))


def _too_long(timeout: timedelta, database: Database | None, fault: Unavailable | None) -> str:
    last = str(fault) if fault else database.detail if database else "There was no answer."
    return f"Not ready after {timeout.total_seconds():g} s. {last}"
