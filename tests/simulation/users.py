"""Users and backends: what they do with the database and the app, by the plan."""

import random
from collections.abc import Callable
from typing import assert_never

from chalicelib.domain.model import DatabaseRef
from dev.local.connections import Connection, DatabaseConnections
from tests.simulation.checker import Checker
from tests.simulation.functions import Functions
from tests.simulation.plan import ActivityReporting, OpenConnection, Operation, Session
from tests.simulation.rds import SimulatedRds
from tests.simulation.scheduler import Scheduler
from tests.simulation.table import SimulatedTable


class Users:
    """Everything outside the app that acts on the databases."""

    def __init__(
        self,
        scheduler: Scheduler,
        functions: Functions,
        rds: SimulatedRds,
        table: SimulatedTable,
        connections: DatabaseConnections,
        checker: Checker,
        activity_keys: dict[DatabaseRef, str],
        rng_of: Callable[[str], random.Random],
    ) -> None:
        self._scheduler = scheduler
        self._functions = functions
        self._rds = rds
        self._table = table
        self._connections = connections
        self._clients: list[tuple[DatabaseRef, float]] = []
        """Clients that stay connected, and until when."""
        self._checker = checker
        self._keys = activity_keys
        self._rng_of = rng_of
        self._operations: dict[Operation, Callable[[DatabaseRef], object]] = {
            Operation.RESTART: self.request_restart,
            Operation.START_DATABASE: lambda ref: checker.on_restart_request(ref, functions.start_database(ref)),
            Operation.HOLD: self._set_hold,
            Operation.END_HOLD: lambda ref: functions.request("end hold", ref),
            Operation.REPORT_ACTIVITY: lambda ref: functions.request("activity", ref),
            Operation.WRITE_ACTIVITY_ITEM: lambda ref: self._write_activity(ref, scheduler.now),
            Operation.DESCRIBE: lambda ref: functions.request("describe", ref),
            Operation.EVENT: functions.event,
            Operation.CONSOLE_START: lambda ref: self._use_console(ref, "start"),
            Operation.CONSOLE_STOP: lambda ref: self._use_console(ref, "stop"),
            Operation.CONSOLE_START_BEFORE_AWS: self._start_before_aws,
            Operation.REPLACE: self._replace,
        }

    def perform(self, operation: Operation, ref: DatabaseRef) -> None:
        """Begin the operation now."""
        if operation is Operation.CHECK:
            self._functions.check()
        elif operation is Operation.WARM_UP:
            invocation = self._functions.warm_up()
            for each in self._keys:
                self._checker.on_restart_request(each, invocation)
        else:
            self._operations[operation](ref)

    def request_restart(self, ref: DatabaseRef) -> None:
        """A user presses the restart button."""
        self._checker.on_restart_request(ref, self._functions.request("restart", ref))

    def connect(self, step: OpenConnection) -> None:
        """A client connects now or as soon as it can, and stays connected."""
        until = self._scheduler.now + step.seconds
        self._clients.append((step.ref, until))
        if self._rds.is_ready(step.ref):
            self._connect(step.ref, until)

    def reconnect(self, ref: DatabaseRef) -> None:
        """The database accepts connections: clients that were disconnected connect again."""
        now = self._scheduler.now
        self._clients = [(each, until) for each, until in self._clients if until > now]
        for each, until in self._clients:
            if each == ref:
                self._connect(ref, until)

    def _connect(self, ref: DatabaseRef, until: float) -> Connection:
        connection = self._connections.open(ref)
        self._checker.on_connection(ref, 1)

        def close() -> None:
            if self._connections.close(connection):
                self._checker.on_connection(ref, -1)

        self._scheduler.call_at(until, close)
        return connection

    def start_session(self, session: Session) -> None:
        """Query the database until the session ends, and request restarts while it is not available."""
        self._continue_session(session, self._scheduler.now + session.seconds, session.restart_requests, None)

    def _continue_session(
        self, session: Session, until: float, requests_left: int, connection: Connection | None
    ) -> None:
        ref = session.ref
        rng = self._rng_of(f"session/{ref.id}/{session.at}")
        if self._rds.is_ready(ref):
            if session.keeps_connection and not self._connections.is_open(connection):
                connection = self._connect(ref, until)
            self._query(session)
            wait = session.query_interval * rng.uniform(0.5, 1.5)
            requests_left = session.restart_requests
        elif requests_left:
            self.request_restart(ref)
            requests_left -= 1
            wait = rng.choice((0.5, 20, 120, 600))
        else:
            wait = 120
        if self._scheduler.now + wait <= until:
            self._scheduler.call_later(wait, lambda: self._continue_session(session, until, requests_left, connection))

    def _query(self, session: Session) -> None:
        ref, now = session.ref, self._scheduler.now
        self._checker.on_query(ref)
        if not session.keeps_connection:
            self._connect(ref, now + 1)
        match session.reporting:
            case ActivityReporting.IMMEDIATE:
                at = now + session.clock_skew
                delay = self._rng_of(f"activity-delay/{ref.id}").uniform(0, 2)
                self._scheduler.call_later(delay, lambda: self._write_activity(ref, at))
            case ActivityReporting.DELAYED:
                delay = self._rng_of(f"activity-delay/{ref.id}").uniform(10, 300)
                self._scheduler.call_later(delay, lambda: self._write_activity(ref, now))
            case ActivityReporting.VIA_ROUTE:
                self._functions.request("activity", ref)
            case ActivityReporting.NONE:
                pass
            case unexpected:
                assert_never(unexpected)

    def _write_activity(self, ref: DatabaseRef, at: float) -> None:
        value = self._scheduler.time_of(at).isoformat()
        self._table.put_item(self._table.name, {"key": {"S": self._keys[ref]}, "value": {"S": value}})

    def _set_hold(self, ref: DatabaseRef) -> None:
        """A hold that comes too late to prevent a stop counts as a restart request."""
        hours = self._rng_of(f"hold/{ref.id}").choice((0.2, 0.5, 1, 3, 12))
        self._checker.on_restart_request(ref, self._functions.request("hold", ref, {"hours": hours}))

    def _start_before_aws(self, ref: DatabaseRef) -> None:
        """Somebody starts the database in the minutes before AWS would do it, or after that, before AWS does it."""
        restart_at = self._rds.databases[ref].automatic_restart_at if ref in self._rds.databases else None
        if restart_at is not None:
            minutes = self._rng_of(f"console-start/{ref.id}").choice((-12, -5, -1, 0.5, 3, 10))
            at = self._scheduler.seconds_of(restart_at) + 60 * minutes
            self._scheduler.call_at(at, lambda: self._use_console(ref, "start"))

    def _replace(self, ref: DatabaseRef) -> None:
        """RDS deletes a database only in a stable status."""
        if self._rds.would_accept(ref, "start") or self._rds.would_accept(ref, "stop"):
            self._rds.replace(ref)

    def _use_console(self, ref: DatabaseRef, verb: str) -> None:
        if not self._rds.would_accept(ref, verb):
            return
        with self._checker.console_action(ref, verb):
            if verb == "start":
                self._rds.start(ref)
            else:
                self._rds.stop(ref)
