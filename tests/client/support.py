"""Test doubles for the client's protocols, and waiting for a condition."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from rds_lifecycle_client.model import Database, RestartResult, State

SHORT_INTERVAL = timedelta(milliseconds=30)
# Only a test that hangs takes this long, even on a busy machine.
WAIT_LIMIT_SECONDS = 90


class RecordingSink:
    """An ActivitySink that records the reported times, or raises ``error`` if it is set."""

    def __init__(self) -> None:
        self.reported: list[datetime] = []
        self.error: BaseException | None = None

    def report(self, at: datetime) -> None:
        """Record the time."""
        if self.error is not None:
            raise self.error
        self.reported.append(at)


class CountingRestartTarget:
    """A RestartTarget that counts requests, and raises ``error`` if it is set."""

    def __init__(self, error: Exception | None = None) -> None:
        self.requests = 0
        self.error = error
        self.may_respond = threading.Event()
        self.may_respond.set()

    def restart(self) -> RestartResult:
        """Count the request as soon as ``may_respond`` is set."""
        assert self.may_respond.wait(WAIT_LIMIT_SECONDS)
        self.requests += 1
        if self.error is not None:
            raise self.error
        return RestartResult("RDS instance starting", make_database(State.STARTING), 7.0)


def make_database(state: State, **fields: Any) -> Database:
    """A database in that state."""
    ready = state is State.RUNNING
    return Database(
        **{"id": "db", "state": state, "status": str(state), "ready": ready, "detail": "Some detail.", **fields}
    )


def wait_until(condition: Callable[[], object], description: str) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + WAIT_LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{description}: still missing after {WAIT_LIMIT_SECONDS} s"
        threading.Event().wait(0.005)


def record_joins(
    monkeypatch: pytest.MonkeyPatch, before_join: Callable[[], object] = lambda: None
) -> list[float | None]:
    """Record the timeout of each Thread.join. The call itself waits without that timeout, after ``before_join``."""
    timeouts: list[float | None] = []
    join = threading.Thread.join

    def recorded(thread: threading.Thread, timeout: float | None = None) -> None:
        timeouts.append(timeout)
        before_join()
        join(thread, WAIT_LIMIT_SECONDS)

    monkeypatch.setattr(threading.Thread, "join", recorded)
    return timeouts
