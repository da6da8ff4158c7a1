"""One plan, played from its first step to its last: the app on a simulated AWS, in virtual time."""

import io
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from typing import Any, Final, assert_never

from chalicelib.bootstrap import build
from chalicelib.domain.model import DatabaseRef, Kind
from chalicelib.service.lifecycle import Lifecycle
from chalicelib.settings import Settings, read_settings
from dev.local.connections import DatabaseConnections
from dev.local.rds_behavior import SimulatedDatabase
from dev.local.rds_changes import StatusChange
from dev.local.rds_timing import RandomTiming, RdsTiming
from tests.simulation.checker import Checker
from tests.simulation.client import SimulatedClient
from tests.simulation.event_bridge import EventBridge
from tests.simulation.faults import FaultInjector, FaultWindow
from tests.simulation.functions import Functions
from tests.simulation.ground_truth import status_info
from tests.simulation.invariants import MINUTE, Bounds
from tests.simulation.log_capture import capture_log
from tests.simulation.metric import PUBLICATION_DELAY, SimulatedMetric
from tests.simulation.network import Hook, Invocation, Latency, Network, RandomLatency
from tests.simulation.plan import (
    DAY,
    HOUR,
    BusyMember,
    CapacityShortage,
    DatabaseStep,
    FaultBurst,
    IneffectiveStart,
    MissingDatapoints,
    OpenConnection,
    PendingModification,
    PermanentFault,
    Plan,
    Session,
    SingleOperation,
    Step,
    TemporaryStatus,
    Triggered,
)
from tests.simulation.rds import SimulatedRds
from tests.simulation.report import Report
from tests.simulation.scheduler import Scheduler
from tests.simulation.table import SimulatedTable
from tests.simulation.users import Users

START: Final = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_TABLE: Final = "system-metadata"
_ACTIVITY_KEY: Final = "last_rds_query_time"
_SETTLING_TIME: Final = 6 * HOUR
"""Without faults, after the last step: time for everything that is still outstanding."""


