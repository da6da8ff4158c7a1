"""A small world for tests: an injected clock, moto with an RDS that takes its time, AWS calls that can be disturbed."""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
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
from chalicelib.domain.model import DatabaseRecord, DatabaseRef, Kind
from chalicelib.settings import Settings
from dev.local.aws import create_database
from dev.local.dynamodb import serialize_calls
from dev.local.rds import LocalRds
from dev.local.rds_timing import FixedTiming
from dev.table import ensure_table
from tests.simulation.client import hooked_client
from tests.simulation.rds import SimulatedRds
from tests.simulation.table import SimulatedTable

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PROD = DatabaseRef(Kind.INSTANCE, "ss-financial-prod")
ANALYTICS = DatabaseRef(Kind.CLUSTER, "analytics")
START_MINUTES, STOP_MINUTES = 4, 3


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, minutes: float = 0, *, seconds: float = 0, days: float = 0) -> None:
        """Let time pass."""
        self.now += timedelta(days=days, minutes=minutes, seconds=seconds)

    def pause(self, seconds: float) -> None:
        """Stands in for time.sleep."""
        self.advance(seconds=seconds)


@dataclass
class World:
    """Everything that a scenario touches."""

    settings: Settings
    clock: Clock
    slow_rds: Any
    rds: Any
    dynamodb: Any
    cloudwatch: Any
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.table = Table(self.dynamodb, self.settings, self.clock.pause)
        self.lifecycle = build(
            self.settings, self.rds, self.dynamodb, lambda: self.cloudwatch, self.clock, self.clock.pause
        )

    def status(self, ref: DatabaseRef = PROD) -> str:
        """RDS's word for the database."""
        if ref.kind is Kind.CLUSTER:
            return str(self.rds.describe_db_clusters(DBClusterIdentifier=ref.id)["DBClusters"][0]["Status"])
        answer = self.rds.describe_db_instances(DBInstanceIdentifier=ref.id)
        return str(answer["DBInstances"][0]["DBInstanceStatus"])

    def queried(self, at: datetime | None = None, ref: DatabaseRef = PROD) -> None:
        """The dashboard's backend queries the database."""
        self.activity_item({"S": (at or self.clock.now).isoformat()}, ref)

    def measured(self, value: float, ref: DatabaseRef = PROD) -> None:
        """CloudWatch has a datapoint of DatabaseConnections, two minutes old."""
        name = "DBClusterIdentifier" if ref.kind is Kind.CLUSTER else "DBInstanceIdentifier"
        point = {
            "Dimensions": [{"Name": name, "Value": ref.id}],
            "Timestamp": self.clock.now - timedelta(minutes=2),
            "Value": value,
        }
        self.cloudwatch.put_metric_data(
            Namespace="AWS/RDS", MetricData=[{"MetricName": "DatabaseConnections", **point}]
        )

    def activity_item(self, value: Mapping[str, Any], ref: DatabaseRef = PROD) -> None:
        """Put any value into the activity item, as DynamoDB attributes."""
        key = self.settings.activity_key_of(ref)
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

    def told(self, ref: DatabaseRef = PROD) -> list[str]:
        """The names of all events of the database."""
        return [event["event"] for event in self.history(ref)]

    def wait(self, minutes: float, check_every: float | None = None) -> None:
        """Let time pass; with checks in between if asked to."""
        if check_every is None:
            self.clock.advance(minutes)
            return
        until = self.clock.now + timedelta(minutes=minutes)
        while self.clock.now < until:
            self.clock.advance(check_every)
            self.lifecycle.check()

    def count(self, model: Any, **_: Any) -> None:
        """Note that AWS was called."""
        self.calls.append(model.name)


CLOUDS = ("moto", "simulated")
cloud_in_use = "moto"
"""What stands for AWS in ``a_world``: tests that pass on the one have to pass on the other."""


