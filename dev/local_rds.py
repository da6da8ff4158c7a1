"""An RDS that takes its time: moto's RDS backend, with the statuses, events and the seven-day rule of the real one.

moto jumps at once to ``available`` and ``stopped``. Here a start stays ``starting`` and a stop ``stopping`` for as long
as it is told, AWS refuses a start or a stop meanwhile, RDS events are kept for delivery, and a database that has been
stopped for seven days starts by itself. Time comes from a clock that is passed in. A database may have a real server
behind it, which is then up while the database is available, and gone while it is stopped.
"""

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from moto.rds.models import RDSBackend

SEVEN_DAYS: Final = timedelta(days=7)

# "Amazon RDS event categories and event messages" in the RDS user guide.
_INSTANCE_EVENTS: Final = {"stopped": "RDS-EVENT-0087", "available": "RDS-EVENT-0088", "by itself": "RDS-EVENT-0154"}
_CLUSTER_EVENTS: Final = {"stopped": "RDS-EVENT-0150", "available": "RDS-EVENT-0151", "by itself": "RDS-EVENT-0153"}
_MESSAGES: Final = {
    "stopped": "stopped",
    "available": "started",
    "by itself": "is being started due to it exceeding the maximum allowed time being stopped",
}

Clock = Callable[[], datetime]


class ServerFailed(Exception):
    """A database's server has ended by itself, with its last words."""


class Server(Protocol):
    """What runs behind a database. No method waits."""

    def start(self) -> None:
        """Begin to start; nothing where it runs."""

    def is_up(self) -> bool:
        """Whether it takes connections. Raises ServerFailed."""

    def stop(self) -> None:
        """Begin to end, cutting open connections; nothing where it has ended."""

    def is_gone(self) -> bool:
        """Whether it has ended."""


@dataclass(frozen=True)
class StatusChange:
    """A change of status, for whoever wants to show it."""

    database_id: str
    before: str
    after: str
    why: str = ""


