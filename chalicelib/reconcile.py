"""One database, one loop: observe → decide → act → record. Every entry of the app ends here."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from chalicelib import telemetry
from chalicelib.act import Act, Actor, Clock, Pause
from chalicelib.aws import PARALLEL_CALLS, TRY_AGAIN
from chalicelib.chronicle import witness
from chalicelib.decision import condition_now, decide, newest
from chalicelib.errors import AwsUnavailable, Conflict, DatabaseNotFound, Problem, WrongState
from chalicelib.metric import ActivityMetric
from chalicelib.model import (
    Action,
    Activity,
    Change,
    Condition,
    DatabaseRef,
    Decision,
    Kind,
    Metric,
    Observation,
    Reason,
    Record,
    Sighting,
)
from chalicelib.rds import Rds
from chalicelib.settings import Settings
from chalicelib.table import Stored, Table

SideBySide = Callable[[], Executor]
"""Makes what carries out several AWS calls at the same time."""

Wish = Callable[[Record, Condition | None, datetime], Change]
"""What somebody asks for, as a change of the record. The condition is None where RDS did not answer."""

_FEWEST_ROUNDS: Final = 12
_MOST_ROUNDS: Final = 100
_PATIENCE: Final = timedelta(seconds=15)
"""How long more than the fewest rounds may take: API Gateway gives up after 29 s."""
_REFUSALS: Final = 3


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a database found. ``sighting`` is the problem where RDS could not show it."""

    sighting: Sighting | Problem
    record: Record
    activity: Activity
    metric: Metric | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A database as it stands: what a response shows."""

    sighting: Sighting
    record: Record
    decision: Decision
    at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found, decided and did. ``view`` is None where the database has to be looked at again to tell."""

    found: Condition
    decision: Decision
    done: Action
    record: Record
    view: View | None


def threads() -> Executor:
    """Real threads, as many as one run makes AWS calls side by side."""
    return ThreadPoolExecutor(PARALLEL_CALLS)


