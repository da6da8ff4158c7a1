"""The reconciliation loop for one database: observe → decide → act → record. Every function of the app calls it.

The loop is level-based: its decisions depend on the observed state only, not on what has invoked it. Events can be
missing, repeated or out of date.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NoReturn, assert_never

from chalicelib import telemetry
from chalicelib.aws.clients import PARALLEL_CALLS, TRY_AGAIN
from chalicelib.aws.metric import ActivityMetric
from chalicelib.aws.rds import Rds
from chalicelib.aws.table import Table
from chalicelib.domain.activity import Activity
from chalicelib.domain.decision import decide
from chalicelib.domain.errors import AwsUnavailable, DatabaseNotFound, InvalidState, Problem, WriteConflict
from chalicelib.domain.model import (
    Action,
    DatabaseRef,
    Decision,
    Description,
    Kind,
    Observation,
    Policy,
    Reason,
    StatusInfo,
    Transition,
)
from chalicelib.domain.record import DatabaseRecord
from chalicelib.domain.statuses import STOP_INTENT_TTL, effective_status, ignore_stale_description
from chalicelib.domain.transitions.commands import Command, apply_command
from chalicelib.domain.transitions.observations import apply_observation
from chalicelib.domain.transitions.results import apply_decision
from chalicelib.service.executor import ActionExecutor, Clock, Sleep

ExecutorFactory = Callable[[], Executor]
"""Creates an executor that runs several AWS calls at the same time."""

_MIN_ATTEMPTS: Final = 12
_MAX_ATTEMPTS: Final = 100
_RETRY_BUDGET: Final = timedelta(seconds=15)
"""Further attempts than the minimum begin only within this time: API Gateway ends a request after 29 s."""
_MAX_STATE_ERRORS: Final = 3
_ACTIVITY_CHANGED: Final = "The activity item changed before the stop, so the database is in use."


@dataclass(frozen=True, slots=True)
class DatabaseView:
    """The state of a database, as a response shows it."""

    description: Description
    record: DatabaseRecord
    decision: Decision
    at: datetime


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """What a pass observed, decided and did. ``view`` is None where only another observation can show the result."""

    observed: StatusInfo
    decision: Decision
    action_taken: Action
    view: DatabaseView | None


def thread_pool() -> Executor:
    """Threads for as many AWS calls as one invocation makes at the same time."""
    return ThreadPoolExecutor(PARALLEL_CALLS)


class Reconciler:
    """Brings one database to its desired state. The only caller of ``decide``."""

    def __init__(
        self,
        policy: Policy,
        rds: Rds,
        table: Table,
        metric: ActivityMetric | None,
        clock: Clock,
        sleep: Sleep = time.sleep,
        make_pool: ExecutorFactory = thread_pool,
    ) -> None:
        self._policy = policy
        self._rds = rds
        self._table = table
        self._metric = metric
        self._clock = clock
        self._sleep = sleep
        self._pool = make_pool()
        self._executor = ActionExecutor(policy, rds, table, clock, sleep)

    def observe(self, refs: Sequence[DatabaseRef]) -> dict[DatabaseRef, Observation]:
        """Observe all of them, RDS and the table at the same time. Raises what Table.read raises."""
        calls = [
            self._pool.submit(self._rds.describe, of_kind)
            for kind in Kind
            if (of_kind := [ref for ref in refs if ref.kind is kind])
        ]
        stored = self._table.read(refs)
        descriptions = {ref: description for call in calls for ref, description in call.result().items()}
        at, observations = self._clock(), {}
        for ref, (record, activity) in stored.items():
            description = descriptions[ref]
            if isinstance(description, Description):
                description = ignore_stale_description(description, record, at)
            observations[ref] = Observation(ref, at, description, record, activity)
        return observations

    def read_metrics(self, observations: Mapping[DatabaseRef, Observation]) -> dict[DatabaseRef, Observation]:
        """The observations, with the activity metric where a decision depends on it: one call for all of them."""
        refs = [ref for ref, observation in observations.items() if self._needs_metric(observation)]
        if self._metric is None or not refs:
            return dict(observations)
        metrics = self._metric.read(refs, self._policy.idle_timeout, self._clock())
        return {ref: replace(seen, metric=metrics.get(ref)) for ref, seen in observations.items()}

    def view(self, observation: Observation) -> DatabaseView:
        """The state of the database. Changes nothing. Raises the problem where RDS could not describe it."""
        description, now = observation.described, observation.at
        record = apply_observation(observation.record, description, self._policy, now).record
        decision, _ = self._decide(observation, record)
        return DatabaseView(description, record, decision, now)

    def reconcile(
        self,
        ref: DatabaseRef,
        allowed_actions: frozenset[Action],
        *,
        command: Command | None = None,
        observation: Observation | None = None,
        automatic_start_announced: bool = False,
    ) -> ReconcileResult:
        """Observe, save the command, decide, act, record. Raises Problem.

        A concurrent change is detected by the record's revision or by RDS's refusal; then a new pass begins with a new
        observation. ``allowed_actions`` limits what a decision may do; ``observation`` saves the first observation
        where the caller has just made one. ``automatic_start_announced`` is part of every observation.
        """
        began, state_errors = self._clock(), 0
        if observation is not None:
            # A check observes all databases at once; the pass of this one begins now.
            observation = replace(observation, at=began)
        for attempt in range(_MAX_ATTEMPTS):
            observation = observation or self.observe([ref])[ref]
            if automatic_start_announced and isinstance(observation.description, Description):
                described = replace(observation.description, automatic_start_announced=True)
                observation = replace(observation, description=described)
            try:
                return self._reconcile_once(observation, command, allowed_actions)
            except WriteConflict:
                self._sleep(random.uniform(0.0, 0.05 * (attempt + 1)))  # noqa: S311 - spreads writers, no secret
            except InvalidState as refusal:
                state_errors += 1
                if state_errors > _MAX_STATE_ERRORS:
                    # Only a start is refused repeatedly, and its restart is saved: a refused stop keeps its intent.
                    message = "The state of the database is changing at the moment."
                    raise AwsUnavailable(message, log_detail=refusal.log_detail).as_saved() from refusal
                self._sleep(1.0)
            observation = None
            if attempt + 1 >= _MIN_ATTEMPTS and self._clock() - began > _RETRY_BUDGET:
                break
        message = "Too many functions change this database at the same time."
        raise AwsUnavailable(message, TRY_AGAIN, log_detail=str(ref))

    def _reconcile_once(
        self, observation: Observation, command: Command | None, allowed_actions: frozenset[Action]
    ) -> ReconcileResult:
        if isinstance(observation.description, Problem):
            self._raise_unobserved(observation, observation.description, command)
        description, now = observation.described, observation.at
        transition = apply_observation(observation.record, description, self._policy, now)
        observed = effective_status(description, transition.record, now)
        if command is not None:
            transition = transition.then(apply_command(transition.record, command, observed, now))
        decision, observation = self._decide(observation, transition.record)
        transition = transition.then(apply_decision(transition.record, decision, now))
        decision, action_taken, after = self._act(observation, transition, decision, allowed_actions)
        telemetry.log_reconcile(description, observed, decision, action_taken)
        return ReconcileResult(observed, decision, action_taken, None if after is None else self.view(after))

    def _raise_unobserved(self, observation: Observation, problem: Problem, command: Command | None) -> NoReturn:
        """Raise why RDS did not describe the database. The command is saved, and a pending restart does not expire."""
        if isinstance(problem, AwsUnavailable) and command is None:
            self._executor.record_unobserved(observation)
        if isinstance(problem, DatabaseNotFound) or command is None:
            raise problem
        transition = apply_command(observation.record, command, None, observation.at)
        self._executor.record(observation.ref, observation.record, transition, observation.at)
        raise problem.as_saved() from problem

    def _act(
        self, observation: Observation, transition: Transition, decision: Decision, allowed_actions: frozenset[Action]
    ) -> tuple[Decision, Action, Observation | None]:
        """Carry out the decision where it is allowed. Returns what was decided in the end, what was done, and the
        observation as of then.
        """
        match decision.action if decision.action in allowed_actions else Action.NONE:
            case Action.NONE:
                record = self._executor.record(observation.ref, observation.record, transition, observation.at)
                return decision, Action.NONE, replace(observation, record=record)
            case Action.START:
                return decision, Action.START, self._executor.start(observation, transition)
            case Action.STOP:
                return self._stop(observation, transition, decision)
            case unexpected:
                assert_never(unexpected)

    def _stop(
        self, observation: Observation, transition: Transition, decision: Decision
    ) -> tuple[Decision, Action, Observation | None]:
        """Set the stop intent, re-check, stop. A restart that is requested after the intent is set follows the stop."""
        # Not the time of the pass, which may have begun long before: the intent expires after STOP_INTENT_TTL.
        began = self._clock()
        record = self._executor.set_stop_intent(observation, transition, decision)
        try:
            stored, activity = self._table.read([observation.ref])[observation.ref]
        except Problem:
            self._executor.clear_stop_intent(observation, record)
            raise
        if stored.revision != record.revision:
            self._executor.clear_stop_intent(observation, stored)
            raise WriteConflict("The record changed after the stop intent was set.", log_detail=str(observation.ref))
        rechecked = self._recheck(observation, transition, activity)
        if rechecked.action is not Action.STOP:
            self._executor.clear_stop_intent(observation, record)
            return rechecked, Action.NONE, None
        if self._clock() > began + STOP_INTENT_TTL / 4:
            # The intent might expire, and a restart be answered as done, before RDS receives the stop.
            self._executor.clear_stop_intent(observation, record)
            raise WriteConflict("The stop took too long to prepare.", log_detail=str(observation.ref))
        return decision, Action.STOP, self._executor.stop(observation, record, decision)

    def _recheck(self, observation: Observation, transition: Transition, activity: Activity) -> Decision:
        """Decide again, on the activity item as it is now that the stop intent is set."""
        decision, _ = self._decide(replace(observation, activity=activity), transition.record)
        if decision.action is Action.STOP and activity != observation.activity:
            return replace(decision, action=Action.NONE, reason=Reason.RECENT_ACTIVITY, detail=_ACTIVITY_CHANGED)
        return decision

    def _decide(self, observation: Observation, record: DatabaseRecord) -> tuple[Decision, Observation]:
        """The decision, and the observation with the activity metric if the decision depends on it."""
        decision = decide(observation, record, self._policy, observation.at)
        is_unread = observation.metric is None and decision.reason is Reason.METRIC_UNKNOWN
        if self._metric is None or not is_unread:
            return decision, observation
        ref, timeout = observation.ref, self._policy.idle_timeout
        observation = replace(observation, metric=self._metric.read([ref], timeout, observation.at)[ref])
        return decide(observation, record, self._policy, observation.at), observation

    def _needs_metric(self, observation: Observation) -> bool:
        if self._metric is None or isinstance(observation.description, Problem):
            return False
        try:
            record = apply_observation(observation.record, observation.description, self._policy, observation.at).record
            return decide(observation, record, self._policy, observation.at).reason is Reason.METRIC_UNKNOWN
        except Exception:  # noqa: BLE001 - an internal error of one database, which its own pass reports
            return False