class Simulation:
    """Everything that takes part in one run."""

    def __init__(
        self,
        plan: Plan,
        latency: Callable[[Scheduler], Latency] = RandomLatency,
        timing: RdsTiming | None = None,
    ) -> None:
        self.plan = plan
        self.scheduler = Scheduler(START)
        environ = _environ(plan)
        self.settings = read_settings(environ)
        self.faults = FaultInjector(lambda: self.scheduler.now)
        keys = {ref: _activity_keys(plan, ref) for ref in plan.refs}
        self._keys = {ref: all_keys[-1 if plan.backend_uses_own_key else 0] for ref, all_keys in keys.items()}
        self.connections = DatabaseConnections(self.scheduler.clock, PUBLICATION_DELAY)
        by_key = {key: ref for ref, all_keys in keys.items() for key in all_keys}
        self.checker = Checker(self.scheduler, _bounds(self.settings), by_key, self.connections)
        self.metric = SimulatedMetric(self.connections.datapoints)
        timing = timing or RandomTiming(
            lambda: self._rng("rds"), lags=plan.lags, on_previous_status=self._on_stale_description
        )
        self.rds = SimulatedRds(self.scheduler.clock, timing, self._on_status_change, self._schedule_rds)
        self.table = SimulatedTable(_TABLE, self.checker.on_write)
        self.latency = latency(self.scheduler)
        self.network = Network(self.scheduler, self.faults, self.latency, self.checker, plan.refs)
        self.functions = Functions(self.scheduler, environ, self.settings, self._lifecycle, self.checker, self._rng)
        self.users = Users(
            self.scheduler, self.functions, self.rds, self.table, self.connections, self.checker, self._keys, self._rng
        )
        self.event_bridge = EventBridge(
            self.scheduler,
            self.faults,
            self.functions,
            self.checker,
            plan.refs,
            plan.interval_minutes * MINUTE,
            self._rng,
        )
        for ref, starts_stopped in zip(plan.refs, plan.starts_stopped, strict=True):
            status = "stopped" if starts_stopped else "available"
            self.checker.add_database(ref, status)
            self.rds.add(ref, status)
            if not starts_stopped:
                self.connections.set_available(ref)
        self._apply_permanent_fault()

    def run(self, steps: tuple[Step, ...] | None = None) -> Report:
        """Play these steps, or the whole plan. Ends at the first violation."""
        steps = self.plan.steps if steps is None else steps
        for step in steps:
            self.scheduler.call_at(step.at, self._player(step))
        self.event_bridge.start_schedule()
        with self.running():
            self.advance(self.plan.days * DAY + _SETTLING_TIME)
        self.checker.check_overdue()
        self.report.counters["database-days"] += round(self.plan.days * len(self.plan.refs))
        return self.report

    @property
    def report(self) -> Report:
        """What has happened so far."""
        return self.checker.report

    @contextmanager
    def running(self) -> Iterator[None]:
        """Around everything that runs the app: its log goes to the checker."""
        random.seed(self.plan.seed)
        with capture_log(self._on_log_record), redirect_stdout(io.StringIO()):
            yield
        self.functions.close()

    def advance(self, seconds: float) -> None:
        """Let virtual time pass, up to the first violation."""
        self.scheduler.run(self.scheduler.now + seconds, keep_running=lambda: self.report.violation is None)

    def _player(self, step: Step) -> Callable[[], None]:
        def play() -> None:
            self.report.add(f"step {step}")
            self._play(step)

        return play

    def _play(self, step: Step) -> None:
        match step:
            case Session():
                self.users.start_session(step)
            case OpenConnection():
                self.users.connect(step)
            case SingleOperation(_, ref, operation):
                self.users.perform(operation, ref)
            case Triggered(_, ref, call_point, operation, delay):
                self.network.hooks.append(Hook(call_point, ref, lambda: self.users.perform(operation, ref), delay))
            case FaultBurst(at, seconds, fault, rate, service):
                end = min(at + seconds, self.plan.days * DAY)
                self.faults.open(FaultWindow(fault, end, rate, service, self._rng("fault-burst")))
            case MissingDatapoints(_, ref, seconds, published_later):
                self.hide_datapoints(ref, seconds, published_later=published_later)
            case _ if step.ref in self.rds.databases:
                self._change_database(step, self.rds.databases[step.ref])

    def _change_database(self, step: DatabaseStep, database: SimulatedDatabase) -> None:
        """What happens to a database by itself, or by somebody who changes it."""
        ref = step.ref
        match step:
            case PendingModification(_, _, seconds):
                self._add_pending_modification(database, seconds)
            case BusyMember(at, _, seconds):
                database.member_busy_until = self.scheduler.time_of(at + seconds)
                self.checker.on_busy_member(ref, at + seconds)
            case TemporaryStatus(_, _, status, seconds, can_start):
                is_stopped = self.rds.would_accept(ref, "start") and not status_info(status).ready
                if is_stopped or self.rds.would_accept(ref, "stop"):
                    database.is_failure_fixed = can_start
                    self.rds.set_status_for(ref, status, seconds)
            case CapacityShortage(_, _, seconds):
                self.set_capacity_shortage(ref, seconds)
            case IneffectiveStart():
                database.start_has_no_effect = True
            case unexpected:
                assert_never(unexpected)

    def _rng(self, stream: str) -> random.Random:
        """Random numbers of one stream from now on: a step that is left out changes nothing in the other streams."""
        return random.Random(f"{self.plan.seed}/{stream}/{self.scheduler.now}")

    def set_capacity_shortage(self, ref: DatabaseRef, seconds: float) -> None:
        """AWS has no capacity for the database for a while."""
        until = self.scheduler.now + seconds
        if ref in self.rds.databases:
            self.rds.databases[ref].no_capacity_until = self.scheduler.time_of(until)
            self.checker.on_capacity_shortage(ref, until)

    def hide_datapoints(self, ref: DatabaseRef, seconds: float, *, published_later: bool) -> None:
        """CloudWatch does not publish the next datapoints, or publishes them later."""
        start, end = self.scheduler.clock(), self.scheduler.time_of(self.scheduler.now + seconds)
        self.connections.hide(start, end, end if published_later else None, ref)
        self.checker.on_missing_datapoints(ref, self.scheduler.now + seconds)

    def _add_pending_modification(self, database: SimulatedDatabase, seconds: float) -> None:
        ref = database.ref

        def apply() -> None:
            if self.rds.databases.get(ref) is database:
                database.pending_modifications = ()
                self.checker.on_pending_modification(ref, is_pending=False)

        def modify() -> None:
            if self.rds.databases.get(ref) is not database:
                return
            if self.rds.would_accept(ref, "stop"):
                database.pending_modifications = ("DBInstanceClass",)
                self.checker.on_pending_modification(ref, is_pending=True)
                self.scheduler.call_later(seconds, apply)
            elif self.scheduler.now < self.plan.days * DAY:
                self.scheduler.call_later(20 * MINUTE, modify)

        modify()

    def _on_status_change(self, change: StatusChange) -> None:
        self.checker.on_status_change(change)
        if status_info(change.after).ready:
            self.connections.set_available(change.ref)
            self.users.reconnect(change.ref)
        else:
            self.connections.set_unavailable(change.ref)
        if change.event is not None:
            self.event_bridge.send_event(change.event)

    def _schedule_rds(self, at: datetime) -> None:
        self.scheduler.call_at(self.scheduler.seconds_of(at), self.rds.advance)

    def _on_stale_description(self) -> None:
        self.checker.on_fault("stale description", self.plan.refs)

    def _on_log_record(self, line: logging.LogRecord) -> None:
        event = getattr(line, "event", None)
        database, reason = getattr(line, "database", ""), getattr(line, "reason", "stopped")
        if event is None and reason != "stopped":
            self.report.add(f"{database}: {reason}: {line.msg}")
        owner = self.scheduler.current_owner
        if event is not None and isinstance(owner, Invocation):
            self.checker.on_log_line(owner, database, event)

    def _lifecycle(self) -> Lifecycle:
        return build(
            self.settings,
            self._client("rds", self.rds),
            self._client("dynamodb", self.table),
            lambda: self._client("cloudwatch", self.metric),
            self.scheduler.clock,
            self.latency.pause,
            self.scheduler.thread_pool,
        )

    def _client(self, name: str, service: object) -> Any:
        return SimulatedClient(name, service, self.network)

    def _apply_permanent_fault(self) -> None:
        """To the first database."""
        if self.plan.permanent_fault is None:
            return
        ref = self.plan.refs[0]
        self.checker.on_permanent_fault(ref, is_missing=self.plan.permanent_fault is PermanentFault.NOT_FOUND)
        match self.plan.permanent_fault:
            case PermanentFault.STOP_UNSUPPORTED:
                self.rds.databases[ref].stop_unsupported = True
            case PermanentFault.INVALID_ACTIVITY:
                self.table.put_item(_TABLE, {"key": {"S": self._keys[ref]}, "value": {"S": "2026-01-05"}})
            case PermanentFault.NOT_FOUND:
                self.rds.remove(ref)
            case unexpected:
                assert_never(unexpected)


