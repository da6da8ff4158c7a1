"""EventBridge: the schedule of the checks, and RDS's events. With faults they come late, twice or never."""

import math
import random
from collections.abc import Callable

from chalicelib.domain.model import DatabaseRef
from chalicelib.service.lifecycle import AUTOMATIC_START_EVENTS
from dev.local.rds_changes import RdsEvent
from tests.simulation.checker import Checker
from tests.simulation.faults import CHECK_FAULTS, EVENT_FAULTS, Fault, FaultInjector
from tests.simulation.functions import Functions
from tests.simulation.plan import DAY, HOUR
from tests.simulation.scheduler import Scheduler


class EventBridge:
    """Invokes the functions of one deployment. ``interval`` is in seconds."""

    def __init__(
        self,
        scheduler: Scheduler,
        faults: FaultInjector,
        functions: Functions,
        checker: Checker,
        refs: tuple[DatabaseRef, ...],
        interval: float,
        rng_of: Callable[[str], random.Random],
    ) -> None:
        self._scheduler = scheduler
        self._faults = faults
        self._functions = functions
        self._checker = checker
        self._refs = refs
        self._interval = interval
        self._rng_of = rng_of
        self._schedule_rng = rng_of("schedule")
        self._settled_version = -1
        self._has_skipped = False
        self.longest_skip = math.inf
        """For how many seconds checks without effect may be left out."""

    def start_schedule(self) -> None:
        """The schedule invokes the check from now on."""
        self._check_at(self._scheduler.now + self._rng_of("first-check").uniform(0, self._interval))

    def send_event(self, event: RdsEvent) -> None:
        """RDS sends an event. AWS does not guarantee that one arrives, so some announcements of a start never do."""
        ref, rng = event.ref, self._rng_of(f"event/{event.ref.id}")
        if event.event_id in AUTOMATIC_START_EVENTS.values() and rng.random() < 0.3:
            return
        fault = self._faults.draw(EVENT_FAULTS)
        if fault is not None:
            self._checker.on_fault(fault, (ref,))
        if fault is Fault.EVENT_LOST:
            return
        delay = rng.uniform(1, 20) if fault is not Fault.EVENT_LATE else rng.uniform(60, HOUR)
        self._deliver(event, delay)
        if fault is Fault.EVENT_DUPLICATED:
            self._deliver(event, delay + rng.choice((0, 0.02, 5)))

    def _deliver(self, event: RdsEvent, delay: float) -> None:
        self._scheduler.call_later(delay, lambda: self._functions.event(event.ref, event.event_id))

    def _check_at(self, due: float) -> None:
        """EventBridge is up to 20 s late."""
        self._scheduler.call_at(due + self._schedule_rng.uniform(0, 20), lambda: self._check(due))

    def _check(self, due: float) -> None:
        skipped = self._checks_to_skip(due)
        if skipped:
            self._check_at(due + self._interval * skipped)
            return
        self._checker.check_overdue()
        self._check_at(due + self._interval)
        fault = self._faults.draw(CHECK_FAULTS)
        if fault is not None:
            self._checker.on_fault(fault, self._refs)
        if fault is Fault.CHECK_MISSED:
            return
        if fault is Fault.CHECK_LATE:
            self._scheduler.call_later(self._schedule_rng.uniform(60, 900), self._run_check)
            return
        if fault is Fault.CHECK_DUPLICATED:
            self._scheduler.call_later(self._schedule_rng.choice((0, 0.01, 0.1, 3)), self._run_check)
        self._run_check()

    def _checks_to_skip(self, due: float) -> int:
        """How many checks are left out, including this one.

        Once a check has succeeded and everything is settled, the next ones have no effect. They are left out until
        something else happens, for some days at most: this is why a simulated year takes seconds.
        """
        if self._settled_version != self._checker.version or self._has_skipped:
            self._has_skipped = False
            return 0
        until_next = min(self._scheduler.next_due() or 0.0, self._checker.next_hold_end()) - due
        longest = min(until_next, self.longest_skip, self._schedule_rng.uniform(1, 5) * DAY)
        skipped = max(0, int(longest / self._interval))
        self._has_skipped = skipped > 0
        self._checker.report.counters["checks skipped"] += skipped
        return skipped

    def _run_check(self, attempt: int = 0) -> None:
        def then(error: Exception | None) -> None:
            if error is not None and attempt < 2:
                self._scheduler.call_later(60.0 * (attempt + 1), lambda: self._run_check(attempt + 1))
            elif error is None and self._checker.is_settled():
                self._settled_version = self._checker.version

        self._functions.check(then)
