"""moto's CloudWatch with the DatabaseConnections of the simulated RDS, through boto3."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from chalicelib.aws.metric import ActivityMetric
from chalicelib.domain.activity import MetricActive, MetricIdle, MetricRule, MetricUnknown
from chalicelib.domain.model import DatabaseRef
from dev.local.cloudwatch import publish_connections
from tests.support import ANALYTICS, NOW, PROD, START_MINUTES, STOP_MINUTES, World, aws_client, create_world


class Server:
    """A server that is up at once, with a number of connections that a test sets."""

    connections: int | None = 0

    def start(self) -> None:
        """Up already."""

    def is_up(self) -> bool:
        """Always."""
        return True

    def stop(self) -> None:
        """Gone already."""

    def is_gone(self) -> bool:
        """Always."""
        return True

    def count_connections(self) -> int | None:
        """As set."""
        return self.connections


@pytest.fixture
def world() -> Iterator[World]:
    with create_world(PROD, ANALYTICS) as it:
        it.simulated_rds.discard_changes()
        publish_connections(get_backend("cloudwatch")[DEFAULT_ACCOUNT_ID]["us-east-1"], it.simulated_rds)
        yield it


@pytest.fixture
def server(world: World) -> Server:
    server = Server()
    world.simulated_rds.attach_server(PROD.id, server)
    return server


def query(dimension: str, database_id: str, number: int = 0, **stat: Any) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/RDS",
        "MetricName": "DatabaseConnections",
        "Dimensions": [{"Name": dimension, "Value": database_id}],
    }
    return {"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum", **stat}}


INSTANCE = query("DBInstanceIdentifier", PROD.id)
CLUSTER = query("DBClusterIdentifier", ANALYTICS.id, number=1)


def metric_data(world: World, *queries: dict[str, Any], start: float = -60, **request: Any) -> list[dict[str, Any]]:
    """The results from ``start`` minutes after the beginning until now."""
    response = aws_client("cloudwatch").get_metric_data(
        MetricDataQueries=[*queries],
        StartTime=request.pop("StartTime", NOW + timedelta(minutes=start)),
        EndTime=world.clock.now,
        **request,
    )
    return list(response["MetricDataResults"])


def minutes(result: dict[str, Any]) -> list[float]:
    return [(at.astimezone(UTC) - NOW) / timedelta(minutes=1) for at in result["Timestamps"]]


def start_server(world: World, server: Server, connections: int | None) -> None:
    """Start the database, which is available at minute 4, and count its connections."""
    world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
    world.clock.advance(START_MINUTES)
    server.connections = connections
    world.simulated_rds.count_connections()


def test_stopped_database__has_no_datapoints(world: World) -> None:
    world.clock.advance(10)
    [instance, cluster] = metric_data(world, INSTANCE, CLUSTER)
    assert (instance["Timestamps"], instance["Values"], instance["StatusCode"]) == ([], [], "Complete")
    assert (cluster["Timestamps"], cluster["Values"]) == ([], [])


def test_database_without_a_server__has_zero_connections_while_it_is_available(world: World) -> None:
    world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
    world.clock.advance(START_MINUTES + 2.5)
    [before] = metric_data(world, INSTANCE)
    assert (minutes(before), before["Values"]) == ([6, 5, 4], [0, 0, 0])
    world.rds.stop_db_instance(DBInstanceIdentifier=PROD.id)
    world.clock.advance(STOP_MINUTES + 5)
    [after] = metric_data(world, INSTANCE)
    assert minutes(after) == [6, 5, 4], "none while it is stopping or stopped"


def test_created_database__has_datapoints_and_a_deleted_one_has_none_later(world: World) -> None:
    create = {"DBInstanceClass": "db.t4g.micro", "Engine": "postgres", "AllocatedStorage": 20}
    world.rds.create_db_instance(DBInstanceIdentifier="Orders-DB", **create)
    world.rds.describe_db_instances()
    world.clock.advance(1.5)
    orders = query("DBInstanceIdentifier", "orders-db")
    assert minutes(metric_data(world, orders)[0]) == [1, 0]
    world.rds.delete_db_instance(DBInstanceIdentifier="orders-db", SkipFinalSnapshot=True)
    world.rds.describe_db_instances()
    world.clock.advance(5)
    assert minutes(metric_data(world, orders)[0]) == [1, 0]


def test_discarded_changes__leave_the_present_statuses(world: World) -> None:
    world.simulated_rds.set_status(PROD.id, "available")
    world.clock.advance(2)
    world.simulated_rds.discard_changes()
    world.clock.advance(1.5)
    assert minutes(metric_data(world, INSTANCE)[0]) == [3, 2]
    assert world.simulated_rds.take_events() == []
    assert world.simulated_rds.take_status_changes() == []


def test_server__that_does_not_respond__has_no_datapoints(world: World, server: Server) -> None:
    start_server(world, server, None)
    world.clock.advance(2)
    assert minutes(metric_data(world, INSTANCE)[0]) == []
    server.connections = 3
    world.simulated_rds.count_connections()
    world.clock.advance(0.5)
    assert metric_data(world, INSTANCE)[0]["Values"] == [3]


def test_connections_of_a_server__are_those_counted_last(world: World, server: Server) -> None:
    start_server(world, server, 2)
    world.clock.advance(1)
    server.connections = 5
    world.simulated_rds.count_connections()
    world.clock.advance(0.5)
    server.connections = 0
    world.simulated_rds.count_connections()
    world.clock.advance(1)
    [result] = metric_data(world, INSTANCE)
    assert list(zip(minutes(result), result["Values"], strict=True)) == [(6, 0), (5, 5), (4, 2)]
    world.rds.stop_db_instance(DBInstanceIdentifier=PROD.id)
    server.connections = 7
    world.simulated_rds.count_connections()
    world.clock.advance(1)
    assert minutes(metric_data(world, INSTANCE)[0]) == [6, 5, 4]


@pytest.mark.parametrize(
    ("request_parameters", "expected"),
    [
        pytest.param({}, [8, 7, 6, 5, 4], id="newest-first-by-default"),
        pytest.param({"ScanBy": "TimestampAscending"}, [4, 5, 6, 7, 8], id="ascending"),
        pytest.param({"ScanBy": "TimestampDescending"}, [8, 7, 6, 5, 4], id="descending"),
        pytest.param({"StartTime": NOW + timedelta(minutes=6, seconds=59)}, [8, 7, 6], id="start-is-rounded-down"),
        pytest.param({"StartTime": (NOW + timedelta(minutes=7)).astimezone().isoformat()}, [8, 7], id="any-time-zone"),
    ],
)
def test_get_metric_data__between_two_times__returns_whole_minutes(
    world: World, request_parameters: dict[str, Any], expected: list[int]
) -> None:
    world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
    world.clock.advance(START_MINUTES + 4.7)
    [result] = metric_data(world, INSTANCE, **request_parameters)
    assert minutes(result) == expected
    assert result["Values"] == [0.0] * len(expected)
    assert all(isinstance(at, datetime) and at.tzinfo is not None for at in result["Timestamps"])


def test_get_metric_data__of_many_queries__answers_each(world: World, server: Server) -> None:
    world.simulated_rds.set_status(ANALYTICS.id, "available")
    start_server(world, server, 3)
    world.clock.advance(1.5)
    aws_client("cloudwatch").put_metric_data(
        Namespace="AWS/RDS",
        MetricData=[
            {"MetricName": "CPUUtilization", "Timestamp": NOW, "Value": 12.5,
             "Dimensions": INSTANCE["MetricStat"]["Metric"]["Dimensions"]}
        ],
    )  # fmt: skip
    cpu = query("DBInstanceIdentifier", PROD.id, number=2)
    cpu["MetricStat"]["Metric"]["MetricName"] = "CPUUtilization"
    wrong_case = query("DBInstanceIdentifier", PROD.id.upper(), number=3)
    total = query("DBInstanceIdentifier", PROD.id, number=4, Stat="Sum", Period=3600)
    results = {
        result["Id"]: result["Values"] for result in metric_data(world, INSTANCE, CLUSTER, cpu, wrong_case, total)
    }
    assert results == {"m0": [3, 3], "m1": [0] * 6, "m2": [12.5], "m3": [], "m4": [6]}


def test_get_metric_statistics_and_list_metrics__know_the_metric(world: World, server: Server) -> None:
    start_server(world, server, 3)
    world.clock.advance(0.5)
    dimensions = INSTANCE["MetricStat"]["Metric"]["Dimensions"]
    statistics = aws_client("cloudwatch").get_metric_statistics(
        Namespace="AWS/RDS", MetricName="DatabaseConnections", Dimensions=dimensions, Period=60,
        StartTime=NOW, EndTime=world.clock.now, Statistics=["Maximum"],
    )  # fmt: skip
    [datapoint] = statistics["Datapoints"]
    assert (datapoint["Maximum"], datapoint["Unit"]) == (3, "Count")
    [metric] = aws_client("cloudwatch").list_metrics(Namespace="AWS/RDS", Dimensions=dimensions)["Metrics"]
    assert metric["MetricName"] == "DatabaseConnections"


@pytest.mark.parametrize(
    ("ref", "connections", "expected"),
    [
        pytest.param(PROD, 2, MetricActive(NOW + timedelta(minutes=START_MINUTES + 0.5), 2), id="connections"),
        pytest.param(PROD, 0, MetricIdle(), id="none"),
        pytest.param(PROD, None, MetricUnknown, id="no-data"),
    ],
)
def test_activity_metric__reads_the_published_connections(
    world: World, server: Server, ref: DatabaseRef, connections: int | None, expected: Any
) -> None:
    start_server(world, server, connections)
    world.clock.advance(0.5)
    metric = ActivityMetric(lambda: aws_client("cloudwatch"), MetricRule("DatabaseConnections", 0))
    found = metric.read([ref], timedelta(hours=1), world.clock.now)[ref]
    assert found == expected or type(found) is expected
