"""Whoever minds the database: what is compared. Each plays on a World of its own."""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from benchmarks.world import DATABASE, World


class Reply(Enum):
    """What a click's answer says."""

    IT_COMES = "the database is up, or comes up"
    NO_MORE = "a status, or an error"


Answered = Callable[[Reply], None]
"""Told of the answer to a click."""


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
            for hour, turn in ((8, self._start), (18, self._stop)):
                at = clockwork.seconds_of(day + timedelta(hours=hour))
                if at >= clockwork.now:
                    clockwork.at(at, turn)
        clockwork.at(clockwork.seconds_of(self._tomorrow), self.begin)

    def click(self, answered: Answered) -> None:
        """There is no button."""

    def end(self) -> None:
        """Nothing to do."""

    def _start(self) -> None:
        self.checks += 1
        if self._world.rds.would_accept(DATABASE, "start"):
            self._world.rds.start(DATABASE)

    def _stop(self) -> None:
        self.checks += 1
        if self._world.rds.would_accept(DATABASE, "stop"):
            self._world.rds.stop(DATABASE)
