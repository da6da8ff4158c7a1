"""A World for tests: databases on moto or on the simulated AWS, a clock that tests set, and AWS calls that can fail."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from chalicelib.aws.records import from_attributes
from chalicelib.aws.table import Table
from chalicelib.bootstrap import build
from chalicelib.domain.model import DatabaseRef, Kind
from chalicelib.domain.record import DatabaseRecord
from chalicelib.domain.statuses import classify_status
from chalicelib.service.lifecycle import CheckFailed, CheckResult
from chalicelib.settings import Settings
from dev.local.aws import create_database
from dev.local.connections import DatabaseConnections
from dev.local.dynamodb import serialize_calls
from dev.local.rds import LocalRds
from dev.local.rds_changes import StatusChange
from dev.local.rds_timing import FixedTiming
from dev.table import ensure_table
from tests.simulation.client import hooked_client
from tests.simulation.metric import Datapoints, SimulatedMetric
from tests.simulation.rds import SimulatedRds
from tests.simulation.table import SimulatedTable

Backend = Literal["moto", "simulated"]
"""What takes the place of AWS."""
BACKENDS: Final[tuple[Backend, ...]] = get_args(Backend)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PROD = DatabaseRef(Kind.INSTANCE, "ss-financial-prod")
ANALYTICS = DatabaseRef(Kind.CLUSTER, "analytics")
START_MINUTES, STOP_MINUTES = 4, 3


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, minutes: float = 0, *, seconds: float = 0, days: float = 0) -> None:
        """Let time pass."""
        self.now += timedelta(days=days, minutes=minutes, seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """Takes the place of time.sleep."""
        self.advance(seconds=seconds)


@dataclass
class World:
    """Everything that a test of the service needs."""

    settings: Settings
    clock: Clock
    simulated_rds: Any
    rds: Any
    dynamodb: Any
    cloudwatch: Any
    stored_items: Callable[[], MutableMapping[str, Any]]
    """Everything in the metadata table, by key."""
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.table = Table(self.dynamodb, self.settings, self.clock.sleep)
        self.lifecycle = build(
            self.settings, self.rds, self.dynamodb, lambda: self.cloudwatch, self.clock, self.clock.sleep
        )

    def status(self, ref: DatabaseRef = PROD) -> str:
        """The status that RDS reports."""
        if ref.kind is Kind.CLUSTER:
            return str(self.rds.describe_db_clusters(DBClusterIdentifier=ref.id)["DBClusters"][0]["Status"])
        response = self.rds.describe_db_instances(DBInstanceIdentifier=ref.id)
        return str(response["DBInstances"][0]["DBInstanceStatus"])

    def report_query(self, at: datetime | None = None, ref: DatabaseRef = PROD) -> None:
        """Store the time of a query, as the dashboard's backend does."""
        self.put_activity_item({"S": (at or self.clock.now).isoformat()}, ref)

    def set_connections(self, count: int | None, ref: DatabaseRef = PROD) -> None:
        """That many connections are open from now on; None: CloudWatch has no datapoints."""
        self.simulated_rds.set_connections(ref, count)

    def put_activity_item(self, value: Mapping[str, Any], ref: DatabaseRef = PROD, *, key: str | None = None) -> None:
        """Store any value in the activity item, as a DynamoDB attribute."""
        key = key or self.settings.activity_keys_of(ref)[0]
        self.dynamodb.put_item(TableName=self.settings.metadata_table, Item={"key": {"S": key}, "value": dict(value)})

    def record(self, ref: DatabaseRef = PROD) -> DatabaseRecord:
        """The app's own record of the database."""
        return self.table.read([ref])[ref][0]

    def history(self, ref: DatabaseRef = PROD) -> list[dict[str, Any]]:
        """All events of the database, oldest first."""
        items = self.dynamodb.scan(TableName=self.settings.metadata_table)["Items"]
        days = sorted(
            (from_attributes(item) for item in items if item["key"]["S"].startswith(f"rds_history/{ref.id}/")),
            key=lambda day: str(day["key"]),
        )
        return [event for day in days for event in day["events"]]

    def event_names(self, ref: DatabaseRef = PROD) -> list[str]:
        """The names of all events of the database."""
        return [event["event"] for event in self.history(ref)]

    def check(self) -> CheckResult:
        """Run a check that succeeds; the result for the only database."""
        [result] = self.lifecycle.check()
        return result

    def failed_check(self) -> CheckResult:
        """Run a check that fails; the result for the only database."""
        with pytest.raises(CheckFailed) as failure:
            self.lifecycle.check()
        [result] = failure.value.results
        return result

    def wait(self, minutes: float, check_every: float | None = None) -> None:
        """Let time pass, with or without checks in between."""
        if check_every is None:
            self.clock.advance(minutes)
            return
        until = self.clock.now + timedelta(minutes=minutes)
        while self.clock.now < until:
            self.clock.advance(check_every)
            self.lifecycle.check()

    def record_call(self, model: Any, **_: Any) -> None:
        """Keep the name of a called operation."""
        self.calls.append(model.name)


MakeWorld = Callable[..., World]
"""Makes a World like ``create_world``, on the backend for which the test runs."""


@contextmanager
def create_world(
    *refs: DatabaseRef,
    backend: Backend = "moto",
    status: str = "stopped",
    settings: Settings | None = None,
    **options: Any,
) -> Iterator[World]:
    """A World with these databases, all in that status. ``options`` are fields of Settings, if none are passed."""
    databases = refs or (PROD,)
    settings = settings or Settings(databases, **options)
    serialize_calls()
    with mock_aws(), ExitStack() as counted:
        world = _on_moto(settings, databases) if backend == "moto" else _on_simulation(settings, databases)
        for ref in databases:
            world.simulated_rds.set_status(ref.id, status)
        for client in (world.rds, world.dynamodb, world.cloudwatch):
            counted.enter_context(hooked(client, "before-call.*", world.record_call))
        yield world


