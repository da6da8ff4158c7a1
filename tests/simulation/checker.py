"""Observes every call, response, write and change of status, keeps the ground truth, and checks the invariants."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.records import decode_record, from_attributes
from chalicelib.domain.errors import Problem
from chalicelib.domain.model import DatabaseRef, State
from chalicelib.domain.timestamps import parse_time
from chalicelib.service.lifecycle import AUTOMATIC_START_EVENTS, CheckFailed
from dev.local.connections import DatabaseConnections
from dev.local.rds_changes import Cause, StatusChange
from tests.simulation import invariants
from tests.simulation.client import Call
from tests.simulation.expressions import Item
from tests.simulation.faults import Fault
from tests.simulation.functions import Response
from tests.simulation.ground_truth import NEVER, GroundTruth, Initiator, RestartRequest, status_info
from tests.simulation.invariants import Bounds
from tests.simulation.network import Invocation
from tests.simulation.report import Invariant, Report
from tests.simulation.scheduler import Scheduler


class Checker:
    """Checks one run. ``version`` grows with each change of a status or of the table."""

    def __init__(
        self,
        scheduler: Scheduler,
        bounds: Bounds,
        activity_keys: Mapping[str, DatabaseRef],
        connections: DatabaseConnections,
    ) -> None:
        self.report = Report(scheduler)
        self.version = 0
        self._scheduler = scheduler
        self._bounds = bounds
        self._activity_keys = activity_keys
        self._connections = connections
        self._truths: dict[DatabaseRef, GroundTruth] = {}
        self._initiator = Initiator.APP

    def add_database(self, ref: DatabaseRef, status: str) -> None:
        """A database exists from the start."""
        truth = self._truths[ref] = GroundTruth(ref, status)
        truth.available_since = 0.0 if truth.is_ready else None

    @contextmanager
    def console_action(self, ref: DatabaseRef, verb: str) -> Iterator[None]:
        """What happens in this context is done by a user in the console."""
        self.report.add(f"a user {verb}s {ref.id} in the console")
        self._initiator = Initiator.CONSOLE
        try:
            yield
        finally:
            self._initiator = Initiator.APP

    def on_status_change(self, change: StatusChange) -> None:
        """The actual status of a database has changed."""
        self.version += 1
        truth, at = self._truths[change.ref], self._scheduler.seconds_of(change.at)
        self.report.add(f"RDS: {change.ref.id} is {change.after} ({change.cause.value})")
        if change.cause is Cause.REPLACED and change.after == "creating":
            self._on_replaced(truth)
        if change.after == "starting":
            self._on_start(truth, change, at)
        if change.after == "stopping":
            self._on_stop(truth, at)
        # A time of RDS is rounded to microseconds.
        had_fault = truth.last_fault_at >= truth.started_at - 0.001
        if change.cause is Cause.NO_EFFECT and (truth.started_by is not Initiator.APP or had_fault):
            # The app may not have observed the start, or may not have been able to record it.
            truth.unrecorded = [(at, names) for at, names in truth.unrecorded if "starting" not in names]
        truth.status, truth.status_changed_at = change.after, at
        if not truth.is_ready:
            truth.connected_at = at if truth.open_connections else truth.connected_at
            truth.open_connections = 0
        # Not while it is stopping: a call that stops it is checked after it took effect.
        if status_info(change.after).state in (State.STOPPED, State.STARTING):
            truth.available_since = None
        if truth.is_ready and truth.available_since is None:
            self._on_available(truth, at)

    def on_write(self, key: str, before: Item | None, after: Item) -> None:
        """An item of the table has changed."""
        self.version += 1
        now = self._scheduler.now
        kind, _, rest = key.partition("/")
        if key in self._activity_keys:
            self._truths[self._activity_keys[key]].activity.append((now, key, self._time_in(after)))
        elif kind == "rds_lifecycle":
            self._on_record(self._by_id(rest), after, now)
        elif kind == "rds_history":
            known = len(before["events"]["L"]) if before else 0
            for event in after["events"]["L"][known:]:
                self._on_event(self._by_id(rest.partition("/")[0]), from_attributes(event["M"]), now)

    def on_call(
        self, invocation: Invocation, call: Call, refs: tuple[DatabaseRef, ...], answer: Any, error: ClientError | None
    ) -> None:
        """A call took effect, or the service refused it."""
        now = self._scheduler.now
        if invocation.event_id in AUTOMATIC_START_EVENTS.values():
            self._truths[invocation.refs[0]].announced_at = invocation.began
        if call.operation == "BatchGetItem":
            invocation.activity_read_at.update(dict.fromkeys(refs, now))
        elif call.operation.startswith("StopDB"):
            self.report.counters["calls of StopDB*"] += 1
            truth = self._truths[refs[0]]
            self._report_call(invocation, call, error)
            points = self._datapoints(truth.ref)
            for detail in invariants.violations_of_stop(truth, invocation, points, self._bounds, now):
                self._violate(Invariant.SAFETY, truth, detail)
            if error is None:
                truth.pending_modification_since = None
                truth.expect_event(now, "stopping", "stopped")
                if truth.held_until_as_of(now) > now:
                    truth.outstanding.append(RestartRequest(now, invocation, now))
        elif call.operation.startswith("StartDB"):
            self._report_call(invocation, call, error)
            if error is None:
                self._truths[refs[0]].expect_event(now, "starting", "available", "start-failed")

    def on_fault(self, fault: Fault | str, refs: Iterable[DatabaseRef], invocation: Invocation | None = None) -> None:
        """A fault occurred that the app is not responsible for."""
        self.report.counters[f"fault: {fault}"] += 1
        where = "" if invocation is None else f" in {invocation.function}"
        self.report.add(f"fault: {fault}{where}")
        for ref in refs:
            if ref in self._truths:
                self._truths[ref].last_fault_at = self._scheduler.now

    def on_restart_request(self, ref: DatabaseRef, invocation: Invocation | None) -> None:
        """A restart is requested."""
        self.report.counters["restarts requested"] += 1
        self._truths[ref].requests.append(RestartRequest(self._scheduler.now, invocation))

    def on_capacity_shortage(self, ref: DatabaseRef, until: float) -> None:
        """AWS has no capacity for the database."""
        self.report.counters["fault: no capacity"] += 1
        self._truths[ref].no_capacity_until = until

    def on_connection(self, ref: DatabaseRef, change: int) -> None:
        """A client has connected (1) or disconnected (-1)."""
        truth = self._truths[ref]
        truth.open_connections += change
        truth.connected_at = self._scheduler.now
        self.report.counters["connections"] += max(change, 0)

    def on_missing_datapoints(self, ref: DatabaseRef, until: float) -> None:
        """CloudWatch does not publish the datapoints of the database until then."""
        self.report.counters["missing datapoints"] += 1
        self._truths[ref].metric_gap_ends_at = max(self._truths[ref].metric_gap_ends_at, until)

    def on_pending_modification(self, ref: DatabaseRef, *, is_pending: bool) -> None:
        """A modification waits for the maintenance window, or it has been applied."""
        now = self._scheduler.now
        self.version += 1
        self.report.counters["pending modifications"] += is_pending
        self._truths[ref].pending_modification_since = now if is_pending else None
        self._truths[ref].modified_at = now

    def on_busy_member(self, ref: DatabaseRef, until: float) -> None:
        """An operation is in progress on a member of the cluster."""
        self.report.counters["busy members"] += 1
        self._truths[ref].member_busy_until = max(self._truths[ref].member_busy_until, until)

    def on_permanent_fault(self, ref: DatabaseRef, *, is_missing: bool) -> None:
        """Something is wrong with the database during the whole run."""
        self._truths[ref].has_permanent_fault, self._truths[ref].is_missing = True, is_missing

    def on_query(self, ref: DatabaseRef) -> None:
        """A client queries the database, whether it is reported or not."""
        self.report.counters["queries"] += 1
        self._truths[ref].queried_at = self._scheduler.now

    def on_response(self, invocation: Invocation, request: str, ref: DatabaseRef, response: Response) -> None:
        """A request ended, with or without a response."""
        truth, now = self._truths[ref], self._scheduler.now
        message = response.body.get("message", "")
        self.report.add(f"response to {request} of {ref.id}: {response.status} {message}")
        if response.status is None:
            return
        expected = (200, 202, 409, 502, 503, *((404,) if truth.is_missing else ()))
        if response.status not in expected:
            self._violate(Invariant.HISTORY, truth, f"{request} was answered with {response.status}: {response.body}")
        restart = next((restart for restart in reversed(truth.requests) if restart.invocation is invocation), None)
        if request != "restart" or restart is None:
            return
        self.report.counters[f"restarts answered with {response.status}"] += 1
        for detail in invariants.violations_of_restart(truth, restart, response, now):
            self._violate(Invariant.LIVENESS, truth, detail)
        if response.status == 200:
            restart.answered_at = now
            truth.answered_available.append(restart)
        elif invariants.is_accepted(response):
            restart.answered_at = now
            has_started = truth.available_since is not None and truth.available_since > restart.requested_at
            is_available = truth.is_ready and truth.record.stop_intent is None and truth.record.pending_restart is None
            if not has_started and not is_available:
                truth.outstanding.append(restart)

    def on_end(self, invocation: Invocation, error: Exception | None) -> None:
        """A function ended and was not killed."""
        self.report.counters[f"runs of {invocation.function}"] += 1
        truth = self._truths[invocation.refs[0]]
        if invocation.event_id in AUTOMATIC_START_EVENTS.values():
            truth.was_announcement_handled |= error is None and not invocation.had_fault
        if invocation.function == "inactivity_check" and error is not None:
            for ref in invocation.refs:
                self._truths[ref].check_failed_at = self._scheduler.now
        if not (error is None or isinstance(error, CheckFailed | Problem)):
            self._violate(Invariant.HISTORY, truth, f"{invocation.function} raised {error!r}")
        truths = [self._truths[ref] for ref in invocation.refs]
        if error is not None and invariants.is_fault_free(truths, invocation, self._bounds):
            self._violate(Invariant.HISTORY, truth, f"{invocation.function} failed without a fault: {error}")
        if invocation.unlogged and not invocation.had_fault:
            self._violate(Invariant.HISTORY, truth, f"the log does not contain {invocation.unlogged}")

    def on_log_line(self, invocation: Invocation, ref_id: str, event: str) -> None:
        """A line of the log contains an event of the history."""
        entry = (self._by_id(ref_id).ref, event)
        if entry in invocation.unlogged:
            invocation.unlogged.remove(entry)

    def check_overdue(self) -> None:
        """Check every invariant that has a time limit."""
        now = self._scheduler.now
        for truth in self._truths.values():
            if truth.is_missing:
                continue
            for invariant, detail in invariants.overdue(truth, self._bounds, now):
                self._violate(invariant, truth, detail)

    def is_settled(self) -> bool:
        """Whether a check has nothing to do until something else happens."""
        return all(truth.is_settled for truth in self._truths.values())

    def next_hold_end(self) -> float:
        """When the next hold ends; infinity without a hold."""
        ends = (until for truth in self._truths.values() for _, until in truth.holds[-1:])
        return min((until for until in ends if until > self._scheduler.now), default=math.inf)

    def _on_replaced(self, truth: GroundTruth) -> None:
        """The app cannot observe any more what happened to the database before."""
        self.report.counters["databases replaced"] += 1
        truth.unrecorded.clear()
        truth.expect_event(self._scheduler.now, "replaced", "first-seen")
        truth.started_by, truth.started_at = Initiator.CONSOLE, self._scheduler.now
        truth.available_since, truth.start_was_observable, truth.is_replaced = None, True, True
        truth.pending_modification_since, truth.member_busy_until = None, NEVER

    def _datapoints(self, ref: DatabaseRef) -> list[tuple[float, float]]:
        """DatabaseConnections as CloudWatch has published them, within the last hours."""
        now = self._scheduler.clock()
        points = self._connections.datapoints(ref, now - timedelta(hours=3), now)
        return [(self._scheduler.seconds_of(at), value) for at, value in points]

    def _on_start(self, truth: GroundTruth, change: StatusChange, at: float) -> None:
        if change.cause is Cause.SEVEN_DAYS:
            truth.started_by = Initiator.AWS
            due = truth.record.automatic_restart_at
            truth.aws_start_was_expected = (
                due is not None
                and self._scheduler.seconds_of(due) <= at
                and truth.record.pending_restart is None
                and truth.record.status == "stopped"
            )
        else:
            truth.started_by = self._initiator
        truth.started_at, truth.was_announcement_handled = at, False
        # If a start has no effect and another follows at the same moment, the status remains "starting".
        if truth.started_by is not Initiator.APP and truth.record.status != "starting":
            truth.expect_event(self._scheduler.now, "starting", "available", "start-failed", "first-seen")
        self.report.counters[f"starts by {truth.started_by.value}"] += 1
        truth.start_was_observable = True
        if truth.started_by is Initiator.APP:
            for detail in invariants.violations_of_start(truth):
                self._violate(Invariant.MANUAL_STOPS, truth, detail)

    def _on_available(self, truth: GroundTruth, at: float) -> None:
        if truth.is_recorded_as_ready:
            truth.forget_unobservable_changes()
        truth.available_since, truth.observed_available_at = at, NEVER
        truth.start_was_observable &= truth.is_replaced or not truth.is_recorded_as_ready
        truth.is_replaced = False
        truth.outstanding = [request for request in truth.outstanding if request.requested_at > at]

    def _on_stop(self, truth: GroundTruth, at: float) -> None:
        self.report.counters[f"stops by {self._initiator.value}"] += 1
        # After a cancelled stop the database stayed available, and the restart took effect for one idle timeout.
        truth.outstanding = [r for r in truth.outstanding if at - r.requested_at <= self._bounds.idle_timeout]
        if self._initiator is Initiator.APP:
            truth.stopped_by_app_at = at
            truth.was_observed_available_before_stop = False
        else:
            truth.stopped_in_console_at = at
            truth.pending_modification_since = None
            truth.expect_event(self._scheduler.now, "stopping", "stopped", "first-seen")
            has_no_restart = truth.record.pending_restart is None
            truth.was_observed_available_before_stop = truth.is_recorded_as_ready and has_no_restart

    def _on_record(self, truth: GroundTruth, item: Item, now: float) -> None:
        before, truth.record = truth.record, decode_record(item)
        record = truth.record
        if record.stop_intent is not None and record.stop_intent != before.stop_intent:
            truth.stop_intent_set_at = now
        if record.hold != before.hold:
            until = NEVER if record.hold is None else self._scheduler.seconds_of(record.hold.until)
            truth.holds.append((now, until))
        unknown_since = record.metric_unknown_since
        truth.metric_unknown_since = None if unknown_since is None else self._scheduler.seconds_of(unknown_since)
        recorded_at = record.last_restart_requested_at
        if recorded_at is not None and recorded_at != before.last_restart_requested_at:
            at = truth.recorded_restart_at = self._scheduler.seconds_of(recorded_at)
            if not any(r.requested_at - 0.001 <= at <= r.latest_effect_at for r in truth.requests):
                self._violate(Invariant.HISTORY, truth, "the record has a restart that was never requested")
        if record.stop_intent is None and record.pending_restart is None:
            owner = self._scheduler.current_owner
            truth.close_outstanding(owner.began if isinstance(owner, Invocation) else now)
        if truth.available_since is not None and truth.observed_available_at == NEVER and truth.is_recorded_as_ready:
            truth.observed_available_at = now

    def _on_event(self, truth: GroundTruth, event: Mapping[str, Any], now: float) -> None:
        name = str(event["event"])
        self.report.add(f"history of {truth.ref.id}: {name} by {event.get('by')}: {event['detail']}")
        truth.unrecorded = [(at, names) for at, names in truth.unrecorded if name not in names]
        age = abs((parse_time(event["at"]) - self._scheduler.clock()).total_seconds())
        for detail in invariants.violations_of_event(event, age):
            self._violate(Invariant.HISTORY, truth, detail)
        if name in ("restart-expired", "restart-cancelled"):
            self.report.counters[f"restarts {name.removeprefix('restart-')}"] += 1
            for detail in invariants.violations_of_restart_end(truth, name, self._bounds, now):
                self._violate(Invariant.LIVENESS, truth, detail)
            truth.outstanding.clear()
        invocation = self._scheduler.current_owner
        assert isinstance(invocation, Invocation)
        invocation.unlogged.append((truth.ref, name))

    def _report_call(self, invocation: Invocation, call: Call, error: ClientError | None) -> None:
        outcome = "accepted" if error is None else error.response["Error"]["Code"]
        self.report.add(f"{invocation.function} calls {call.operation}: {outcome}")

    def _time_in(self, item: Item) -> float | None:
        try:
            return self._scheduler.seconds_of(parse_time(from_attributes(item).get("value")))
        except ValueError:
            return None

    def _by_id(self, ref_id: str) -> GroundTruth:
        return next(truth for ref, truth in self._truths.items() if ref.id == ref_id)

    def _violate(self, invariant: Invariant, truth: GroundTruth, detail: str) -> None:
        self.report.add_violation(invariant, truth.ref, detail)
