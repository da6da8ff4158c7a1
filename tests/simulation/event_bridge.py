"""EventBridge: the schedule that wakes the check, and RDS's events; late, twice or never where the weather says so."""

import math
import random
from collections.abc import Callable

from chalicelib.domain.model import DatabaseRef
from tests.simulation.clockwork import Clockwork
from tests.simulation.functions import Functions
from tests.simulation.judge import Judge
from tests.simulation.plan import DAY, HOUR
from tests.simulation.weather import OF_CHECKS, OF_EVENTS, Fault, Weather


class EventBridge:
    """Wakes the functions of one deployment. ``interval`` in seconds."""

    def __init__(
        self,
        clockwork: Clockwork,
        weather: Weather,
        functions: Functions,
        judge: Judge,
        refs: tuple[DatabaseRef, ...],
        interval: float,
        chance: Callable[[str], random.Random],
    ) -> None:
        self._clockwork = clockwork
        self._weather = weather
        self._functions = functions
        self._judge = judge
        self._refs = refs
        self._interval = interval
        self._chance = chance
        self._lateness = chance("schedule")
        self._asleep_as_of = -1
        self._has_spared = False
        self.spares_at_most = math.inf
        """For how many seconds at a time no check is made while all are asleep."""

    def wakes_regularly(self) -> None:
        """From now on the schedule wakes the check."""
        self._check_at(self._clockwork.now + self._chance("first-check").uniform(0, self._interval))

    def sends_event(self, ref: DatabaseRef) -> None:
        """RDS tells that something has happened to the database."""
        fault = self._weather.strikes(OF_EVENTS)
        if fault is not None:
            self._judge.disturbed(fault, (ref,))
        if fault is Fault.EVENT_LOST:
            return
        chance = self._chance(f"event/{ref.id}")
        delay = chance.uniform(1, 20) if fault is not Fault.EVENT_LATE else chance.uniform(60, HOUR)
        self._clockwork.later(delay, lambda: self._functions.event(ref))
        if fault is Fault.EVENT_TWICE:
            self._clockwork.later(delay + chance.choice((0, 0.02, 5)), lambda: self._functions.event(ref))

    def _check_at(self, due: float) -> None:
        """EventBridge comes up to 20 s late."""
        self._clockwork.at(due + self._lateness.uniform(0, 20), lambda: self._check(due))

    def _check(self, due: float) -> None:
        spared = self._spared(due)
        if spared:
            self._check_at(due + self._interval * spared)
            return
        self._judge.looks_for_what_is_overdue()
        self._check_at(due + self._interval)
        fault = self._weather.strikes(OF_CHECKS)
        if fault is not None:
            self._judge.disturbed(fault, self._refs)
        if fault is Fault.CHECK_MISSED:
            return
        if fault is Fault.CHECK_LATE:
            self._clockwork.later(self._lateness.uniform(60, 900), self._run_check)
            return
        if fault is Fault.CHECK_TWICE:
            self._clockwork.later(self._lateness.choice((0, 0.01, 0.1, 3)), self._run_check)
        self._run_check()

    def _spared(self, due: float) -> int:
        """How many checks are left out, this one among them.

        Where all are asleep, known to be so, and nothing has changed, a look changes nothing. Most of these are spared,
        up to the moment at which something else is to happen: that is what makes a year pass in seconds.
        """
        if self._asleep_as_of != self._judge.changes or self._has_spared:
            self._has_spared = False
            return 0
        until_next = min(self._clockwork.next_at() or 0.0, self._judge.next_hold_end()) - due
        longest = min(until_next, self.spares_at_most, self._lateness.uniform(1, 5) * DAY)
        spared = max(0, int(longest / self._interval))
        self._has_spared = spared > 0
        self._judge.figures["checks spared"] += spared
        return spared

    def _run_check(self, attempt: int = 0) -> None:
        def then(error: Exception | None) -> None:
            if error is not None and attempt < 2:
                self._clockwork.later(60.0 * (attempt + 1), lambda: self._run_check(attempt + 1))
            elif error is None and self._judge.is_quiet():
                self._asleep_as_of = self._judge.changes

        self._functions.check(then)
