"""One database, one loop: observe → decide → act → record. Every entry of the app ends here."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from chalicelib import telemetry
from chalicelib.aws.clients import PARALLEL_CALLS, TRY_AGAIN
from chalicelib.aws.metric import ActivityMetric
from chalicelib.aws.rds import Rds
from chalicelib.aws.table import Stored, Table
from chalicelib.domain.decision import decide, effective_status, ignore_stale_description
from chalicelib.domain.errors import AwsUnavailable, DatabaseNotFound, InvalidState, Problem, WriteConflict
from chalicelib.domain.model import (
    Action,
    Activity,
    DatabaseRecord,
    DatabaseRef,
    Decision,
    Description,
    Kind,
    Metric,
    Observation,
    Reason,
    StatusInfo,
    Transition,
)
from chalicelib.domain.transitions.observations import apply_observation
from chalicelib.service.executor import Act, ActionExecutor, Clock, Pause
from chalicelib.settings import Settings

ExecutorFactory = Callable[[], Executor]
"""Makes what carries out several AWS calls at the same time."""

Wish = Callable[[DatabaseRecord, StatusInfo | None, datetime], Transition]
"""What somebody asks for, as a change of the record. The condition is None where RDS did not answer."""

_MIN_ATTEMPTS: Final = 12
_MAX_ATTEMPTS: Final = 100
_RETRY_BUDGET: Final = timedelta(seconds=15)
"""How long more than the fewest rounds may take: API Gateway gives up after 29 s."""
_MAX_STATE_ERRORS: Final = 3


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a database found. ``sighting`` is the problem where RDS could not show it."""

    sighting: Description | Problem
    record: DatabaseRecord
    activity: Activity
    metric: Metric | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A database as it stands: what a response shows."""

    sighting: Description
    record: DatabaseRecord
    decision: Decision
    at: datetime


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """What a run found, decided and did. ``view`` is None where the database has to be looked at again to tell."""

    found: StatusInfo
    decision: Decision
    done: Action
    record: DatabaseRecord
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
        side_by_side: ExecutorFactory = threads,
    ) -> None:
        self._settings = settings
        self._rds = rds
        self._table = table
        self._metric = metric
        self._clock = clock
        self._pause = pause
        self._actor = ActionExecutor(settings, rds, table, clock, pause)
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

    def read_metrics(self, looks: Mapping[DatabaseRef, Look]) -> dict[DatabaseRef, Look]:
        """The looks, with the second opinion where a decision hangs on it: one question for all of them."""
        if self._metric is None:
            return dict(looks)
        now = self._clock()
        hanging = [ref for ref, look in looks.items() if self._needs_metric(look, now)]
        if not hanging:
            return dict(looks)
        opinions = self._metric.read(hanging, self._settings.idle, now)
        return {ref: replace(look, metric=opinions.get(ref)) for ref, look in looks.items()}

    def view(self, ref: DatabaseRef, look: Look) -> View:
        """How the database stands. Changes nothing. Raises the problem where RDS could not show it."""
        if isinstance(look.sighting, Problem):
            raise look.sighting
        now = self._clock()
        record = apply_observation(look.record, look.sighting, self._settings, now).record
        decision, _ = self._decide(ref, look.sighting, look, record, now)
        return View(look.sighting, record, decision, now)

    def reconcile(
        self, ref: DatabaseRef, may: frozenset[Action], *, wish: Wish | None = None, look: Look | None = None
    ) -> ReconcileResult:
        """Observe, make the wish durable, decide, act, record. Raises Problem.

        Whoever else works on the database at the same time is noticed by the record's ``rev`` or by RDS's refusal;
        then everything is looked at afresh. ``may`` is what may be done if that is the decision; ``look`` saves the
        first look where the caller has just had one.
        """
        now = self._clock()
        refusals = 0
        for attempt in range(_MAX_ATTEMPTS):
            look = look or self.observe([ref])[ref]
            try:
                return self._reconcile_once(ref, look, wish, may, now)
            except WriteConflict:
                self._pause(random.uniform(0.0, 0.05 * (attempt + 1)))  # noqa: S311 - spreads writers, no secret
            except InvalidState as refusal:
                refusals += 1
                if refusals > _MAX_STATE_ERRORS:
                    raise AwsUnavailable(
                        "RDS is changing its state at the moment.", TRY_AGAIN, log_detail=refusal.log_detail
                    ).kept() from refusal
                self._pause(1.0)
            if attempt + 1 >= _MIN_ATTEMPTS and self._clock() - now > _RETRY_BUDGET:
                break
            look = None
        raise AwsUnavailable("Too many change this database at the same time.", TRY_AGAIN, log_detail=str(ref))

    def _reconcile_once(
        self, ref: DatabaseRef, look: Look, wish: Wish | None, may: frozenset[Action], now: datetime
    ) -> ReconcileResult:
        if isinstance(look.sighting, Problem):
            if wish is not None and not isinstance(look.sighting, DatabaseNotFound):
                self._actor.store(ref, look.record, wish(look.record, None, now), now)
                raise look.sighting.kept() from look.sighting
            raise look.sighting
        seen = apply_observation(look.record, look.sighting, self._settings, now)
        found = effective_status(look.sighting, seen.record, now)
        wished = Transition(seen.record) if wish is None else wish(seen.record, found, now)
        change = Transition(wished.record, seen.events + wished.events)
        decision, observation = self._decide(ref, look.sighting, look, change.record, now)
        act = self._act(ref, look.record, change, observation, decision, may, now)
        telemetry.log_reconcile(look.sighting, found, act.decision, act.done)
        view = self._view_of(ref, act, replace(look, metric=observation.metric))
        return ReconcileResult(found, act.decision, act.done, act.record, view)

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
        self, ref: DatabaseRef, sighting: Description, look: Look, record: DatabaseRecord, now: datetime
    ) -> tuple[Decision, Observation]:
        observation = Observation(sighting, look.activity, look.metric)
        decision = decide(observation, record, self._settings, now)
        if self._metric is None or look.metric is not None or decision.reason is not Reason.METRIC_UNKNOWN:
            return decision, observation
        observation = replace(observation, metric=self._metric.read([ref], self._settings.idle, now)[ref])
        return decide(observation, record, self._settings, now), observation

    def _needs_metric(self, look: Look, now: datetime) -> bool:
        if isinstance(look.sighting, Problem):
            return False
        try:
            record = apply_observation(look.record, look.sighting, self._settings, now).record
        except Exception:  # noqa: BLE001 - one database's fault in our own code; its own run meets it and tells it
            return False
        observation = Observation(look.sighting, look.activity)
        return decide(observation, record, self._settings, now).reason is Reason.METRIC_UNKNOWN


def _look(sighting: Description | Problem, stored: Stored, now: datetime) -> Look:
    seen = sighting if isinstance(sighting, Problem) else ignore_stale_description(sighting, stored.record, now)
    return Look(seen, stored.record, stored.activity)