class Reconciler:
    """Brings one database to where it should be. All that varies is passed in: adapters, settings, clock, pause."""

    def __init__(
        self,
        settings: Settings,
        rds: Rds,
        table: Table,
        metric: ActivityMetric | None,
        clock: Clock,
        pause: Pause = time.sleep,
        side_by_side: SideBySide = threads,
    ) -> None:
        self._settings = settings
        self._rds = rds
        self._table = table
        self._metric = metric
        self._clock = clock
        self._pause = pause
        self._actor = Actor(settings, rds, table, clock, pause)
        self._pool = side_by_side()

    def observe(self, refs: Sequence[DatabaseRef]) -> dict[DatabaseRef, Look]:
        """Look at all of them, RDS and the table side by side. Raises what Table.read raises."""
        described = [
            self._pool.submit(self._rds.describe, of_kind)
            for kind in Kind
            if (of_kind := [ref for ref in refs if ref.kind is kind])
        ]
        stored = self._table.read(refs)
        sightings = {ref: seen for future in described for ref, seen in future.result().items()}
        now = self._clock()
        return {ref: _look(sightings[ref], stored[ref], now) for ref in refs}

    def consult_metric(self, looks: Mapping[DatabaseRef, Look]) -> dict[DatabaseRef, Look]:
        """The looks, with the second opinion where a decision hangs on it: one question for all of them."""
        if self._metric is None:
            return dict(looks)
        now = self._clock()
        hanging = [ref for ref, look in looks.items() if self._hangs_on_metric(look, now)]
        if not hanging:
            return dict(looks)
        opinions = self._metric.read(hanging, self._settings.idle, now)
        return {ref: replace(look, metric=opinions.get(ref)) for ref, look in looks.items()}

    def view(self, ref: DatabaseRef, look: Look) -> View:
        """How the database stands. Changes nothing. Raises the problem where RDS could not show it."""
        if isinstance(look.sighting, Problem):
            raise look.sighting
        now = self._clock()
        record = witness(look.record, look.sighting, self._settings, now).record
        decision, _ = self._decide(ref, look.sighting, look, record, now)
        return View(look.sighting, record, decision, now)

    def reconcile(
        self, ref: DatabaseRef, may: frozenset[Action], *, wish: Wish | None = None, look: Look | None = None
    ) -> Outcome:
        """Observe, make the wish durable, decide, act, record. Raises Problem.

        Whoever else works on the database at the same time is noticed by the record's ``rev`` or by RDS's refusal;
        then everything is looked at afresh. ``may`` is what may be done if that is the decision; ``look`` saves the
        first look where the caller has just had one.
        """
        now = self._clock()
        refusals = 0
        for attempt in range(_MOST_ROUNDS):
            look = look or self.observe([ref])[ref]
            try:
                return self._round(ref, look, wish, may, now)
            except Conflict:
                self._pause(random.uniform(0.0, 0.05 * (attempt + 1)))  # noqa: S311 - spreads writers, no secret
            except WrongState as refusal:
                refusals += 1
                if refusals > _REFUSALS:
                    raise AwsUnavailable(
                        "RDS is changing its state at the moment.", TRY_AGAIN, for_log=refusal.for_log
                    ).kept() from refusal
                self._pause(1.0)
            if attempt + 1 >= _FEWEST_ROUNDS and self._clock() - now > _PATIENCE:
                break
            look = None
        raise AwsUnavailable("Too many change this database at the same time.", TRY_AGAIN, for_log=str(ref))

    def _round(self, ref: DatabaseRef, look: Look, wish: Wish | None, may: frozenset[Action], now: datetime) -> Outcome:
        if isinstance(look.sighting, Problem):
            if wish is not None and not isinstance(look.sighting, DatabaseNotFound):
                self._actor.store(ref, look.record, wish(look.record, None, now), now)
                raise look.sighting.kept() from look.sighting
            raise look.sighting
        seen = witness(look.record, look.sighting, self._settings, now)
        found = condition_now(look.sighting, seen.record, now)
        wished = Change(seen.record) if wish is None else wish(seen.record, found, now)
        change = Change(wished.record, seen.events + wished.events)
        decision, observation = self._decide(ref, look.sighting, look, change.record, now)
        act = self._act(ref, look.record, change, observation, decision, may, now)
        telemetry.log_reconcile(look.sighting, found, act.decision, act.done)
        view = self._view_of(ref, act, replace(look, metric=observation.metric))
        return Outcome(found, act.decision, act.done, act.record, view)

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
        match decision.action:
            case Action.START if Action.START in may:
                return self._actor.start(ref, self._actor.store(ref, before, change, now), decision, now)
            case Action.STOP if Action.STOP in may:
                return self._actor.stop(ref, before, change, seen, now)
            case Action.NONE | Action.START | Action.STOP:
                return Act(Action.NONE, decision, self._actor.store(ref, before, change, now), seen.sighting)
            case unexpected:
                assert_never(unexpected)

    def _view_of(self, ref: DatabaseRef, act: Act, look: Look) -> View | None:
        if act.sighting is None:
            return None
        return self.view(ref, replace(look, sighting=act.sighting, record=act.record))

    def _decide(
        self, ref: DatabaseRef, sighting: Sighting, look: Look, record: Record, now: datetime
    ) -> tuple[Decision, Observation]:
        observation = Observation(sighting, look.activity, look.metric)
        decision = decide(observation, record, self._settings, now)
        if self._metric is None or look.metric is not None or decision.reason is not Reason.METRIC_UNKNOWN:
            return decision, observation
        observation = replace(observation, metric=self._metric.read([ref], self._settings.idle, now)[ref])
        return decide(observation, record, self._settings, now), observation

    def _hangs_on_metric(self, look: Look, now: datetime) -> bool:
        if isinstance(look.sighting, Problem):
            return False
        try:
            record = witness(look.record, look.sighting, self._settings, now).record
        except Exception:  # noqa: BLE001 - one database's fault in our own code; its own run meets it and tells it
            return False
        observation = Observation(look.sighting, look.activity)
        return decide(observation, record, self._settings, now).reason is Reason.METRIC_UNKNOWN


def _look(sighting: Sighting | Problem, stored: Stored, now: datetime) -> Look:
    seen = sighting if isinstance(sighting, Problem) else newest(sighting, stored.record, now)
    return Look(seen, stored.record, stored.activity)
