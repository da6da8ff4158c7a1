"""Carries out decisions: starts and stops a database, safely despite crashes, races and lost responses."""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final, assert_never

from chalicelib import telemetry
from chalicelib.aws.rds import Rds
from chalicelib.aws.table import Table
from chalicelib.domain.errors import AwsUnavailable, CannotStart, InvalidState, Problem, WriteConflict
from chalicelib.domain.model import DatabaseRef, Decision, Description, Observation, Policy, State, Transition
from chalicelib.domain.record import DatabaseRecord
from chalicelib.domain.statuses import classify_status, is_known, remedy_for
from chalicelib.domain.transitions.observations import apply_observation
from chalicelib.domain.transitions.results import (
    clear_stop_intent,
    set_stop_intent,
    start_accepted,
    start_failed,
    start_prevented,
    stop_accepted,
    stop_failed,
    stop_refused_while_running,
)

Clock = Callable[[], datetime]
Sleep = Callable[[float], None]

_RECORD_ATTEMPTS: Final = 8


class ActionExecutor:
    """Starts, stops and records. It never decides."""

    def __init__(self, policy: Policy, rds: Rds, table: Table, clock: Clock, sleep: Sleep = time.sleep) -> None:
        self._policy = policy
        self._rds = rds
        self._table = table
        self._clock = clock
        self._sleep = sleep

    def record(self, ref: DatabaseRef, before: DatabaseRecord, transition: Transition, now: datetime) -> DatabaseRecord:
        """Store the transition, unless it changes nothing. Returns the stored record. Raises what commit raises."""
        if transition.record == before and not transition.events:
            return before
        stored = self._table.commit(ref, before, transition, now)
        for event in transition.events:
            telemetry.log_event(ref, event)
        return stored

    def start(self, observation: Observation, transition: Transition) -> Observation | None:
        """Save the transition, then start the database. If the function ends at any point, the restart is pending.

        Returns the observation as of RDS's response, None where the response does not show the start yet. Raises
        CannotStart, which cancels the restart; InvalidState and WriteConflict, after which the caller has to observe
        again; and any other Problem.
        """
        ref, now = observation.ref, observation.at
        record = self.record(ref, observation.record, transition, now)
        try:
            response = self._start(observation)
        except InvalidState:
            raise
        except AwsUnavailable as problem:
            # RDS may have accepted the call: the next pass finds the database starting, or starts it again.
            self._record_with_retry(ref, record, lambda fresh: start_prevented(fresh, now), now)
            raise problem.as_saved() from problem
        except Problem as problem:
            failure = problem
            self._record_with_retry(ref, record, lambda fresh: start_failed(fresh, failure, now), now)
            raise problem if isinstance(problem, CannotStart) else problem.as_saved() from problem
        return self._record_response(observation, record, response, State.STOPPED, start_accepted)

    def _start(self, observation: Observation) -> Description:
        """Call RDS. A failed database that RDS does not start raises CannotStart, not InvalidState."""
        ref, status = observation.ref, observation.described.status
        try:
            return self._rds.start(ref)
        except InvalidState as refusal:
            now = self._rds.describe([ref])[ref]
            if isinstance(now, Problem) or now.status != status or classify_status(status).state is not State.FAILED:
                raise
            message = f"RDS reports {status} and refused to start it."
            raise CannotStart(message, remedy_for(status), log_detail=refusal.log_detail) from refusal

    def record_unobserved(self, observation: Observation) -> None:
        """Record that a pending restart could not be carried out, because RDS did not describe the database."""
        now = observation.at
        self._record_with_retry(observation.ref, observation.record, lambda fresh: start_prevented(fresh, now), now)

    def set_stop_intent(self, observation: Observation, transition: Transition, decision: Decision) -> DatabaseRecord:
        """Save the transition together with the intent to stop. Raises WriteConflict and any other Problem."""
        # Not the time of the pass: the intent's lifetime begins where it is saved, however long the pass takes.
        intended = transition.then(set_stop_intent(transition.record, decision, self._clock()))
        return self.record(observation.ref, observation.record, intended, observation.at)

    def clear_stop_intent(self, observation: Observation, record: DatabaseRecord) -> DatabaseRecord:
        """Record that the stop is not carried out."""
        return self._record_with_retry(observation.ref, record, clear_stop_intent, observation.at)

    def stop(self, observation: Observation, record: DatabaseRecord, decision: Decision) -> Observation | None:
        """Stop the database, whose record has the stop intent.

        Returns the observation as of RDS's response, None where the response does not show the stop yet. Raises
        InvalidState, after which the caller has to observe again, and any other Problem.
        """
        ref, now = observation.ref, observation.at
        try:
            response = self._rds.stop(ref)
        except InvalidState:
            self._handle_refused_stop(observation, record)
            raise
        except AwsUnavailable:
            # RDS may have accepted the call: the intent stays set until the database stops, or until it expires.
            raise
        except Problem as problem:
            failure = problem
            self._record_with_retry(ref, record, lambda fresh: stop_failed(fresh, failure, now), now)
            raise
        return self._record_response(
            observation, record, response, State.RUNNING, lambda fresh, at: stop_accepted(fresh, decision, at)
        )

    def _handle_refused_stop(self, observation: Observation, record: DatabaseRecord) -> None:
        """Another operation has begun, on the database or a member of the cluster, or an earlier attempt was accepted.

        In the last case the response was lost and the database is stopping, even if a stale description differs: the
        intent stays set. In any case the state can change, so the stop is tried again.
        https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StopDBCluster.html#API_StopDBCluster_Errors
        """
        ref, now = observation.ref, observation.at
        description = self._rds.describe([ref])[ref]
        if isinstance(description, Problem):
            return
        match classify_status(description.status).state:
            case State.RUNNING:
                self._record_with_retry(ref, record, lambda fresh: stop_refused_while_running(fresh, now), now)
            case State.BUSY | State.FAILED:
                self.clear_stop_intent(observation, record)
            case State.STOPPING | State.STOPPED | State.STARTING:
                pass
            case unexpected:
                assert_never(unexpected)

    def _record_response(
        self,
        observation: Observation,
        record: DatabaseRecord,
        response: Description,
        before: State,
        accepted: Callable[[DatabaseRecord, datetime], Transition],
    ) -> Observation | None:
        """Record that RDS accepted the call, and what its response shows beyond that."""
        # Not the time of the pass: durations of starts are measured from RDS's response.
        at = self._clock()
        # StopDBCluster was observed to respond with the status before the stop; AWS does not document it.
        is_current = is_known(response.status) and classify_status(response.status).state is not before

        def transition_of(fresh: DatabaseRecord) -> Transition:
            transition = accepted(fresh, at)
            if not is_current:
                return transition
            return transition.then(apply_observation(transition.record, response, self._policy, at))

        record = self._record_with_retry(observation.ref, record, transition_of, at)
        return replace(observation, at=at, description=response, record=record) if is_current else None

    def _record_with_retry(
        self,
        ref: DatabaseRef,
        record: DatabaseRecord,
        transition_of: Callable[[DatabaseRecord], Transition],
        now: datetime,
    ) -> DatabaseRecord:
        """Record what has happened, in addition to what other functions recorded meanwhile. Raises no Problem.

        What cannot be recorded is not lost: the next observation of the database infers it.
        """
        for attempt in range(_RECORD_ATTEMPTS):
            try:
                return self.record(ref, record, transition_of(record), now)
            except WriteConflict:
                self._sleep(random.uniform(0.0, 0.05 * (attempt + 1)))  # noqa: S311 - spreads writers, no secret
            except Problem as problem:
                return self._log_unrecorded(ref, record, problem)
            try:
                record, _ = self._table.read([ref])[ref]
            except Problem as problem:
                return self._log_unrecorded(ref, record, problem)
        return self._log_unrecorded(ref, record, WriteConflict("The record changes too often.", log_detail=str(ref)))

    def _log_unrecorded(self, ref: DatabaseRef, record: DatabaseRecord, problem: Problem) -> DatabaseRecord:
        telemetry.logger.warning(
            "A result could not be recorded. The next observation of the database will infer it.",
            extra={"database": ref.id, "problem": str(problem)},
        )
        return record
