"""EventBridge's schedule: invokes a function at regular intervals, some seconds late."""

import math
from collections.abc import Callable
from typing import Final

from benchmarks.world import World

MAX_DELAY: Final = 20.0
"""In seconds."""

_RETRIES: Final = (60.0, 120.0)
"""Lambda retries a failed asynchronous invocation twice, after these seconds:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""

OnEnd = Callable[[Exception | None], None]


class Schedule:
    """One rule. ``interval`` is in seconds; ``run`` begins the function and calls its argument when the function ends.

    If a check of a stopped database changes nothing, the next ones change nothing either. With ``skip_checks`` they are
    left out until something else happens: this is why a simulated year takes seconds.
    """

    def __init__(
        self, world: World, interval: float, run: Callable[[OnEnd], None], *, skip_checks: bool = True
    ) -> None:
        self.runs = 0
        self._world = world
        self._interval = interval
        self._run = run
        self._skip_checks = skip_checks
        self._first = 0.0
        self._quiet_as_of: int | None = None

    def begin(self) -> None:
        """Start the schedule, at a random time within the interval."""
        phase = self._world.rng("phase of the schedule").uniform(0, self._interval)
        self._first = self._world.scheduler.now + phase
        self._invoke_later(0)

    def _invoke_later(self, number: int) -> None:
        delay = self._world.rng(f"lateness/{self._interval}/{number}").uniform(0, MAX_DELAY)
        self._world.scheduler.call_at(self._first + number * self._interval + delay, lambda: self._invoke(number))

    def _invoke(self, number: int) -> None:
        following = number + 1
        if self._skip_checks and self._quiet_as_of == self._world.writes and self._world.status == "stopped":
            until = (self._world.scheduler.next_due() or 0.0) - MAX_DELAY - self._first
            following = max(following, math.floor(until / self._interval) + 1)
        self._invoke_later(following)
        self._attempt(0)

    def _attempt(self, attempt: int) -> None:
        self.runs += 1
        writes, was_stopped = self._world.writes, self._world.status == "stopped"

        def on_end(error: Exception | None) -> None:
            if error is not None and attempt < len(_RETRIES):
                self._world.scheduler.call_later(_RETRIES[attempt], lambda: self._attempt(attempt + 1))
            is_quiet = error is None and was_stopped and self._world.status == "stopped"
            self._quiet_as_of = writes if is_quiet and self._world.writes == writes else None

        self._run(on_end)