class LocalRds:
    """Lays itself over one moto backend. Thread-safe."""

    def __init__(self, backend: RDSBackend, clock: Clock, start_seconds: float, stop_seconds: float) -> None:
        self._backend = backend
        self._clock = clock
        self._start = timedelta(seconds=start_seconds)
        self._stop = timedelta(seconds=stop_seconds)
        self._lock = threading.RLock()
        self._due: dict[str, tuple[datetime, str]] = {}
        self._servers: dict[str, Server] = {}
        self._launched: set[str] = set()
        self._shown: dict[str, str] = {}
        self._events: list[dict[str, Any]] = []
        self._status_changes: list[StatusChange] = []
        self._overlay()

    def advance(self) -> None:
        """Carry out every change that is due by now. Every description does this first."""
        with self._lock:
            self._finish_what_is_due()
            for database_id, resource in self._resources().items():
                restart_at = resource.automatic_restart_time
                if resource.status == "stopped" and restart_at is not None and restart_at <= self._clock():
                    self._tell(database_id, "by itself")
                    self._begin(database_id, "starting", restart_at + self._start, "available")
            self._finish_what_is_due()

    def set_status(self, database_id: str, status: str) -> None:
        """Put the database into any status, as an accident or AWS's own work would."""
        with self._lock:
            self.advance()
            self._due.pop(database_id, None)
            self._reach(database_id, status, self._clock())

    def put_behind(self, database_id: str, server: Server) -> None:
        """From now on the server starts and ends with the database, which is stopped at this moment."""
        with self._lock:
            self._servers[database_id] = server

    def take_events(self) -> list[dict[str, Any]]:
        """The RDS events since the last call, as EventBridge would deliver them."""
        with self._lock:
            self.advance()
            events, self._events = self._events, []
            return events

    def take_status_changes(self) -> list[StatusChange]:
        """The changes of status since the last call."""
        with self._lock:
            self.advance()
            transitions, self._status_changes = self._status_changes, []
            return transitions

    def _finish_what_is_due(self) -> None:
        for database_id, (at, status) in list(self._due.items()):
            if at > self._clock():
                continue
            try:
                if self._is_true_of_server(database_id, status):
                    del self._due[database_id]
                    self._reach(database_id, status, at)
            except ServerFailed as failure:
                del self._due[database_id]
                self._reach(database_id, "failed", at, str(failure))

    def _is_true_of_server(self, database_id: str, status: str) -> bool:
        server = self._servers.get(database_id)
        if server is None:
            return True
        if status == "stopped":
            return server.is_gone()
        if database_id not in self._launched:
            # Once for each start: one that has ended again has failed.
            self._launched.add(database_id)
            server.start()
        return server.is_up()

    def _overlay(self) -> None:
        """moto's responses call these methods of its backend; its own checks and errors stay in force."""
        for name in ("describe_db_instances", "describe_db_clusters"):
            setattr(self._backend, name, self._advanced(getattr(self._backend, name)))
        for kind in ("db_instance", "db_cluster"):
            for verb in ("start", "stop"):
                name = f"{verb}_{kind}"
                setattr(self._backend, name, self._slowed(verb, getattr(self._backend, name)))

    def _advanced(self, describe: Callable[..., Any]) -> Callable[..., Any]:
        def described(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                self.advance()
                return describe(*args, **kwargs)

        return described

    def _slowed(self, verb: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def slowed(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                self.advance()
                database_id = str(next(iter((*args, *kwargs.values()))))
                answer = method(*args, **kwargs)
                now = self._clock()
                if verb == "start":
                    self._begin(database_id, "starting", now + self._start, "available")
                else:
                    self._begin(database_id, "stopping", now + self._stop, "stopped")
                return self._resources().get(database_id, answer)

        return slowed

    def _begin(self, database_id: str, status: str, until: datetime, then: str) -> None:
        self._show(database_id, status)
        if status == "stopping" and database_id in self._servers:
            self._servers[database_id].stop()
        self._resources()[database_id].automatic_restart_time = None
        self._due[database_id] = (until, then)

    def _reach(self, database_id: str, status: str, at: datetime, why: str = "") -> None:
        self._launched.discard(database_id)
        self._show(database_id, status, why)
        resource = self._resources()[database_id]
        resource.automatic_restart_time = at + SEVEN_DAYS if status == "stopped" else None
        if status in _MESSAGES:
            self._tell(database_id, status)

    def _show(self, database_id: str, status: str, why: str = "") -> None:
        resource = self._resources()[database_id]
        before = self._shown.get(database_id, resource.status)
        if before != status:
            self._status_changes.append(StatusChange(database_id, before, status, why))
        resource.status = self._shown[database_id] = status

    def _tell(self, database_id: str, what: str) -> None:
        is_cluster = database_id in self._backend.clusters
        resource = self._resources()[database_id]
        arn = resource.db_cluster_arn if is_cluster else resource.db_instance_arn
        now = self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        detail = {
            "EventCategories": ["notification"],
            "SourceType": "CLUSTER" if is_cluster else "DB_INSTANCE",
            "SourceArn": arn,
            "Date": now,
            "Message": f"DB {'cluster' if is_cluster else 'instance'} {_MESSAGES[what]}.",
            "SourceIdentifier": database_id,
            "EventID": (_CLUSTER_EVENTS if is_cluster else _INSTANCE_EVENTS)[what],
        }
        self._events.append(
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": f"RDS DB {'Cluster' if is_cluster else 'Instance'} Event",
                "source": "aws.rds",
                "account": self._backend.account_id,
                "time": now,
                "region": self._backend.region_name,
                "resources": [arn],
                "detail": detail,
            }
        )

    def _resources(self) -> dict[str, Any]:
        """Instances and clusters by id; each has ``automatic_restart_time``, which moto shows but never sets."""
        found: dict[str, Any] = {**self._backend.databases, **self._backend.clusters}
        for resource in found.values():
            if not hasattr(resource, "automatic_restart_time"):
                resource.automatic_restart_time = None
        return found
