"""A simulated RDS, at the level of a boto3 client's calls: it takes its time, lags, lacks room, and acts by itself."""

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from chalicelib.domain.model import DatabaseRef, Kind
from chalicelib.domain.statuses import classify_status
from tests.simulation.refusals import refusal

SEVEN_DAYS: Final = timedelta(days=7)


class Cause(Enum):
    """Why a status changed."""

    ASKED = "asked"  # StartDBInstance, StopDBInstance and their like
    FINISHED = "finished"
    SEVEN_DAYS = "seven days"
    CAME_TO_NOTHING = "came to nothing"
    OWN_WORK = "own work"


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A change of status, at its true time."""

    at: datetime
    ref: DatabaseRef
    before: str
    after: str
    cause: Cause


class Nature(Protocol):
    """How this RDS behaves where the API leaves it open. Durations in seconds."""

    def start_takes(self) -> float:
        """From accepting a start to available."""

    def stop_takes(self) -> float:
        """From accepting a stop to stopped."""

    def lags_for(self) -> float:
        """How long after a change a description may still show what was before."""

    def shows_old(self) -> bool:
        """Whether this description, within the lag, shows what was before."""


@dataclass
class Database:
    """One database, as it truly is."""

    ref: DatabaseRef
    status: str
    restart_at: datetime | None = None
    shown_before: tuple[str, datetime | None] = ("", None)
    lags_until: datetime | None = None
    no_room_until: datetime | None = None
    starts_in_vain: bool = False
    restart_at_of_old_stop: datetime | None = None
    stop_unsupported: bool = False
    epoch: int = 0  # a due change of an earlier epoch has been overtaken by another


@dataclass(order=True, slots=True)
class _Due:
    at: datetime
    number: int
    database: Database = field(compare=False)
    epoch: int = field(compare=False)
    status: str = field(compare=False)
    cause: Cause = field(compare=False)


class SimulatedRds:
    """All databases of one account. Time comes from the clock; ``wake`` is told when something will be due."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        nature: Nature,
        watch: Callable[[StatusChange], None] = lambda _: None,
        wake: Callable[[datetime], None] = lambda _: None,
    ) -> None:
        self.databases: dict[DatabaseRef, Database] = {}
        self._clock = clock
        self._nature = nature
        self._watch = watch
        self._wake = wake
        self._due: list[_Due] = []
        self._numbers = itertools.count()

    def add(self, ref: DatabaseRef, status: str) -> Database:
        """A new database."""
        database = self.databases[ref] = Database(ref, status, shown_before=(status, None))
        if status == "stopped":
            self._expect_seven_days(database, self._clock())
        return database

    def remove(self, ref: DatabaseRef) -> None:
        """From now on RDS does not know it."""
        self.databases.pop(ref).epoch += 1

    def set_status(self, database_id: str, status: str) -> None:
        """Put the database into any status, as an accident or AWS's own work would."""
        self.advance()
        [database] = [found for ref, found in self.databases.items() if ref.id == database_id]
        self._reach(database, status, Cause.OWN_WORK, self._clock())

    def visit(self, ref: DatabaseRef, status: str, seconds: float) -> None:
        """RDS is busy with the database for a while, and then it is as before."""
        self.advance()
        database, now = self.databases[ref], self._clock()
        before = database.status
        self._reach(database, status, Cause.OWN_WORK, now)
        self._expect(database, now + timedelta(seconds=seconds), before, Cause.OWN_WORK)

    def advance(self) -> None:
        """Carry out every change that is due by now, each at its own time."""
        while self._due and self._due[0].at <= self._clock():
            due = heapq.heappop(self._due)
            if due.epoch == due.database.epoch:
                self._reach(due.database, due.status, due.cause, due.at)

    def describe_db_instances(self, **request: Any) -> dict[str, Any]:
        """One by its identifier, or many by a filter."""
        return {"DBInstances": self._describe(Kind.INSTANCE, "DBInstanceIdentifier", "db-instance-id", request)}

    def describe_db_clusters(self, **request: Any) -> dict[str, Any]:
        """One by its identifier, or many by a filter."""
        return {"DBClusters": self._describe(Kind.CLUSTER, "DBClusterIdentifier", "db-cluster-id", request)}

    def start_db_instance(self, DBInstanceIdentifier: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """Accepted where it is stopped."""
        return {"DBInstance": self.start(DatabaseRef(Kind.INSTANCE, DBInstanceIdentifier))}

    def start_db_cluster(self, DBClusterIdentifier: str) -> dict[str, Any]:  # noqa: N803
        """Accepted where it is stopped."""
        return {"DBCluster": self.start(DatabaseRef(Kind.CLUSTER, DBClusterIdentifier))}

    def stop_db_instance(self, DBInstanceIdentifier: str) -> dict[str, Any]:  # noqa: N803
        """Accepted where it is available."""
        return {"DBInstance": self.stop(DatabaseRef(Kind.INSTANCE, DBInstanceIdentifier))}

    def stop_db_cluster(self, DBClusterIdentifier: str) -> dict[str, Any]:  # noqa: N803
        """Accepted where it is available."""
        return {"DBCluster": self.stop(DatabaseRef(Kind.CLUSTER, DBClusterIdentifier))}

    def delete_db_instance(self, DBInstanceIdentifier: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        """Gone at once."""
        self.remove(self._known(DatabaseRef(Kind.INSTANCE, DBInstanceIdentifier), "Delete").ref)
        return {}

    def create_db_instance_read_replica(self, SourceDBInstanceIdentifier: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        """From now on the source cannot be stopped."""
        self._known(DatabaseRef(Kind.INSTANCE, SourceDBInstanceIdentifier), "Read").stop_unsupported = True
        return {}

    def would_accept(self, ref: DatabaseRef, verb: str) -> bool:
        """Whether a start or a stop would be accepted now."""
        self.advance()
        database = self.databases.get(ref)
        if database is None:
            return False
        if verb == "stop":
            return database.status == "available" and not database.stop_unsupported
        return database.status == "stopped" and self._has_room(database)

    def is_ready(self, ref: DatabaseRef) -> bool:
        """Whether it takes connections."""
        self.advance()
        return ref in self.databases and classify_status(self.databases[ref].status).ready

    def start(self, ref: DatabaseRef) -> dict[str, Any]:
        """As StartDBInstance and StartDBCluster do; the answer's description."""
        database, now = self._known(ref, "Start"), self._clock()
        if database.status != "stopped":
            raise _wrong_state(ref, "Start")
        if not self._has_room(database):
            code = {Kind.INSTANCE: "InsufficientDBInstanceCapacity", Kind.CLUSTER: "InsufficientDBClusterCapacityFault"}
            raise refusal("rds", f"StartDB{ref.kind.capitalize()}", code[ref.kind])
        restart_at = database.restart_at
        self._reach(database, "starting", Cause.ASKED, now)
        ready_at = now + timedelta(seconds=self._nature.start_takes())
        if database.starts_in_vain:
            database.starts_in_vain, database.restart_at_of_old_stop = False, restart_at
            self._expect(database, now + (ready_at - now) / 2, "stopped", Cause.CAME_TO_NOTHING)
        else:
            self._expect(database, ready_at, "available", Cause.FINISHED)
        return _shown(ref, database.status, database.restart_at, database)

    def stop(self, ref: DatabaseRef) -> dict[str, Any]:
        """As StopDBInstance and StopDBCluster do; the answer's description."""
        database, now = self._known(ref, "Stop"), self._clock()
        if database.stop_unsupported:
            raise refusal("rds", f"StopDB{ref.kind.capitalize()}", "InvalidParameterCombination")
        if database.status != "available":
            raise _wrong_state(ref, "Stop")
        self._reach(database, "stopping", Cause.ASKED, now)
        self._expect(database, now + timedelta(seconds=self._nature.stop_takes()), "stopped", Cause.FINISHED)
        # StopDBCluster answers with the cluster as it was; the instance's answer shows what has begun.
        status = "available" if ref.kind is Kind.CLUSTER and self._nature.shows_old() else database.status
        return _shown(ref, status, database.restart_at, database)

    def _has_room(self, database: Database) -> bool:
        return database.no_room_until is None or self._clock() >= database.no_room_until

    def _known(self, ref: DatabaseRef, verb: str) -> Database:
        self.advance()
        if ref not in self.databases:
            raise _not_found(ref, f"{verb}DB{ref.kind.capitalize()}")
        return self.databases[ref]

    def _describe(self, kind: Kind, one: str, many: str, request: dict[str, Any]) -> list[dict[str, Any]]:
        self.advance()
        if one in request:
            ref = DatabaseRef(kind, request[one])
            if ref not in self.databases:
                raise _not_found(ref, f"DescribeDB{kind.capitalize()}s")
            return [self._apply_status(self.databases[ref])]
        [wanted] = [f["Values"] for f in request["Filters"] if f["Name"] == many]
        refs: Sequence[DatabaseRef] = [DatabaseRef(kind, name) for name in wanted]
        return [self._apply_status(self.databases[ref]) for ref in refs if ref in self.databases]

    def _apply_status(self, database: Database) -> dict[str, Any]:
        lags = database.lags_until is not None and self._clock() < database.lags_until
        if lags and self._nature.shows_old():
            return _shown(database.ref, *database.shown_before, database)
        return _shown(database.ref, database.status, database.restart_at, database)

    def _reach(self, database: Database, status: str, cause: Cause, at: datetime) -> None:
        before = database.status
        database.shown_before = (before, database.restart_at)
        database.status = status
        database.epoch += 1
        database.lags_until = at + timedelta(seconds=self._nature.lags_for())
        if cause is Cause.CAME_TO_NOTHING:
            database.restart_at = database.restart_at_of_old_stop
        if status == "stopped":
            self._expect_seven_days(database, at)
        elif cause is not Cause.OWN_WORK or status == "available":
            database.restart_at = None
        if cause is Cause.SEVEN_DAYS:
            self._expect(database, at + timedelta(seconds=self._nature.start_takes()), "available", Cause.FINISHED)
        self._watch(StatusChange(at, database.ref, before, status, cause))

    def _expect_seven_days(self, database: Database, at: datetime) -> None:
        """A stop counts from its end; own work on a stopped database, and a start in vain, are no new stop."""
        if database.restart_at is None:
            database.restart_at = at + SEVEN_DAYS
        self._expect(database, max(at, database.restart_at), "starting", Cause.SEVEN_DAYS)

    def _expect(self, database: Database, at: datetime, status: str, cause: Cause) -> None:
        heapq.heappush(self._due, _Due(at, next(self._numbers), database, database.epoch, status, cause))
        self._wake(at)


def _shown(ref: DatabaseRef, status: str, restart_at: datetime | None, database: Database) -> dict[str, Any]:
    shown: dict[str, Any] = {"AutomaticRestartTime": restart_at} if restart_at is not None else {}
    if ref.kind is Kind.CLUSTER:
        return {"DBClusterIdentifier": ref.id, "Status": status, "Engine": "aurora-postgresql", **shown}
    replicas = ["a-replica"] if database.stop_unsupported else []
    return {
        "DBInstanceIdentifier": ref.id,
        "DBInstanceStatus": status,
        "Engine": "postgres",
        "ReadReplicaDBInstanceIdentifiers": replicas,
        **shown,
    }


def _wrong_state(ref: DatabaseRef, verb: str) -> ClientError:
    code = {Kind.INSTANCE: "InvalidDBInstanceState", Kind.CLUSTER: "InvalidDBClusterStateFault"}[ref.kind]
    return refusal("rds", f"{verb}DB{ref.kind.capitalize()}", code)


def _not_found(ref: DatabaseRef, operation: str) -> ClientError:
    code = {Kind.INSTANCE: "DBInstanceNotFound", Kind.CLUSTER: "DBClusterNotFoundFault"}[ref.kind]
    return refusal("rds", operation, code, status=404)
