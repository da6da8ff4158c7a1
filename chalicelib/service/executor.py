"""How to start and to stop a database so that a crash, a race or a lost answer does no harm, and to write it down."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, assert_never

from chalicelib import telemetry
from chalicelib.aws.rds import Rds, cannot_stop
from chalicelib.aws.table import Table
from chalicelib.domain.decision import STOP_INTENT_TTL, decide
from chalicelib.domain.errors import AwsUnavailable, CannotStart, CannotStop, InvalidState, Problem, WriteConflict
from chalicelib.domain.model import (
    Action,
    DatabaseRecord,
    DatabaseRef,
    Decision,
    Description,
    Observation,
    Reason,
    State,
    Transition,
)
from chalicelib.domain.statuses import classify_status, is_known
from chalicelib.domain.transitions.commands import (
    clear_stop_intent,
    set_stop_intent,
    start_accepted,
    start_failed,
    stop_accepted,
    stop_failed,
)
from chalicelib.domain.transitions.observations import apply_observation
from chalicelib.settings import Settings

Clock = Callable[[], datetime]
Pause = Callable[[float], None]

_TELL_ATTEMPTS: Final = 8
_REFUSED_BEFORE: Final = (InvalidState.__name__, CannotStop.__name__)
_MOVED: Final = "The activity item changed while the stop was being prepared, so somebody uses it."


@dataclass(frozen=True, slots=True)
class Act:
    """What was done. ``sighting`` is RDS's answer, None where it does not yet show what was done."""

    done: Action
    decision: Decision
    record: DatabaseRecord
    sighting: Description | None = None


