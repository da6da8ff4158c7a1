"""The simulated RDS as moto's backend: `RdsBehavior` decides the statuses, moto keeps everything else.

moto changes a database to ``available`` or ``stopped`` at once. Here moto's methods that describe, start and stop
databases call `RdsBehavior` first, and its statuses are copied into moto's databases before moto responds. A database
can have a real server behind it: the server starts and stops with the database, and the database becomes available once
the server accepts connections. `DatabaseConnections` records how many connections are open.
"""

import random
import string
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from moto.rds.exceptions import RDSClientError
from moto.rds.models import RDSBackend

from chalicelib.domain.model import DatabaseRef, Kind
from chalicelib.domain.statuses import classify_status
from dev.local.connections import DatabaseConnections
from dev.local.eventbridge import rds_event
from dev.local.rds_behavior import RdsBehavior, RequestRefused
from dev.local.rds_changes import StatusChange
from dev.local.rds_timing import FixedTiming

_CREATING: Final = ("create_db_instance", "create_db_instance_read_replica", "create_db_cluster")
# The datapoint of the current minute is there at once: the idle timeout of make run is short.
_DELAY: Final = timedelta(0)


class Server(Protocol):
    """A real server of a simulated database. No method waits, apart from ``count_connections``."""

    def start(self) -> None:
        """Begin to start; does nothing where the server runs."""

    def is_up(self) -> bool:
        """Whether the server accepts connections. Raises StartFailed where its process has ended."""

    def stop(self) -> None:
        """Begin to stop, and close open connections; does nothing where the server has stopped."""

    def is_gone(self) -> bool:
        """Whether the server has stopped."""

    def count_connections(self) -> int | None:
        """The number of clients that are connected; None where the server does not return it."""


