"""A sink that remembers, a restart_target that counts, and waiting for a condition."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from rds_lifecycle_client.model import Database, RestartResult, State

SOON = timedelta(milliseconds=30)
# Seconds: a busy machine takes long, and whoever is done does not wait.
PATIENCE = 60


class Remembering:
    """An activity sink that keeps what was reported, or raises what it is told to."""

    def __init__(self) -> None:
        self.reported: list[datetime] = []
        self.fault: BaseException | None = None

    def report(self, at: datetime) -> None:
        """Keep it."""
        if self.fault is not None:
            raise self.fault
        self.reported.append(at)


class Counting:
    """A restart_target that counts how often it was asked."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.asked = 0
        self.fault = fault
        self.may_answer = threading.Event()
        self.may_answer.set()

    def restart(self) -> RestartResult:
        """Count it, as soon as it may answer."""
        assert self.may_answer.wait(PATIENCE)
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return RestartResult("RDS instance starting", a_database(State.STARTING), 7.0)


def a_database(state: State, **fields: Any) -> Database:
    """A database in that state."""
    ready = state is State.RUNNING
    return Database(
        **{"id": "db", "state": state, "status": str(state), "ready": ready, "detail": "So it is.", **fields}
    )


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for it to become true."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, f"{what} never came"
        threading.Event().wait(0.005)
