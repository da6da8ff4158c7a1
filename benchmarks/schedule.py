"""EventBridge's schedule: wakes a function regularly, some seconds late."""

import math
from collections.abc import Callable
from typing import Final

from benchmarks.world import World

LATEST: Final = 20.0
"""It comes up to so many seconds late."""

_RETRIES: Final = (60.0, 120.0)
"""Lambda runs an asynchronous invocation that has failed twice more, after so many seconds: "How Lambda handles errors
and retries with asynchronous invocation" in its guide."""

Ended = Callable[[Exception | None], None]


class Schedule:
    """One rule. ``interval`` in seconds; ``run`` begins the function, and tells when and how it has ended.

    A check of a database that is asleep changes nothing once another has changed nothing. With ``spares`` such checks
    are left out, up to the moment at which anything else is to happen: that is what makes a year pass in seconds.
    """

    def __init__(self, world: World, interval: float, run: Callable[[Ended], None], *, spares: bool = True) -> None:
        self.runs = 0
        self._world = world
        self._interval = interval
        self._run = run
        self._spares = spares
        self._first = 0.0
        self._quiet_as_of: int | None = None

    def begin(self) -> None:
        """From now on, at any phase of the interval."""
        phase = self._world.chance("phase of the schedule").uniform(0, self._interval)
        self._first = self._world.clockwork.now + phase
        self._wake_later(0)

    def _wake_later(self, number: int) -> None:
        late = self._world.chance(f"lateness/{self._interval}/{number}").uniform(0, LATEST)
        self._world.clockwork.at(self._first + number * self._interval + late, lambda: self._wake(number))

    def _wake(self, number: int) -> None:
        following = number + 1
        if self._spares and self._quiet_as_of == self._world.writes and self._world.status == "stopped":
            until = (self._world.clockwork.next_at() or 0.0) - LATEST - self._first
            following = max(following, math.floor(until / self._interval) + 1)
        self._wake_later(following)
        self._attempt(0)

    def _attempt(self, attempt: int) -> None:
        self.runs += 1
        writes, was_asleep = self._world.writes, self._world.status == "stopped"

        def ended(error: Exception | None) -> None:
            if error is not None and attempt < len(_RETRIES):
                self._world.clockwork.later(_RETRIES[attempt], lambda: self._attempt(attempt + 1))
            is_quiet = error is None and was_asleep and self._world.status == "stopped"
            self._quiet_as_of = writes if is_quiet and self._world.writes == writes else None

        self._run(ended)
