"""Deliberate faults: the app with one of its protections taken out, by swapping what it depends on.

Each is something that a well-meaning change might do. The hunt has to catch every one of them.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from unittest.mock import patch

from chalicelib import act, chronicle, decision, lifecycle, missed, reconcile
from chalicelib.act import Act, Actor
from chalicelib.changes import ask_restart, raise_fence, set_hold, start_accepted
from chalicelib.errors import AwsUnavailable, InsufficientCapacity
from chalicelib.lifecycle import CheckResult
from chalicelib.model import Action, Change, Condition, DatabaseRef, Decision, EventName, Observation, Record, State
from chalicelib.reconcile import Reconciler
from chalicelib.settings import Settings
from chalicelib.statuses import condition_of
from chalicelib.table import Table

Mutant = Callable[[], ExitStack]

SEEDS: Final = 120
"""Within so many, the hunt has to notice each of MUTANTS."""


def _swap(*swaps: tuple[Any, str, Any]) -> ExitStack:
    stack = ExitStack()
    for owner, name, stand_in in swaps:
        stack.enter_context(patch.object(owner, name, stand_in))
    return stack


def _decide_on(record_of: Callable[[Record], Record]) -> ExitStack:
    """Decisions see less of the record than there is."""

    def decide(seen: Observation, record: Record, settings: Settings, now: datetime) -> Decision:
        return decision.decide(seen, record_of(record), settings, now)

    return _swap((act, "decide", decide), (reconcile, "decide", decide))


def no_fence() -> ExitStack:
    """A stop is not announced before RDS is told."""
    return _swap((act, "raise_fence", lambda record, _why, _now: record))


def no_second_look() -> ExitStack:
    """The activity that was read before the fence went up decides."""

    class Hasty(Actor):
        def stop(self, ref: DatabaseRef, record: Record, change: Change, seen: Observation, now: datetime) -> Act:
            decided = decision.decide(seen, change.record, self._settings, now)
            fenced = raise_fence(change.record, decided.detail, self._clock())
            return self._stop_fenced(ref, self.store(ref, record, Change(fenced, change.events), now), decided, now)

    return _swap((reconcile, "Actor", Hasty))


def intent_after_the_call() -> ExitStack:
    """RDS is told to start first; the restart is written down once it has answered."""

    class Eager(Reconciler):
        def _act(
            self,
            ref: DatabaseRef,
            before: Record,
            change: Change,
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

    def unchecked(self: Table, ref: DatabaseRef, before: Record, after: Record) -> dict[str, Any]:
        update = checked(self, ref, before, after)
        del update["ConditionExpression"]
        return update

    return _swap((Table, "_record_update", unchecked))


def idle_clock_ignores_the_start() -> ExitStack:
    """Only the last query counts: a database is stopped right after it has been started."""
    return _decide_on(lambda record: replace(record, up_since=None, first_seen_at=None, restart_asked_at=None))


def no_seven_day_rule() -> ExitStack:
    """A start by AWS counts as one by a person."""
    return _swap((chronicle, "_is_started_by_aws", lambda _record, _now: False))


def restart_dropped_on_503() -> ExitStack:
    """A start that AWS did not accept is forgotten."""

    class Forgetful(Actor):
        def start(self, ref: DatabaseRef, record: Record, decision: Decision, now: datetime) -> Act:
            try:
                return super().start(ref, record, decision, now)
            except (AwsUnavailable, InsufficientCapacity):
                self._tell(ref, record, lambda fresh: Change(replace(fresh, restart=None)), now)
                raise

    return _swap((reconcile, "Actor", Forgetful))


def one_failure_ends_the_check() -> ExitStack:
    """One after the other, and the first that fails is the last."""
    return _swap((lifecycle.Lifecycle, "_side_by_side", _one_by_one))


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
    return _swap((decision, "FENCE_LASTS", timedelta(days=3650)))


def fence_without_effect() -> ExitStack:
    """The fence is there, but a restart does not see it."""
    return _swap((reconcile, "condition_now", lambda sighting, _record, _now: condition_of(sighting.status)))


def old_descriptions_believed() -> ExitStack:
    """What RDS said before a change counts, if it says it again."""
    return _swap((reconcile, "newest", lambda sighting, _record, _now: sighting))


def restart_forgotten_while_starting() -> ExitStack:
    """A restart that meets a start by another's hand relies on that start."""

    def forgetful(record: Record, condition: Condition | None, by: str, now: datetime) -> Change:
        change = ask_restart(record, condition, by, now)
        if condition is not None and condition.state is State.STARTING:
            return Change(replace(change.record, launch=record.launch), change.events)
        return change

    return _swap((lifecycle, "ask_restart", forgetful))


def old_description_settles_a_restart() -> ExitStack:
    """A restart asked for behind a fence is dropped as soon as a description says that the database is up."""
    return _swap((chronicle, "_is_just_asked", lambda _record, _now: False))


def pending_restart_relies_on_any_start() -> ExitStack:
    """A pending restart is dropped where a start is under way, whoever made it."""
    return _swap((Record, "joined_by", lambda record, *_: replace(record, restart=None)))


def late_hold_relies_on_rds() -> ExitStack:
    """A hold wakes the database only where RDS says that it is too late."""

    def reliant(record: Record, condition: Condition | None, until: datetime, by: str, now: datetime) -> Change:
        seen = condition or Condition(State.RUNNING, ready=True)
        return set_hold(record, seen, until, by, now)

    return _swap((lifecycle, "set_hold", reliant))


def unseen_rounds_untold() -> ExitStack:
    """That a stopped database was up since the last look is not told."""
    return _swap((missed, "_is_later_stop", lambda *_: False))


def silent_expiry() -> ExitStack:
    """A restart that is given up is not told."""

    original = chronicle._settle_restart

    def silent(*looked: Any, **more: Any) -> Change:
        change = original(*looked, **more)
        return Change(change.record, tuple(e for e in change.events if e.name is not EventName.RESTART_EXPIRED))

    return _swap((chronicle, "_settle_restart", silent))


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