@contextmanager
def a_world(
    *refs: DatabaseRef, status: str = "stopped", given: Settings | None = None, **options: Any
) -> Iterator[World]:
    """A world with these databases, all in that status. ``options`` are fields of Settings, if none are given."""
    databases = refs or (PROD,)
    settings = given or Settings(databases, **options)
    serialize_calls()
    with mock_aws(), ExitStack() as counted:
        make = _on_moto if cloud_in_use == "moto" else _on_simulation
        world = make(settings, databases)
        for ref in databases:
            world.slow_rds.set_status(ref.id, status)
        for client in (world.rds, world.dynamodb, world.cloudwatch):
            counted.enter_context(hooked(client, "before-call.*", world.count))
        yield world


def _on_moto(settings: Settings, databases: tuple[DatabaseRef, ...]) -> World:
    clock = Clock()
    backend = get_backend("rds")[DEFAULT_ACCOUNT_ID]["us-east-1"]
    slow = LocalRds(backend, clock, start_seconds=START_MINUTES * 60, stop_seconds=STOP_MINUTES * 60)
    world = World(settings, clock, slow, *(_client(service) for service in ("rds", "dynamodb", "cloudwatch")))
    ensure_table(world.dynamodb, settings.metadata_table)
    for ref in databases:
        create_database(world.rds, ref)
    return world


def _on_simulation(settings: Settings, databases: tuple[DatabaseRef, ...]) -> World:
    clock = Clock()
    rds = SimulatedRds(clock, FixedTiming(start_seconds=START_MINUTES * 60, stop_seconds=STOP_MINUTES * 60))
    for ref in databases:
        rds.add(ref, "available")
    dynamodb = hooked_client("dynamodb", SimulatedTable(settings.metadata_table))
    return World(settings, clock, rds, hooked_client("rds", rds), dynamodb, _client("cloudwatch"))


@functools.cache
def _client(service: str) -> Any:
    """Clients are costly to make, and moto takes its calls from any."""
    make: Any = boto3.client
    return make(service, config=Config(retries={"mode": "standard", "total_max_attempts": 1}))


@contextmanager
def failing(
    client: Any, operation: str, code: str, *, status: int = 400, times: int = 1000, **more: Any
) -> Iterator[list[int]]:
    """AWS answers the operation with this error, so many times. Yields a list that grows with each failure."""
    failures: list[int] = []

    def fail(**_: Any) -> Any:
        if len(failures) >= times:
            return None
        failures.append(1)
        error = {"Error": {"Code": code, "Message": "AWS's own words, account 123456789012"}}
        return AWSResponse("https://aws.test", status, HTTPHeaders(), None), {
            **error,
            **more,
            "ResponseMetadata": {"HTTPStatusCode": status},
        }

    with hooked(client, f"before-call.*.{operation}", fail):
        yield failures


@contextmanager
def answering(client: Any, operation: str, status: str, *, times: int = 1000) -> Iterator[None]:
    """RDS's descriptions of the database lag behind: they still say this, so many times."""
    left = [times]

    def old_news(parsed: Any, **_: Any) -> None:
        if left[0]:
            left[0] -= 1
            for item in parsed.get("DBInstances", []):
                item["DBInstanceStatus"] = status

    with hooked(client, f"after-call.*.{operation}", old_news):
        yield


@contextmanager
def unanswered(client: Any, operation: str, *, times: int = 1000) -> Iterator[None]:
    """AWS carries the operation out, but its answer never arrives."""
    left = [times]

    def lose(**_: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise ReadTimeoutError(endpoint_url="https://aws.test")

    with hooked(client, f"after-call.*.{operation}", lose):
        yield


@contextmanager
def before_call(client: Any, operation: str, deed: Callable[[], None], *, nth: int = 1) -> Iterator[None]:
    """Something else happens right before the nth call of the operation."""
    seen = [0]

    def act(**_: Any) -> None:
        seen[0] += 1
        if seen[0] == nth:
            deed()

    with hooked(client, f"before-call.*.{operation}", act):
        yield


@contextmanager
def hooked(client: Any, event: str, handler: Callable[..., Any]) -> Iterator[None]:
    client.meta.events.register_first(event, handler)
    try:
        yield
    finally:
        client.meta.events.unregister(event, handler)