def _on_moto(settings: Settings, databases: tuple[DatabaseRef, ...]) -> World:
    clock = Clock()
    backend = get_backend("rds")[DEFAULT_ACCOUNT_ID]["us-east-1"]
    simulated_rds = LocalRds(backend, clock, start_seconds=START_MINUTES * 60, stop_seconds=STOP_MINUTES * 60)
    tables = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID]["us-east-1"].tables
    rds, dynamodb = aws_client("rds"), aws_client("dynamodb")
    # moto's own CloudWatch would copy all datapoints of the last weeks at each call.
    cloudwatch = hooked_client("cloudwatch", SimulatedMetric(_datapoints_of(simulated_rds)))
    world = World(
        settings, clock, simulated_rds, rds, dynamodb, cloudwatch, lambda: tables[settings.metadata_table].items
    )
    ensure_table(world.dynamodb, settings.metadata_table, sleep=lambda _: None)
    for ref in databases:
        create_database(world.rds, ref)
    return world


def _on_simulation(settings: Settings, databases: tuple[DatabaseRef, ...]) -> World:
    clock = Clock()
    rds = ConnectedRds(clock)
    for ref in databases:
        rds.add(ref, "available")
        rds.connections.set_available(ref)
    table = SimulatedTable(settings.metadata_table)
    dynamodb = hooked_client("dynamodb", table)
    cloudwatch = hooked_client("cloudwatch", SimulatedMetric(rds.datapoints))
    return World(settings, clock, rds, hooked_client("rds", rds), dynamodb, cloudwatch, lambda: table.items)


class ConnectedRds(SimulatedRds):
    """A simulated RDS without faults, and the metric DatabaseConnections of its databases."""

    def __init__(self, clock: Clock) -> None:
        self.connections = DatabaseConnections(clock, timedelta(0))
        timing = FixedTiming(start_seconds=START_MINUTES * 60, stop_seconds=STOP_MINUTES * 60)
        super().__init__(clock, timing, on_change=self._publish)

    def set_connections(self, ref: DatabaseRef, count: int | None) -> None:
        """That many connections are open from now on; None: their number is not known."""
        self.advance()
        self.connections.set_connections(ref, count)

    def datapoints(self, ref: DatabaseRef, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
        """The datapoints of a database, newest first."""
        self.advance()
        return self.connections.datapoints(ref, start, end)

    def _publish(self, change: StatusChange) -> None:
        if classify_status(change.after).ready:
            self.connections.set_available(change.ref, change.at)
        else:
            self.connections.set_unavailable(change.ref, change.at)


def _datapoints_of(rds: LocalRds) -> Datapoints:
    return lambda ref, start, end: rds.connection_datapoints(start, end).get(ref, [])


@functools.cache
def aws_client(service: str) -> Any:
    """A client, which moto intercepts. It is kept, because clients are expensive to make."""
    make: Any = boto3.client
    return make(service, config=Config(retries={"mode": "standard", "total_max_attempts": 1}))


@contextmanager
def failing(
    client: Any, operation: str, code: str, *, status: int = 400, times: int = 1000, **more: Any
) -> Iterator[list[int]]:
    """AWS answers the operation with this error, that many times. Yields a list that grows with each error."""
    failures: list[int] = []

    def fail(**_: Any) -> Any:
        if len(failures) >= times:
            return None
        failures.append(1)
        error = {"Error": {"Code": code, "Message": "AWS's own message, account 123456789012"}}
        return AWSResponse("https://aws.test", status, HTTPHeaders(), None), {
            **error,
            **more,
            "ResponseMetadata": {"HTTPStatusCode": status},
        }

    with hooked(client, f"before-call.*.{operation}", fail):
        yield failures


@contextmanager
def describing_status(client: Any, operation: str, status: str, *, times: int = 1000) -> Iterator[None]:
    """RDS's descriptions still show an earlier status, that many times."""
    with describing(client, operation, {"DBInstanceStatus": status}, times=times):
        yield


@contextmanager
def describing(client: Any, operation: str, fields: Mapping[str, Any], *, times: int = 1000) -> Iterator[None]:
    """RDS's descriptions contain these fields, that many times."""
    left = [times]

    def show(parsed: Any, **_: Any) -> None:
        if left[0]:
            left[0] -= 1
            for item in (*parsed.get("DBInstances", ()), *parsed.get("DBClusters", ())):
                item.update(fields)

    with hooked(client, f"after-call.*.{operation}", show):
        yield


@contextmanager
def losing_response(client: Any, operation: str, *, times: int = 1000) -> Iterator[None]:
    """AWS carries out the operation, but its response is lost, that many times."""
    left = [times]

    def lose(**_: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise ReadTimeoutError(endpoint_url="https://aws.test")

    with hooked(client, f"after-call.*.{operation}", lose):
        yield


@contextmanager
def before_call(client: Any, operation: str, action: Callable[[], None], *, nth: int = 1) -> Iterator[None]:
    """Something else happens immediately before the nth call of the operation."""
    calls = itertools.count(1)

    def act(**_: Any) -> None:
        if next(calls) == nth:
            action()

    with hooked(client, f"before-call.*.{operation}", act):
        yield


@contextmanager
def hooked(client: Any, event: str, handler: Callable[..., Any]) -> Iterator[None]:
    """The client calls the handler at this event of botocore."""
    client.meta.events.register_first(event, handler)
    try:
        yield
    finally:
        client.meta.events.unregister(event, handler)
