"""Whoever minds the database: what is compared. Each plays on a World of its own."""

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Final, Protocol
from unittest.mock import patch

import boto3

from benchmarks.schedule import Ended, Schedule
from benchmarks.world import DATABASE, TABLE, World
from chalicelib.lifecycle import Lifecycle
from chalicelib.model import DatabaseRef
from chalicelib.rds import Rds
from chalicelib.settings import read_settings
from chalicelib.table import Table
from tests.simulation.functions import Answer, Functions
from tests.simulation.network import Invocation
from tests.simulation.rds import Cause, Transition

EVENT_SECONDS: Final = (1.0, 20.0)
"""From a change at RDS to the function that its event wakes."""


class Reply(Enum):
    """What a click's answer says."""

    IT_COMES = "the database is up, or comes up"
    NO_MORE = "a status, or an error"


Answered = Callable[[Reply], None]
"""Told of the answer to a click."""

_PLAIN: Final = Path(__file__).parent / "plain"
_PLAIN_MINUTES: Final = 15


class Minder(Protocol):
    """Starts and stops the database."""

    @property
    def has_button(self) -> bool:
        """Whether people can ask it for a restart."""

    @property
    def checks(self) -> int:
        """How often its schedule has woken it."""

    def begin(self) -> None:
        """From now on its schedules run."""

    def click(self, answered: Answered) -> None:
        """Somebody asks for a restart."""

    def end(self) -> None:
        """It is not needed any more."""


class AlwaysOn:
    """Nobody ever stops it."""

    has_button = False
    checks = 0

    def begin(self) -> None:
        """Nothing to do."""

    def click(self, answered: Answered) -> None:
        """There is no button."""

    def end(self) -> None:
        """Nothing to do."""


class OfficeHours:
    """Up from Monday to Friday, 8 to 18 o'clock UTC, as a schedule for starting and one for stopping have it."""

    has_button = False

    def __init__(self, world: World) -> None:
        self.checks = 0
        self._world = world
        self._tomorrow = datetime.combine(world.start.date(), datetime.min.time(), world.start.tzinfo)

    def begin(self) -> None:
        """From today on."""
        day, clockwork = self._tomorrow, self._world.clockwork
        self._tomorrow += timedelta(days=1)
        if day.weekday() < 5:
            for hour, turn in ((8, self._world.rds.start), (18, self._world.rds.stop)):
                at = clockwork.seconds_of(day + timedelta(hours=hour))
                if at >= clockwork.now:
                    clockwork.at(at, lambda turn=turn: self._turn(turn))  # type: ignore[misc]
        clockwork.at(clockwork.seconds_of(self._tomorrow), self.begin)

    def click(self, answered: Answered) -> None:
        """There is no button."""

    def end(self) -> None:
        """Nothing to do."""

    def _turn(self, turn: Callable[[DatabaseRef], object]) -> None:
        self.checks += 1
        verb = "start" if turn == self._world.rds.start else "stop"
        if self._world.rds.would_accept(DATABASE, verb):
            turn(DATABASE)


class PlainPair:
    """The two Lambdas of benchmarks/plain, as they are."""

    has_button = True

    def __init__(self, world: World) -> None:
        self._world = world
        self._start, self._stop = (_load_plain(name, world) for name in ("start", "stop"))
        self._stop.now = world.clockwork.clock  # type: ignore[attr-defined]
        self._schedule = Schedule(world, _PLAIN_MINUTES * 60, self._check)

    @property
    def checks(self) -> int:
        """How often the schedule has woken it."""
        return self._schedule.runs

    def begin(self) -> None:
        """Every 15 minutes."""
        self._schedule.begin()

    def click(self, answered: Answered) -> None:
        """Its answer is RDS's status; only where that is up or on the way up, the database will be there."""

        def work() -> None:
            try:
                message = json.loads(self._start.handler({}, None)["body"])["message"]
            except self._start.rds.exceptions.ClientError:
                message = "Internal server error"
            answered(Reply.IT_COMES if message.endswith(("starting", "available")) else Reply.NO_MORE)

        self._world.invoke("plain start", work)

    def end(self) -> None:
        """Nothing to do."""

    def _check(self, ended: Ended) -> None:
        def work() -> None:
            self._stop.handler({}, None)
            ended(None)

        self._world.invoke("plain stop", work)


class App:
    """rds-lifecycle itself: app.py and chalicelib, function by function, as they are deployed."""

    has_button = True

    def __init__(self, world: World, minutes: int, *, spares: bool = True, delay: float = 0.0) -> None:
        self._world = world
        environ = {"DATABASES": DATABASE.id, "METADATA_TABLE": TABLE, "CHECK_INTERVAL_MINUTES": str(minutes)}
        self._settings = read_settings(environ)
        self.failures: list[Exception] = []
        world.environ.update(environ)
        with patch.dict(os.environ):  # Functions leaves its settings there; they hold in this world only
            self._functions = Functions(
                world.clockwork, environ, (DATABASE,), self._lifecycle, _Listener(self.failures), world.chance
            )
        self._schedule = Schedule(world, minutes * 60, self._functions.check, spares=spares, delay=delay)
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

    def _send_event(self, transition: Transition) -> None:
        if transition.after in ("available", "stopped") or transition.cause is Cause.SEVEN_DAYS:
            delay = self._world.chance(f"event/{self._world.clockwork.now}").uniform(*EVENT_SECONDS)
            self._world.clockwork.later(delay, lambda: self._functions.event(DATABASE))

    def _lifecycle(self) -> Lifecycle:
        wait, client = self._world.pace.pause, self._world.client
        return Lifecycle(
            self._settings,
            Rds(client("rds")),
            Table(client("dynamodb"), self._settings, wait),
            None,
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


def _load_plain(name: str, world: World) -> ModuleType:
    """The module, with clients of this world."""
    module = ModuleType(f"plain_{name}")
    environ = {"DATABASE_ID": DATABASE.id, "METADATA_TABLE": TABLE}
    with patch.dict(os.environ, environ), patch.object(boto3, "client", world.client):
        SourceFileLoader(module.__name__, str(_PLAIN / f"{name}.py")).exec_module(module)
    return module