class ActionExecutor:
    """Starts, stops and records; it never decides."""

    def __init__(self, settings: Settings, rds: Rds, table: Table, clock: Clock, pause: Pause = time.sleep) -> None:
        self._settings = settings
        self._rds = rds
        self._table = table
        self._clock = clock
        self._pause = pause

    def store(self, ref: DatabaseRef, before: DatabaseRecord, change: Transition, now: datetime) -> DatabaseRecord:
        """Store the change, unless it is none. Raises what Table.commit raises."""
        if change.record == before and not change.events:
            return before
        stored = self._table.commit(ref, before, change, now)
        for event in change.events:
            telemetry.log_event(ref, event)
        return stored

    def start(self, ref: DatabaseRef, record: DatabaseRecord, decision: Decision, now: datetime) -> Act:
        """Start the database. The restart is stored as pending already, so nothing is lost wherever this ends."""
        try:
            answer = self._rds.start(ref)
        except InvalidState:
            raise
        except AwsUnavailable as problem:
            # RDS may have heard: whoever looks next finds it starting, or starts it again.
            raise problem.kept() from problem
        except Problem as problem:
            self._record_start_failure(ref, record, problem, now)
            raise problem if isinstance(problem, CannotStart) else problem.kept() from problem
        shown, at = _if_it_shows(answer, State.STOPPED), self._clock()
        record = self._tell(ref, record, lambda fresh: self._account(start_accepted(fresh, at), shown, at), at)
        return Act(Action.START, decision, record, shown)

    def stop(
        self, ref: DatabaseRef, record: DatabaseRecord, change: Transition, seen: Observation, now: datetime
    ) -> Act:
        """StopIntent, look again, stop. ``change`` is what the decision was made on, and is stored with the fence.

        Raises Conflict or InvalidState where everything has to be looked at afresh, and Problem.
        """
        decision = decide(seen, change.record, self._settings, now)
        fenced_at = self._clock()
        fenced = self.store(
            ref, record, Transition(set_stop_intent(change.record, decision.detail, fenced_at), change.events), now
        )
        try:
            again = self._table.read([ref])[ref]
        except Problem:
            self._lower(ref, fenced, now)
            raise
        if again.record.revision != fenced.revision:
            self._lower(ref, again.record, now)
            raise WriteConflict("Somebody changed the record while the fence went up.", log_detail=str(ref))
        second = decide(replace(seen, activity=again.activity), change.record, self._settings, now)
        if second.action is Action.STOP and again.activity != seen.activity:
            second = replace(second, action=Action.NONE, reason=Reason.RECENT_ACTIVITY, detail=_MOVED)
        if second.action is not Action.STOP:
            return Act(Action.NONE, second, self._lower(ref, fenced, now))
        if self._clock() > fenced_at + STOP_INTENT_TTL / 4:
            # Too slow: the fence might lapse, and a restart be answered, before RDS hears of the stop.
            self._lower(ref, fenced, now)
            raise WriteConflict("The stop took too long to prepare.", log_detail=str(ref))
        return self._stop_fenced(ref, fenced, decision, now)

    def _stop_fenced(self, ref: DatabaseRef, fenced: DatabaseRecord, decision: Decision, now: datetime) -> Act:
        try:
            answer = self._rds.stop(ref)
        except InvalidState as refusal:
            self._refused_in_this_state(ref, fenced, refusal, now)
            raise
        except AwsUnavailable:
            # RDS may have heard: the fence stays up until the database is seen to stop, or until the fence lapses.
            raise
        except Problem as refusal:
            self._record_stop_failure(ref, fenced, refusal, now)
            raise
        shown, at = _if_it_shows(answer, State.RUNNING), self._clock()
        why = decision.detail
        record = self._tell(ref, fenced, lambda fresh: self._account(stop_accepted(fresh, why, at), shown, at), at)
        return Act(Action.STOP, decision, record, shown)

    def _refused_in_this_state(
        self, ref: DatabaseRef, fenced: DatabaseRecord, refusal: InvalidState, now: datetime
    ) -> None:
        """Something else has begun, or RDS refuses for ever, or an attempt whose answer was lost has been heard.

        In the last case the database is going down, whatever a description that lags behind says: the fence stays up.
        """
        shown = self._rds.describe([ref])[ref]
        if isinstance(shown, Problem):
            return
        match classify_status(shown.status).state:
            case State.RUNNING if shown.stop_unsupported or fenced.last_error in _REFUSED_BEFORE:
                never = cannot_stop(refusal.log_detail)
                self._record_stop_failure(ref, fenced, never, now)
                raise never from refusal
            case State.BUSY | State.FAILED:
                self._lower(ref, fenced, now)
            case State.RUNNING:
                # If it still runs when the fence has lapsed, and RDS refuses again, then nothing was heard.
                self._tell(ref, fenced, lambda fresh: Transition(replace(fresh, last_error=InvalidState.__name__)), now)
            case State.STOPPING | State.STOPPED | State.STARTING:
                pass
            case unexpected:
                assert_never(unexpected)

    def _record_stop_failure(self, ref: DatabaseRef, fenced: DatabaseRecord, problem: Problem, now: datetime) -> None:
        failure, detail = type(problem).__name__, problem.detail
        self._tell(ref, fenced, lambda fresh: stop_failed(fresh, failure, detail, now), now)

    def _record_start_failure(self, ref: DatabaseRef, record: DatabaseRecord, problem: Problem, now: datetime) -> None:
        failure, detail, permanent = type(problem).__name__, problem.detail, isinstance(problem, CannotStart)
        self._tell(ref, record, lambda fresh: start_failed(fresh, failure, detail, now, permanent=permanent), now)

    def _lower(self, ref: DatabaseRef, record: DatabaseRecord, now: datetime) -> DatabaseRecord:
        return self._tell(ref, record, lambda fresh: Transition(clear_stop_intent(fresh)), now)

    def _account(self, change: Transition, shown: Description | None, now: datetime) -> Transition:
        if shown is None:
            return change
        seen = apply_observation(change.record, shown, self._settings, now)
        return Transition(seen.record, change.events + seen.events)

    def _tell(
        self, ref: DatabaseRef, record: DatabaseRecord, change_of: Callable[[DatabaseRecord], Transition], now: datetime
    ) -> DatabaseRecord:
        """Write down what has happened already, on top of whatever others wrote meanwhile.

        What cannot be written is not lost: the next look at the database tells it. So no Problem is raised.
        """
        for attempt in range(_TELL_ATTEMPTS):
            try:
                return self.store(ref, record, change_of(record), now)
            except WriteConflict:
                self._pause(random.uniform(0.0, 0.05 * (attempt + 1)))  # noqa: S311 - spreads writers, no secret
            except Problem as problem:
                return self._log_unrecorded(ref, record, problem)
            try:
                record = self._table.read([ref])[ref].record
            except Problem as problem:
                return self._log_unrecorded(ref, record, problem)
        return self._log_unrecorded(ref, record, WriteConflict("The record never held still.", log_detail=str(ref)))

    def _log_unrecorded(self, ref: DatabaseRef, record: DatabaseRecord, problem: Problem) -> DatabaseRecord:
        telemetry.logger.warning(
            "What was done could not be recorded; the next look at the database will tell it.",
            extra={"database": ref.id, "problem": str(problem)},
        )
        return record


def _if_it_shows(answer: Description, before: State) -> Description | None:
    """RDS's answer to a start or a stop, unless it shows the database as it was before (StopDBCluster does)."""
    return answer if is_known(answer.status) and classify_status(answer.status).state is not before else None
