"""People who need the database at the moments of a trace: they click where it sleeps, wait, and query."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from benchmarks.minders import Minder, Reply
from benchmarks.world import ACTIVITY_KEY, DATABASE, World
from dev.local.rds_behavior import Cause, StatusChange

IDLE: Final = timedelta(minutes=60)
LOOK_SECONDS: Final = 5.0
"""Whoever waits looks again after so many seconds."""
UNPROMISED_SECONDS: Final = 120.0
"""Whoever is told no more than a status, or an error, clicks again after so many seconds."""
PROMISED_SECONDS: Final = 3600.0
"""Whoever is told that it comes up believes it for so many seconds, and then clicks again."""


@dataclass(eq=False)
class Need:
    """Somebody who needs the database and has not got it yet."""

    since: float
    clicks: int = 0


class People:
    """All who use one database, and what they live through."""

    def __init__(self, world: World, minder: Minder) -> None:
        self.queries: list[datetime] = []
        self._waited = timedelta(0)
        self.clicks = 0
        self.clicks_in_vain = 0
        self.early_stops: list[datetime] = []
        self._world = world
        self._minder = minder
        self._waiting: list[Need] = []
        world.watchers.append(self._see)

    def live(self, trace: Sequence[datetime]) -> None:
        """They will need it at these moments."""
        for moment in trace:
            self._world.clockwork.at(self._world.clockwork.seconds_of(moment), self.need)

    def need(self) -> None:
        """Somebody needs it now."""
        need = Need(self._world.clockwork.now)
        self._waiting.append(need)
        self._look(need)
        if need in self._waiting:
            self._click(need)

    def waited(self) -> timedelta:
        """How long all of them have waited together, up to now."""
        now = self._world.clockwork.now
        return self._waited + timedelta(seconds=sum(now - need.since for need in self._waiting))

    def _look(self, need: Need) -> None:
        if need not in self._waiting or not self._world.rds.is_ready(DATABASE):
            return
        self._waiting.remove(need)
        now = self._world.clockwork.clock()
        self.queries.append(now)
        self._waited += timedelta(seconds=self._world.clockwork.now - need.since)
        item = {"key": {"S": ACTIVITY_KEY}, "value": {"S": now.isoformat()}}
        self._world.table.put_item(self._world.table.name, item)

    def _click(self, need: Need) -> None:
        if need not in self._waiting or not self._minder.has_button:
            return
        if need.clicks:
            self.clicks_in_vain += 1  # the click before this one
        need.clicks += 1
        self.clicks += 1

        def answered(reply: Reply) -> None:
            patience = PROMISED_SECONDS if reply is Reply.IT_COMES else UNPROMISED_SECONDS
            self._world.clockwork.later(patience, lambda: self._click(need))

        self._minder.click(answered)

    def _see(self, transition: StatusChange) -> None:
        if transition.after == "available":
            for need in self._waiting:
                looks = math.ceil((self._world.clockwork.now - need.since) / LOOK_SECONDS)
                self._world.clockwork.at(need.since + looks * LOOK_SECONDS, lambda need=need: self._look(need))  # type: ignore[misc]
        if transition.after == "stopping" and transition.cause is Cause.REQUESTED and self._is_in_use(transition.at):
            self.early_stops.append(transition.at)

    def _is_in_use(self, at: datetime) -> bool:
        return bool(self._waiting) or (bool(self.queries) and at - self.queries[-1] <= IDLE)
