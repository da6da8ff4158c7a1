"""rds-lifecycle on a simulated AWS."""

import os
import random
from typing import Final
from unittest.mock import patch

from benchmarks.schedule import Schedule
from benchmarks.strategies import OnReply, Reply
from benchmarks.world import DATABASE, TABLE, World
from chalicelib.bootstrap import build
from chalicelib.domain.model import DatabaseRef
from chalicelib.service.lifecycle import Lifecycle
from chalicelib.settings import read_settings
from dev.local.rds_changes import StatusChange
from tests.simulation.functions import Functions, Response
from tests.simulation.invariants import is_accepted
from tests.simulation.network import Invocation

EVENT_SECONDS: Final = (1.0, 20.0)
"""From a change of status to the function that its event invokes: the same assumption as in tests/simulation.

AWS only states that events are delivered in near real time:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/working-with-events.html
"""


class App:
    """app.py and chalicelib, function by function, as they are deployed."""

    accepts_restarts = True

    def __init__(self, world: World, minutes: int, *, skip_checks: bool = True) -> None:
        self._world = world
        environ = {"DATABASES": DATABASE.id, "METADATA_TABLE": TABLE, "CHECK_INTERVAL_MINUTES": str(minutes)}
        self._settings = read_settings(environ)
        self.failures: list[Exception] = []
        world.environ.update(environ)
        with patch.dict(os.environ):  # Functions adds its settings, which are those of this world only
            self._functions = Functions(
                world.scheduler, environ, self._settings, self._lifecycle, _FailureCollector(self.failures), self._rng
            )
        self._schedule = Schedule(world, minutes * 60, self._functions.check, skip_checks=skip_checks)
        world.on_change.append(self._send_event)

    @property
    def checks(self) -> int:
        """How many checks the schedule has run."""
        return self._schedule.runs

    def begin(self) -> None:
        """Every CHECK_INTERVAL_MINUTES."""
        self._schedule.begin()

    def click(self, on_reply: OnReply) -> None:
        """The restart route. With 200, 202, and 503 for a stored restart, the database will be available."""

        def then(response: Response) -> None:
            on_reply(Reply.WILL_BE_AVAILABLE if is_accepted(response) else Reply.STATUS_ONLY)

        self._functions.request("restart", DATABASE, then=then)

    def end(self) -> None:
        """Another world may use the app modules, because importing app.py takes longer than a simulated day."""
        self._functions.close()

    def _rng(self, stream: str) -> random.Random:
        return self._world.rng(f"{stream}/{self._world.scheduler.now}")

    def _send_event(self, change: StatusChange) -> None:
        event = change.event
        if event is not None:
            delay = self._rng("event").uniform(*EVENT_SECONDS)
            self._world.scheduler.call_later(delay, lambda: self._functions.event(DATABASE, event.event_id))

    def _lifecycle(self) -> Lifecycle:
        pause, client = self._world.latency.pause, self._world.client
        return build(
            self._settings,
            client("rds"),
            client("dynamodb"),
            lambda: client("cloudwatch"),
            self._world.scheduler.clock,
            pause,
            self._world.scheduler.thread_pool,
        )


class _FailureCollector:
    """Collects the errors of the app's functions."""

    def __init__(self, failures: list[Exception]) -> None:
        self._failures = failures

    def on_response(self, invocation: Invocation, request: str, ref: DatabaseRef, response: Response) -> None:
        """Not needed here: the user gets the response."""

    def on_end(self, invocation: Invocation, error: Exception | None) -> None:
        """Without faults there are no failures."""
        if error is not None:
            self._failures.append(error)
