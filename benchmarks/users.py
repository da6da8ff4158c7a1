"""Users who need the database at the times of a trace: they request a restart if it is stopped, wait, and query it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from benchmarks.strategies import Reply, Strategy
from benchmarks.world import ACTIVITY_KEY, DATABASE, World
from dev.local.rds_changes import Cause, StatusChange

IDLE: Final = timedelta(minutes=60)
POLL_SECONDS: Final = 5.0
"""How often a waiting user checks whether the database is available."""
STATUS_ONLY_SECONDS: Final = 120.0
"""After a response with only a status, or an error, a user clicks again after this time."""
ACCEPTED_SECONDS: Final = 3600.0
"""After a response that the database will be available, a user clicks again after this time."""


@dataclass(eq=False)
class WaitingUser:
    """A user who waits for the database."""

    since: float
    clicks: int = 0


class Users:
    """All users of one database."""

    def __init__(self, world: World, strategy: Strategy) -> None:
        self.queries: list[datetime] = []
        self._waited = timedelta(0)
        self.clicks = 0
        self.repeated_clicks = 0
        self.stops_in_use: list[datetime] = []
        self._world = world
        self._strategy = strategy
        self._waiting: list[WaitingUser] = []
        world.on_change.append(self._on_change)

    def schedule(self, trace: Sequence[datetime]) -> None:
        """Users need the database at these times."""
        for at in trace:
            self._world.scheduler.call_at(self._world.scheduler.seconds_of(at), self.need_database)

    def need_database(self) -> None:
        """A user needs the database now."""
        user = WaitingUser(self._world.scheduler.now)
        self._waiting.append(user)
        self._poll(user)
        if user in self._waiting:
            self._click(user)

    def waited(self) -> timedelta:
        """The sum of all waiting times, up to now."""
        now = self._world.scheduler.now
        return self._waited + timedelta(seconds=sum(now - user.since for user in self._waiting))

    def _poll(self, user: WaitingUser) -> None:
        if user not in self._waiting or not self._world.rds.is_ready(DATABASE):
            return
        self._waiting.remove(user)
        now = self._world.scheduler.clock()
        self.queries.append(now)
        self._waited += timedelta(seconds=self._world.scheduler.now - user.since)
        item = {"key": {"S": ACTIVITY_KEY}, "value": {"S": now.isoformat()}}
        self._world.table.put_item(self._world.table.name, item)

    def _click(self, user: WaitingUser) -> None:
        if user not in self._waiting or not self._strategy.accepts_restarts:
            return
        if user.clicks:
            self.repeated_clicks += 1  # the previous click had no effect
        user.clicks += 1
        self.clicks += 1

        def on_reply(reply: Reply) -> None:
            wait = ACCEPTED_SECONDS if reply is Reply.WILL_BE_AVAILABLE else STATUS_ONLY_SECONDS
            self._world.scheduler.call_later(wait, lambda: self._click(user))

        self._strategy.click(on_reply)

    def _on_change(self, change: StatusChange) -> None:
        if change.after == "available":
            for user in self._waiting:
                polls = math.ceil((self._world.scheduler.now - user.since) / POLL_SECONDS)
                self._world.scheduler.call_at(user.since + polls * POLL_SECONDS, lambda user=user: self._poll(user))  # type: ignore[misc]
        if change.after == "stopping" and change.cause is Cause.REQUESTED and self._is_in_use(change.at):
            self.stops_in_use.append(change.at)

    def _is_in_use(self, at: datetime) -> bool:
        return bool(self._waiting) or (bool(self.queries) and at - self.queries[-1] <= IDLE)
