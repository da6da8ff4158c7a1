"""The strategies that are compared: what starts and stops the database. Each runs in a World of its own."""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from benchmarks.world import DATABASE, World


class Reply(Enum):
    """The content of the response to a click."""

    WILL_BE_AVAILABLE = "the database is or will be available"
    STATUS_ONLY = "only a status, or an error"


OnReply = Callable[[Reply], None]
"""Called with the response to a click."""


class Strategy(Protocol):
    """Starts and stops the database."""

    @property
    def accepts_restarts(self) -> bool:
        """Whether users can request a restart."""

    @property
    def checks(self) -> int:
        """How many checks its schedule has run."""

    def begin(self) -> None:
        """Start its schedules."""

    def click(self, on_reply: OnReply) -> None:
        """A user requests a restart."""

    def end(self) -> None:
        """Release what other strategies may use."""


class AlwaysOn:
    """The database is never stopped."""

    accepts_restarts = False
    checks = 0

    def begin(self) -> None:
        """Nothing to do."""

    def click(self, on_reply: OnReply) -> None:
        """Restarts are not supported."""

    def end(self) -> None:
        """Nothing to do."""


class OfficeHours:
    """A schedule starts the database at 8:00 UTC from Monday to Friday, and another stops it at 18:00 UTC."""

    accepts_restarts = False

    def __init__(self, world: World) -> None:
        self.checks = 0
        self._world = world
        self._next_day = datetime.combine(world.start.date(), datetime.min.time(), world.start.tzinfo)

    def begin(self) -> None:
        """Start with today."""
        day, scheduler = self._next_day, self._world.scheduler
        self._next_day += timedelta(days=1)
        if day.weekday() < 5:
            for hour, action in ((8, self._start), (18, self._stop)):
                at = scheduler.seconds_of(day + timedelta(hours=hour))
                if at >= scheduler.now:
                    scheduler.call_at(at, action)
        scheduler.call_at(scheduler.seconds_of(self._next_day), self.begin)

    def click(self, on_reply: OnReply) -> None:
        """Restarts are not supported."""

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