class LocalRds:
    """Replaces the methods of one moto backend. Thread-safe."""

    def __init__(
        self, backend: RDSBackend, clock: Callable[[], datetime], start_seconds: float, stop_seconds: float
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._lock = threading.RLock()
        self._servers: dict[str, Server] = {}
        self._started: set[str] = set()
        self._changes: list[StatusChange] = []
        self._events: list[dict[str, Any]] = []
        self._behavior = RdsBehavior(
            clock, FixedTiming(start_seconds, stop_seconds), on_change=self._on_change, is_complete=self._is_complete
        )
        self._connections = DatabaseConnections(clock, _DELAY)
        self._replace_methods()

    def set_status(self, database_id: str, status: str) -> None:
        """Put the database into any status, as a failure or maintenance by AWS would."""
        with self._lock:
            self._advance()
            self._behavior.set_status(database_id.lower(), status)
            self._copy_statuses()

    def attach_server(self, database_id: str, server: Server) -> None:
        """Let the server start and stop with the database, which is stopped now."""
        with self._lock:
            self._servers[database_id.lower()] = server

    def count_connections(self) -> None:
        """Read how many connections each server has whose database is available. Waits for the servers."""
        with self._lock:
            self._advance()
            ready = [
                ref for ref in self._behavior.databases if ref.id in self._servers and self._behavior.is_ready(ref)
            ]
        for ref in ready:
            # Without the lock, because a server can take seconds to respond.
            count = self._servers[ref.id].count_connections()
            with self._lock:
                self._connections.set_connections(ref, count)

    def set_connections(self, ref: DatabaseRef, count: int | None) -> None:
        """That many connections are open to a database without a server; None: their number is not known."""
        with self._lock:
            self._advance()
            self._connections.set_connections(ref, count)

    def connection_datapoints(self, start: datetime, end: datetime) -> dict[DatabaseRef, list[tuple[datetime, float]]]:
        """The datapoints of DatabaseConnections of each database, newest first."""
        with self._lock:
            self._advance()
            return {ref: self._connections.datapoints(ref, start, end) for ref in self._connections.databases}

    def take_events(self) -> list[dict[str, Any]]:
        """The RDS events since the last call, as EventBridge delivers them."""
        with self._lock:
            self._advance()
            events, self._events = self._events, []
            return events

    def take_status_changes(self) -> list[StatusChange]:
        """The changes of status since the last call."""
        with self._lock:
            self._advance()
            changes, self._changes = self._changes, []
            return changes

    def discard_changes(self) -> None:
        """Begin again with the present statuses: no events, no changes of status, no datapoints until now."""
        with self._lock:
            self._advance()
            self._events, self._changes = [], []
            self._connections = DatabaseConnections(self._clock, _DELAY)
            for ref, database in self._behavior.databases.items():
                self._set_availability(ref, database.status)

    def _on_change(self, change: StatusChange) -> None:
        self._started.discard(change.ref.id)
        self._set_availability(change.ref, change.after, change.at)
        if change.after == "stopping" and change.ref.id in self._servers:
            self._servers[change.ref.id].stop()
        if change.before != change.after:
            self._changes.append(change)
        if change.event is not None:
            self._events.append(rds_event(change.event, self._backend.account_id, self._backend.region_name))

    def _set_availability(self, ref: DatabaseRef, status: str, at: datetime | None = None) -> None:
        if classify_status(status).ready:
            # Where there is a server, its number of connections is not known yet.
            self._connections.set_available(ref, at, None if ref.id in self._servers else 0)
        else:
            self._connections.set_unavailable(ref, at)

    def _is_complete(self, ref: DatabaseRef, status: str) -> bool:
        server = self._servers.get(ref.id)
        if server is None:
            return True
        if status == "stopped":
            return server.is_gone()
        if ref.id not in self._started:
            # Once for each start: a server whose process ends after that has failed.
            self._started.add(ref.id)
            server.start()
        return server.is_up()

    def _replace_methods(self) -> None:
        for kind in Kind:
            describe = f"describe_db_{kind}s"
            setattr(self._backend, describe, self._describing(getattr(self._backend, describe)))
            setattr(self._backend, f"start_db_{kind}", self._requesting(kind, self._behavior.start))
            setattr(self._backend, f"stop_db_{kind}", self._requesting(kind, self._behavior.stop))
        for create in _CREATING:
            setattr(self._backend, create, self._creating(getattr(self._backend, create)))

    def _describing(self, describe: Callable[..., Any]) -> Callable[..., Any]:
        def described(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                self._advance()
                return describe(*args, **kwargs)

        return described

    def _requesting(self, kind: Kind, request: Callable[[DatabaseRef], object]) -> Callable[..., Any]:
        def requested(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                self._advance()
                ref = DatabaseRef(kind, next(iter((*args, *kwargs.values()))).lower())
                try:
                    request(ref)
                except RequestRefused as refusal:
                    raise RDSClientError(refusal.code, str(refusal)) from None
                self._copy_statuses()
                return self._moto_databases()[ref]

        return requested

    def _creating(self, create: Callable[..., Any]) -> Callable[..., Any]:
        def created(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                # Removes a deleted database of the same id, so that the new one does not continue its status.
                self._advance()
                database = create(*args, **kwargs)
                if hasattr(database, "dbi_resource_id"):
                    # moto: all instances have the same one. Those of its clusters are unique.
                    database.dbi_resource_id = _new_resource_id()
                return database

        return created

    def _advance(self) -> None:
        """Carry out what is due, for all databases that moto has now."""
        databases = self._moto_databases()
        for ref in self._behavior.databases.keys() - databases.keys():
            self._behavior.remove(ref)
            self._connections.set_unavailable(ref)
        for ref, database in databases.items():
            if ref not in self._behavior.databases:
                self._behavior.add(ref, database.status)
                self._set_availability(ref, database.status)
            if ref.kind is Kind.INSTANCE:
                self._behavior.databases[ref].stop_unsupported = database.is_replica or bool(database.replicas)
        self._behavior.advance()
        self._copy_statuses()

    def _copy_statuses(self) -> None:
        for ref, database in self._moto_databases().items():
            described = self._behavior.describe(ref)
            database.status = described.status
            # moto returns this attribute as AutomaticRestartTime, and never sets it.
            database.automatic_restart_time = described.automatic_restart_at

    def _moto_databases(self) -> dict[DatabaseRef, Any]:
        # moto's keys are as in the request; RDS stores identifiers in lower case:
        # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
        instances = {DatabaseRef(Kind.INSTANCE, name.lower()): one for name, one in self._backend.databases.items()}
        clusters = {DatabaseRef(Kind.CLUSTER, name.lower()): one for name, one in self._backend.clusters.items()}
        return {**instances, **clusters}


def _new_resource_id() -> str:
    """A DbiResourceId, which RDS never uses again.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html
    """
    return "db-" + "".join(random.choices(string.ascii_uppercase + string.digits, k=26))  # noqa: S311 - not a secret