def _activity_keys(plan: Plan, ref: DatabaseRef) -> list[str]:
    """The keys that a backend may write: by the contract, not by the app. The last has the id as in DATABASES."""
    default = [_ACTIVITY_KEY] if ref == plan.refs[0] else []
    return [
        *default,
        f"{_ACTIVITY_KEY}/{ref.id}",
        *([f"{_ACTIVITY_KEY}/{ref.id.upper()}"] if plan.has_capitals else []),
    ]


def _environ(plan: Plan) -> dict[str, str]:
    databases = ",".join(
        f"cluster:{database_id}" if ref.kind is Kind.CLUSTER else database_id
        for ref in plan.refs
        for database_id in [ref.id.upper() if plan.has_capitals else ref.id]
    )
    return {
        "DATABASES": databases,
        "METADATA_TABLE": _TABLE,
        "IDLE_MINUTES": str(plan.idle_minutes),
        "CHECK_INTERVAL_MINUTES": str(plan.interval_minutes),
        "ACTIVITY_METRIC": plan.activity_metric,
        "WARM_UP_SCHEDULE": "cron(0 7 ? * MON-FRI *)",
    }


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        idle_timeout=settings.idle_timeout.total_seconds(),
        interval=settings.check_interval.total_seconds(),
        restart_ttl=settings.policy.restart_ttl.total_seconds(),
        rule=settings.activity_metric,
    )
