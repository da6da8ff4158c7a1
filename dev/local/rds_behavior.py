"""How Amazon RDS behaves when databases start and stop: one model, for `make run` and for the tests.

An adapter (`dev.local.rds` over moto, `tests.simulation.rds` as a boto3 client) turns each AWS call into `describe`,
`start` or `stop`. `RdsBehavior` keeps the status of each database, refuses what RDS refuses and schedules the changes
that follow; `advance` carries them out, and each change goes to `on_change` together with the RDS event that AWS sends.
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from chalicelib.domain.model import DatabaseRef, Kind, State
from chalicelib.domain.statuses import classify_status
from dev.local.rds_changes import Cause, StatusChange
from dev.local.rds_timing import RdsTiming

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html
# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-cluster-stop-start.html
SEVEN_DAYS: Final = timedelta(days=7)


class DescribedStatus(NamedTuple):
    """What RDS returns for a database; ``automatic_restart_at`` is its AutomaticRestartTime."""

    status: str
    automatic_restart_at: datetime | None
    resource_id: str
    pending_modifications: tuple[str, ...] = ()


class RequestRefused(Exception):
    """RDS refuses the request with this error code."""

    def __init__(self, code: str, ref: DatabaseRef, reason: str) -> None:
        self.code = code
        super().__init__(f"{ref.id} {reason}.")


# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StartDBInstance.html#API_StartDBInstance_Errors
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StartDBCluster.html#API_StartDBCluster_Errors
NOT_FOUND: Final = {Kind.INSTANCE: "DBInstanceNotFound", Kind.CLUSTER: "DBClusterNotFoundFault"}
_INVALID_STATE: Final = {Kind.INSTANCE: "InvalidDBInstanceState", Kind.CLUSTER: "InvalidDBClusterStateFault"}
_NO_CAPACITY: Final = {
    Kind.INSTANCE: "InsufficientDBInstanceCapacity",
    Kind.CLUSTER: "InsufficientDBClusterCapacityFault",
}


class StartFailed(Exception):
    """A start cannot complete. The message is the reason."""


@dataclass
class SimulatedDatabase:
    """The actual state of one database."""

    ref: DatabaseRef
    status: str
    resource_id: str
    previous: DescribedStatus | None = None
    automatic_restart_at: datetime | None = None
    lags_until: datetime | None = None
    no_capacity_until: datetime | None = None
    start_has_no_effect: bool = False
    """The next start is accepted, and the database is stopped again afterwards."""
    restart_at_before_start: datetime | None = None
    stop_unsupported: bool = False
    member_busy_until: datetime | None = None
    """Until then, an operation is in progress on a member of this cluster, which itself is available."""
    is_failure_fixed: bool = True
    """Whether RDS starts the database from a status such as incompatible-network."""
    pending_modifications: tuple[str, ...] = ()
    """Modifications that wait for the maintenance window. A stop discards them."""
    version: int = 0
    """Grows with each change; a scheduled change of an earlier version is obsolete."""

    @property
    def described(self) -> DescribedStatus:
        """What a current description contains."""
        return DescribedStatus(self.status, self.automatic_restart_at, self.resource_id, self.pending_modifications)


@dataclass(order=True, slots=True)
class _ScheduledChange:
    at: datetime
    number: int
    database: SimulatedDatabase = field(compare=False)
    version: int = field(compare=False)
    status: str = field(compare=False)
    cause: Cause = field(compare=False)


class RdsBehavior:
    """All databases of one account. Not thread-safe.

    ``schedule`` is called with the time of each later change, so that the caller can call `advance` then.
    ``is_complete`` is called before a change to available or stopped takes place, and again at each `advance` until it
    returns True; it raises StartFailed if the change will never complete.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        timing: RdsTiming,
        on_change: Callable[[StatusChange], None] = lambda _: None,
        schedule: Callable[[datetime], None] = lambda _: None,
        is_complete: Callable[[DatabaseRef, str], bool] = lambda _ref, _status: True,
    ) -> None:
        self.databases: dict[DatabaseRef, SimulatedDatabase] = {}
        self._clock = clock
        self._timing = timing
        self._on_change = on_change
        self._schedule = schedule
        self._is_complete = is_complete
        self._scheduled: list[_ScheduledChange] = []
        self._numbers = itertools.count()

    def add(self, ref: DatabaseRef, status: str) -> SimulatedDatabase:
        """Add a database."""
        database = self.databases[ref] = SimulatedDatabase(ref, status, f"{ref.kind}-{next(self._numbers)}")
        if status == "stopped":
            self._schedule_automatic_restart(database, self._clock())
        return database

    def remove(self, ref: DatabaseRef) -> None:
        """Remove the database: RDS no longer finds it."""
        self.databases.pop(ref).version += 1

    def replace(self, ref: DatabaseRef) -> None:
        """Delete the database, and restore it from a snapshot under the same id. That takes as long as three starts.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RestoreFromSnapshot.html
        """
        self.advance()
        database, now = self.databases[ref], self._clock()
        self._change(database, "deleting", Cause.MAINTENANCE, now)
        deleted_at = now + timedelta(seconds=self._timing.start_duration())
        self._schedule_change(database, deleted_at, "creating", Cause.REPLACED)

    def _restore(self, ref: DatabaseRef, at: datetime) -> None:
        self.remove(ref)
        database = self.add(ref, "creating")
        self._on_change(StatusChange(at, ref, "deleting", "creating", Cause.REPLACED))
        backed_up_at = at + timedelta(seconds=self._timing.start_duration())
        self._schedule_change(database, backed_up_at, "backing-up", Cause.REPLACED)

    def set_status(self, database_id: str, status: str) -> None:
        """Put the database into any status, as a failure or maintenance by AWS would."""
        self.advance()
        [database] = [found for ref, found in self.databases.items() if ref.id == database_id]
        self._change(database, status, Cause.MAINTENANCE, self._clock())

    def set_status_for(self, ref: DatabaseRef, status: str, seconds: float) -> None:
        """Put the database into a status for some time; it returns to its previous status afterwards."""
        self.advance()
        database, now = self.databases[ref], self._clock()
        before = database.status
        self._change(database, status, Cause.MAINTENANCE, now)
        self._schedule_change(database, now + timedelta(seconds=seconds), before, Cause.MAINTENANCE)

    def advance(self) -> None:
        """Carry out every change that is due, each at its own time."""
        incomplete = []
        while self._scheduled and self._scheduled[0].at <= self._clock():
            due = heapq.heappop(self._scheduled)
            if due.version != due.database.version:
                continue
            try:
                if due.cause is Cause.REPLACED and due.status == "creating":
                    self._restore(due.database.ref, due.at)
                elif due.status not in ("available", "stopped") or self._is_complete(due.database.ref, due.status):
                    self._change(due.database, due.status, due.cause, due.at)
                else:
                    incomplete.append(due)
            except StartFailed as failure:
                self._change(due.database, "failed", Cause.FAILED, due.at, str(failure))
        for due in incomplete:
            heapq.heappush(self._scheduled, due)

    def would_accept(self, ref: DatabaseRef, verb: str) -> bool:
        """Whether RDS would accept a "start" or a "stop" now."""
        self.advance()
        if ref not in self.databases:
            return False
        return (self._start_error if verb == "start" else self._stop_error)(self.databases[ref]) is None

    def is_ready(self, ref: DatabaseRef) -> bool:
        """Whether the database accepts connections."""
        self.advance()
        return ref in self.databases and classify_status(self.databases[ref].status).ready

    def describe(self, ref: DatabaseRef) -> DescribedStatus:
        """What DescribeDBInstances and DescribeDBClusters return. Raises RequestRefused."""
        database = self._find(ref)
        lags = database.lags_until is not None and self._clock() < database.lags_until
        if database.previous is not None and lags and self._timing.describes_previous_status():
            return database.previous
        return database.described

    def start(self, ref: DatabaseRef) -> DescribedStatus:
        """StartDBInstance and StartDBCluster; the status in their response. Raises RequestRefused."""
        database, now = self._find(ref), self._clock()
        if (error := self._start_error(database)) is not None:
            raise error
        restart_at = database.automatic_restart_at
        self._change(database, "starting", Cause.REQUESTED, now)
        duration = timedelta(seconds=self._timing.start_duration())
        if database.start_has_no_effect:
            database.start_has_no_effect, database.restart_at_before_start = False, restart_at
            self._schedule_change(database, now + duration / 2, "stopped", Cause.NO_EFFECT)
        else:
            self._schedule_change(database, now + duration, "available", Cause.COMPLETED)
        return database.described

    def stop(self, ref: DatabaseRef) -> DescribedStatus:
        """StopDBInstance and StopDBCluster; the status in their response. Raises RequestRefused."""
        database, now = self._find(ref), self._clock()
        if (error := self._stop_error(database)) is not None:
            raise error
        database.pending_modifications = ()
        self._change(database, "stopping", Cause.REQUESTED, now)
        duration = timedelta(seconds=self._timing.stop_duration())
        self._schedule_change(database, now + duration, "stopped", Cause.COMPLETED)
        # The response of StopDBCluster may still show the cluster as it was before the request.
        is_previous = ref.kind is Kind.CLUSTER and self._timing.describes_previous_status()
        return database.described._replace(status="available" if is_previous else database.status)

    def _start_error(self, database: SimulatedDatabase) -> RequestRefused | None:
        kind = database.ref.kind
        is_failed = classify_status(database.status).state is State.FAILED
        if not classify_status(database.status).startable or (is_failed and not database.is_failure_fixed):
            return RequestRefused(_INVALID_STATE[kind], database.ref, f"is {database.status}, not stopped")
        if database.no_capacity_until is not None and self._clock() < database.no_capacity_until:
            return RequestRefused(_NO_CAPACITY[kind], database.ref, "cannot start: no capacity")
        return None

    def _stop_error(self, database: SimulatedDatabase) -> RequestRefused | None:
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html#USER_StopInstance.Limitations
        if database.stop_unsupported:
            return RequestRefused("InvalidParameterCombination", database.ref, "cannot be stopped")
        if database.status != "available":
            kind = database.ref.kind
            return RequestRefused(_INVALID_STATE[kind], database.ref, f"is {database.status}, not available")
        if database.member_busy_until is not None and self._clock() < database.member_busy_until:
            # Seen in public code: https://github.com/sqlxpert/stay-stopped-aws-rds-aurora
            return RequestRefused(_INVALID_STATE[Kind.INSTANCE], database.ref, "has a member that is not available")
        return None

    def _find(self, ref: DatabaseRef) -> SimulatedDatabase:
        self.advance()
        if ref not in self.databases:
            raise RequestRefused(NOT_FOUND[ref.kind], ref, "is not found")
        return self.databases[ref]

    def _change(self, database: SimulatedDatabase, status: str, cause: Cause, at: datetime, detail: str = "") -> None:
        before, database.previous = database.status, database.described
        database.status = status
        database.version += 1
        database.lags_until = at + timedelta(seconds=self._timing.lag_duration())
        if cause is Cause.NO_EFFECT:
            database.automatic_restart_at = database.restart_at_before_start
        if status == "stopped":
            self._schedule_automatic_restart(database, at)
        elif cause is not Cause.MAINTENANCE or status == "available":
            database.automatic_restart_at = None
        if cause is Cause.REPLACED:
            ready_at = at + timedelta(seconds=self._timing.start_duration())
            self._schedule_change(database, ready_at, "available", Cause.COMPLETED)
        if cause is Cause.SEVEN_DAYS:
            ready_at = at + timedelta(seconds=self._timing.start_duration())
            self._schedule_change(database, ready_at, "available", Cause.COMPLETED)
        self._on_change(StatusChange(at, database.ref, before, status, cause, detail))

    def _schedule_automatic_restart(self, database: SimulatedDatabase, at: datetime) -> None:
        """Seven days from the end of the stop. Maintenance and a start without effect do not extend them."""
        if database.automatic_restart_at is None:
            database.automatic_restart_at = at + SEVEN_DAYS
        delay = timedelta(seconds=self._timing.automatic_start_delay())
        self._schedule_change(database, max(at, database.automatic_restart_at + delay), "starting", Cause.SEVEN_DAYS)

    def _schedule_change(self, database: SimulatedDatabase, at: datetime, status: str, cause: Cause) -> None:
        change = _ScheduledChange(at, next(self._numbers), database, database.version, status, cause)
        heapq.heappush(self._scheduled, change)
        self._schedule(at)
