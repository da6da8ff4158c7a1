"""rds-lifecycle itself, on a simulated AWS."""

import os
from typing import Final
from unittest.mock import patch

from benchmarks.minders import Answered, Reply
from benchmarks.schedule import Schedule
from benchmarks.world import DATABASE, TABLE, World
from chalicelib.aws.clients import cloudwatch_client
from chalicelib.bootstrap import build
from chalicelib.domain.model import DatabaseRef
from chalicelib.service.lifecycle import Lifecycle
from chalicelib.settings import read_settings
from dev.local.rds_behavior import StatusChange
from tests.simulation.functions import Answer, Functions
from tests.simulation.network import Invocation

EVENT_SECONDS: Final = (1.0, 20.0)
"""From a change at RDS to the function that its event wakes, as cautious as tests/simulation.

AWS only says that it is near real time: "Monitoring Amazon RDS events" in its user guide.
"""


class App:
    """rds-lifecycle itself: app.py and chalicelib, function by function, as they are deployed."""

    has_button = True

    def __init__(self, world: World, minutes: int, *, spares: bool = True) -> None:
        self._world = world
        environ = {"DATABASES": DATABASE.id, "METADATA_TABLE": TABLE, "CHECK_INTERVAL_MINUTES": str(minutes)}
        self._settings = read_settings(environ)
        self.failures: list[Exception] = []
        world.environ.update(environ)
        with patch.dict(os.environ):  # Functions leaves its settings there; they hold in this world only
            self._functions = Functions(
                world.clockwork, environ, (DATABASE,), self._lifecycle, _Listener(self.failures), world.chance
            )
        self._schedule = Schedule(world, minutes * 60, self._functions.check, spares=spares)
        world.watchers.append(self._send_event)

    @property
    def checks(self) -> int:
        """How often the schedule has woken inactivity_check."""
        return self._schedule.runs

    def begin(self) -> None:
        """Every CHECK_INTERVAL_MINUTES."""
        self._schedule.begin()

    def click(self, answered: Answered) -> None:
        """The restart route. 200 and 202 say that it comes up, and so does a 503 whose restart is kept."""

        def then(answer: Answer) -> None:
            is_kept = answer.status == 503 and "no need to ask again" in answer.body["detail"]
            answered(Reply.IT_COMES if answer.status in (200, 202) or is_kept else Reply.NO_MORE)

        self._functions.request("restart", DATABASE, then=then)

    def end(self) -> None:
        """Its containers may serve another world; importing app.py takes longer than a simulated day."""
        self._functions.close()

    def _send_event(self, transition: StatusChange) -> None:
        if transition.event is not None:
            delay = self._world.chance(f"event/{self._world.clockwork.now}").uniform(*EVENT_SECONDS)
            self._world.clockwork.later(delay, lambda: self._functions.event(DATABASE))

    def _lifecycle(self) -> Lifecycle:
        wait, client = self._world.pace.pause, self._world.client
        return build(
            self._settings,
            client("rds"),
            client("dynamodb"),
            cloudwatch_client,
            self._world.clockwork.clock,
            wait,
            self._world.clockwork.side_by_side,
        )


class _Listener:
    """Hears how the app's functions end."""

    def __init__(self, failures: list[Exception]) -> None:
        self._failures = failures

    def answered(self, invocation: Invocation, ask: str, ref: DatabaseRef, answer: Answer) -> None:
        """Whoever asked hears it anyway."""

    def ended(self, invocation: Invocation, error: Exception | None) -> None:
        """Failures are kept: in fair weather there are none."""
        if error is not None:
            self._failures.append(error)
