"""Deliberate faults: the app with one of its protections taken out, by swapping what it depends on.

Each is something that a well-meaning change might do. The hunt has to catch every one of them.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from unittest.mock import patch

from chalicelib.aws.table import Table
from chalicelib.domain import decision
from chalicelib.domain.errors import AwsUnavailable, InsufficientCapacity
from chalicelib.domain.model import (
    Action,
    DatabaseRecord,
    DatabaseRef,
    Decision,
    EventName,
    Observation,
    State,
    StatusInfo,
    Transition,
)
from chalicelib.domain.statuses import classify_status
from chalicelib.domain.transitions import observations, unobserved
from chalicelib.domain.transitions.commands import request_restart, set_hold, set_stop_intent, start_accepted
from chalicelib.service import executor, lifecycle, reconciler
from chalicelib.service.executor import Act, ActionExecutor
from chalicelib.service.lifecycle import CheckResult
from chalicelib.service.reconciler import Reconciler
from chalicelib.settings import Settings

Mutant = Callable[[], ExitStack]

SEEDS: Final = 120
"""Within so many, the hunt has to notice each of MUTANTS."""


def _swap(*swaps: tuple[Any, str, Any]) -> ExitStack:
    stack = ExitStack()
    for owner, name, stand_in in swaps:
        stack.enter_context(patch.object(owner, name, stand_in))
    return stack


def _decide_on(record_of: Callable[[DatabaseRecord], DatabaseRecord]) -> ExitStack:
    """Decisions see less of the record than there is."""

    def decide(seen: Observation, record: DatabaseRecord, settings: Settings, now: datetime) -> Decision:
        return decision.decide(seen, record_of(record), settings, now)

    return _swap((executor, "decide", decide), (reconciler, "decide", decide))


def no_fence() -> ExitStack:
    """A stop is not announced before RDS is told."""
    return _swap((executor, "set_stop_intent", lambda record, _why, _now: record))


def no_second_look() -> ExitStack:
    """The activity that was read before the fence went up decides."""

    class Hasty(ActionExecutor):
        def stop(
            self, ref: DatabaseRef, record: DatabaseRecord, change: Transition, seen: Observation, now: datetime
        ) -> Act:
            decided = decision.decide(seen, change.record, self._settings, now)
            fenced = set_stop_intent(change.record, decided.detail, self._clock())
            return self._stop_fenced(ref, self.store(ref, record, Transition(fenced, change.events), now), decided, now)

    return _swap((reconciler, "ActionExecutor", Hasty))


def intent_after_the_call() -> ExitStack:
    """RDS is told to start first; the restart is written down once it has answered."""

    class Eager(Reconciler):
        def _act(
            self,
            ref: DatabaseRef,
            before: DatabaseRecord,
            change: Transition,
            seen: Observation,
            decision: Decision,
            may: frozenset[Action],
            now: datetime,
        ) -> Act:
            if decision.action is not Action.START or Action.START not in may:
                return super()._act(ref, before, change, seen, decision, may, now)
            self._rds.start(ref)
            record = self._actor.store(ref, before, change, now)
            return Act(Action.START, decision, self._actor.store(ref, record, start_accepted(record, now), now))

    return _swap((lifecycle, "Reconciler", Eager))


def rev_not_checked() -> ExitStack:
    """Whoever writes last wins."""
    checked = Table._record_update

    def unchecked(self: Table, ref: DatabaseRef, before: DatabaseRecord, after: DatabaseRecord) -> dict[str, Any]:
        update = checked(self, ref, before, after)
        del update["ConditionExpression"]
        return update

    return _swap((Table, "_record_update", unchecked))


def idle_clock_ignores_the_start() -> ExitStack:
    """Only the last query counts: a database is stopped right after it has been started."""
    return _decide_on(
        lambda record: replace(record, available_since=None, first_observed_at=None, last_restart_requested_at=None)
    )


def no_seven_day_rule() -> ExitStack:
    """A start by AWS counts as one by a person."""
    return _swap((observations, "_is_started_by_aws", lambda _record, _now: False))


def restart_dropped_on_503() -> ExitStack:
    """A start that AWS did not accept is forgotten."""

    class Forgetful(ActionExecutor):
        def start(self, ref: DatabaseRef, record: DatabaseRecord, decision: Decision, now: datetime) -> Act:
            try:
                return super().start(ref, record, decision, now)
            except (AwsUnavailable, InsufficientCapacity):
                self._tell(ref, record, lambda fresh: Transition(replace(fresh, pending_restart=None)), now)
                raise

    return _swap((reconciler, "ActionExecutor", Forgetful))


def one_failure_ends_the_check() -> ExitStack:
    """One after the other, and the first that fails is the last."""
    return _swap((lifecycle.Lifecycle, "_run_concurrently", _one_by_one))


def _one_by_one(self: lifecycle.Lifecycle, work: Callable[[DatabaseRef], CheckResult]) -> list[CheckResult]:
    results = []
    for ref in self.settings.databases:
        results.append(work(ref))
        if results[-1].failed:
            raise lifecycle.CheckFailed(results)
    return results


def hold_ignored() -> ExitStack:
    """A hold is stored, shown, and of no effect."""
    return _decide_on(lambda record: replace(record, hold=None))


def fence_never_lapses() -> ExitStack:
    """A stop that was cut off keeps the database from ever being stopped again."""
    return _swap((decision, "STOP_INTENT_TTL", timedelta(days=3650)))


def fence_without_effect() -> ExitStack:
    """The fence is there, but a restart does not see it."""
    return _swap((reconciler, "effective_status", lambda sighting, _record, _now: classify_status(sighting.status)))


def old_descriptions_believed() -> ExitStack:
    """What RDS said before a change counts, if it says it again."""
    return _swap((reconciler, "ignore_stale_description", lambda sighting, _record, _now: sighting))


def restart_forgotten_while_starting() -> ExitStack:
    """A restart that meets a start by another's hand relies on that start."""

    def forgetful(record: DatabaseRecord, condition: StatusInfo | None, by: str, now: datetime) -> Transition:
        change = request_restart(record, condition, by, now)
        if condition is not None and condition.state is State.STARTING:
            return Transition(replace(change.record, accepted_start=record.accepted_start), change.events)
        return change

    return _swap((lifecycle, "request_restart", forgetful))


def old_description_settles_a_restart() -> ExitStack:
    """A restart asked for behind a fence is dropped as soon as a description says that the database is up."""
    return _swap((observations, "_is_just_asked", lambda _record, _now: False))


def pending_restart_relies_on_any_start() -> ExitStack:
    """A pending restart is dropped where a start is under way, whoever made it."""
    return _swap((DatabaseRecord, "with_external_start", lambda record, *_: replace(record, pending_restart=None)))


def late_hold_relies_on_rds() -> ExitStack:
    """A hold wakes the database only where RDS says that it is too late."""

    def reliant(
        record: DatabaseRecord, condition: StatusInfo | None, until: datetime, by: str, now: datetime
    ) -> Transition:
        seen = condition or StatusInfo(State.RUNNING, ready=True)
        return set_hold(record, seen, until, by, now)

    return _swap((lifecycle, "set_hold", reliant))


def unseen_rounds_untold() -> ExitStack:
    """That a stopped database was up since the last look is not told."""
    return _swap((unobserved, "_is_later_stop", lambda *_: False))


def silent_expiry() -> ExitStack:
    """A restart that is given up is not told."""

    original = observations._resolve_pending_restart

    def silent(*looked: Any, **more: Any) -> Transition:
        change = original(*looked, **more)
        return Transition(change.record, tuple(e for e in change.events if e.name is not EventName.RESTART_EXPIRED))

    return _swap((observations, "_resolve_pending_restart", silent))


MUTANTS: Final = (
    no_fence,
    no_second_look,
    intent_after_the_call,
    rev_not_checked,
    idle_clock_ignores_the_start,
    no_seven_day_rule,
    restart_dropped_on_503,
    one_failure_ends_the_check,
    hold_ignored,
    fence_never_lapses,
    fence_without_effect,
    old_descriptions_believed,
    silent_expiry,
)
"""Those that months of ordinary life bring to light. The others take a rare coincidence: test_regressions.py has it."""

FIRST: Final[Mapping[Mutant, int]] = {old_descriptions_believed: 85}
"""Where the hunt for one of them begins, if not at the first seed: plans that show it are rare."""
