"""The activity metric, with scripted responses of CloudWatch."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from chalicelib.aws.metric import ActivityMetric
from chalicelib.domain.activity import (
    AUTO,
    Metric,
    MetricActive,
    MetricIdle,
    MetricRule,
    MetricUnknown,
)
from chalicelib.domain.model import DatabaseRef, Kind
from tests.support import ANALYTICS, NOW, PROD, aws_client

IDLE = timedelta(minutes=60)
CONNECTIONS = MetricRule("DatabaseConnections", 0)
LOAD = MetricRule("DBLoad", 0.05)
NO_CONNECTIONS_DATA = MetricUnknown("CloudWatch returned no datapoint of DatabaseConnections in the last 10 minutes")
Stubbed = tuple[Callable[[MetricRule], ActivityMetric], Stubber]


@pytest.fixture
def stubbed() -> Iterator[Stubbed]:
    client = aws_client("cloudwatch")
    with Stubber(client) as stubber:
        yield lambda rule: ActivityMetric(lambda: client, rule), stubber
        stubber.assert_no_pending_responses()


def series(number: int, *points: tuple[float, float], status: str = "Complete") -> dict[str, Any]:
    """The result of a query; each point is how many minutes ago its period began, and its value."""
    times = [minutes_ago(minutes) for minutes, _ in points]
    values = [float(value) for _, value in points]
    return {"Id": f"m{number}", "Timestamps": times, "Values": values, "StatusCode": status}


def minutes_ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def read_one(stubbed: Stubbed, rule: MetricRule, *results: dict[str, Any], idle: timedelta = IDLE) -> Metric:
    make, stubber = stubbed
    stubber.add_response("get_metric_data", {"MetricDataResults": list(results)})
    return make(rule).read([PROD], idle, NOW)[PROD]


def test_read__several_databases__is_one_query_by_the_minute(stubbed: Stubbed) -> None:
    make, stubber = stubbed
    refs = [PROD, ANALYTICS, DatabaseRef(Kind.INSTANCE, "quiet")]
    dimensions = ["DBInstanceIdentifier", "DBClusterIdentifier", "DBInstanceIdentifier"]
    request = {
        "MetricDataQueries": [
            {
                "Id": f"m{n}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/RDS",
                        "MetricName": "DatabaseConnections",
                        "Dimensions": [{"Name": dimension, "Value": ref.id}],
                    },
                    "Period": 60,
                    "Stat": "Maximum",
                },
            }
            for n, (ref, dimension) in enumerate(zip(refs, dimensions, strict=True))
        ],
        "StartTime": NOW - IDLE - timedelta(minutes=1),
        "EndTime": NOW,
        "ScanBy": "TimestampDescending",
    }
    first, second = series(0, (3, 0), (6, 2), (9, 5)), series(2, (3, 0), (6, 0))
    stubber.add_response("get_metric_data", {"MetricDataResults": [first, second], "NextToken": "t"}, request)
    further = {"MetricDataResults": [series(2, (9, 7))]}
    stubber.add_response("get_metric_data", further, {**request, "NextToken": "t"})
    assert make(CONNECTIONS).read(refs, IDLE, NOW) == {
        PROD: MetricActive(minutes_ago(5), 0.0),
        ANALYTICS: NO_CONNECTIONS_DATA,
        refs[2]: MetricActive(minutes_ago(8), 0.0),
    }


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        pytest.param([(3, 4)], MetricActive(NOW, 4.0), id="open at last"),
        pytest.param([(0.5, 4)], MetricActive(NOW, 4.0), id="open in the current minute"),
        pytest.param([(3, 0), (50, 4)], MetricActive(minutes_ago(49), 0.0), id="closed since"),
        pytest.param([(3, 0), (6, 0)], MetricIdle(), id="none open"),
        pytest.param([(10, 0)], MetricIdle(), id="newest datapoint exactly 10 minutes old"),
        pytest.param([(10.1, 0)], NO_CONNECTIONS_DATA, id="newest datapoint older than 10 minutes"),
        pytest.param([(50, 0)], NO_CONNECTIONS_DATA, id="newest datapoint 50 minutes old"),
        pytest.param([(50, 4)], NO_CONNECTIONS_DATA, id="open 50 minutes ago, and nothing since"),
        pytest.param([], NO_CONNECTIONS_DATA, id="no datapoint"),
    ],
)
@pytest.mark.parametrize("rule", [CONNECTIONS, AUTO], ids=["rule", "auto"])
def test_read__connections__have_an_answer_only_with_a_recent_datapoint(
    stubbed: Stubbed, rule: MetricRule, points: list[tuple[float, float]], expected: Metric
) -> None:
    assert read_one(stubbed, rule, series(0, *points)) == expected


def test_read__time_of_an_answer__is_in_utc(stubbed: Stubbed) -> None:
    here = series(0, (3, 0), (6, 4))
    here["Timestamps"] = [at.astimezone(timezone(timedelta(hours=5))) for at in here["Timestamps"]]
    found = read_one(stubbed, CONNECTIONS, here)
    assert isinstance(found, MetricActive)
    assert (found.at, found.at.tzinfo) == (minutes_ago(5), UTC)


@pytest.mark.parametrize(
    ("load", "connections", "expected"),
    [
        pytest.param([], [(3, 0)], MetricIdle(), id="no load at all, no connections"),
        pytest.param([], [(3, 7)], MetricIdle(), id="no load at all, connections open"),
        pytest.param([(3, 0.01)], [(3, 7)], MetricIdle(), id="little load"),
        pytest.param([(3, 0.2)], [(3, 7)], MetricActive(NOW, 0.2), id="load"),
        pytest.param([(4, 0.2)], [(3, 7)], MetricActive(minutes_ago(3), 0.2), id="load that has ended"),
        pytest.param([(40, 0.2)], [(3, 7)], MetricActive(minutes_ago(39), 0.2), id="load 40 minutes ago, none since"),
        pytest.param([(3, 0.2)], [], MetricActive(NOW, 0.2), id="load, connections missing"),
        pytest.param([], [], NO_CONNECTIONS_DATA, id="no datapoint of either"),
        pytest.param([], [(50, 0)], NO_CONNECTIONS_DATA, id="connections 50 minutes old"),
        pytest.param([(50, 0.2)], [(50, 7)], NO_CONNECTIONS_DATA, id="both 50 minutes old"),
    ],
)
@pytest.mark.parametrize("name", ["DBLoad", "DBLoadCPU"])
def test_read__load__is_zero_where_only_connections_have_recent_datapoints(
    stubbed: Stubbed,
    name: str,
    load: list[tuple[float, float]],
    connections: list[tuple[float, float]],
    expected: Metric,
) -> None:
    found = read_one(stubbed, MetricRule(name, 0.05), series(0, *load), series(1, *connections))
    assert found == expected


def test_read__load_with_a_misspelled_name__is_unknown(stubbed: Stubbed) -> None:
    assert isinstance(read_one(stubbed, MetricRule("DBLoadCpu", 0.05), series(0)), MetricUnknown)


@pytest.mark.parametrize("failed", [0, 1], ids=["load", "connections"])
@pytest.mark.parametrize("code", ["InternalError", "Forbidden"])
def test_read__query_of_the_load_or_of_its_connections_failed__is_unknown(
    stubbed: Stubbed, code: str, failed: int
) -> None:
    results = [series(0), series(1, (3, 0))]
    results[failed]["StatusCode"] = code
    assert isinstance(read_one(stubbed, LOAD, *results), MetricUnknown)


def test_read__another_metric__needs_its_own_datapoints(stubbed: Stubbed) -> None:
    found = read_one(stubbed, MetricRule("CommitThroughput", 1), series(0))
    assert found == MetricUnknown("CloudWatch returned no datapoint of CommitThroughput in the last 10 minutes")


@pytest.mark.parametrize(
    ("idle", "window"),
    [
        pytest.param(timedelta(hours=3), timedelta(hours=3, minutes=1), id="three hours"),
        pytest.param(timedelta(minutes=2), timedelta(minutes=11), id="less than a datapoint may be old"),
    ],
)
def test_read__any_idle_timeout__covers_it_and_the_largest_age_of_a_datapoint(
    idle: timedelta, window: timedelta
) -> None:
    cloudwatch = RecordingCloudWatch()
    ActivityMetric(lambda: cloudwatch, CONNECTIONS).read([PROD], idle, NOW)  # type: ignore[arg-type, return-value]
    [request] = cloudwatch.requests
    assert (request["StartTime"], request["EndTime"]) == (NOW - window, NOW)


class RecordingCloudWatch:
    """A CloudWatch without datapoints, which keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> "RecordingCloudWatch":
        """The only operation."""
        assert operation == "get_metric_data"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        """One page."""
        self.requests.append(request)
        queries = request["MetricDataQueries"]
        results = [{"Id": q["Id"], "Timestamps": [], "Values": [], "StatusCode": "Complete"} for q in queries]
        return [{"MetricDataResults": results}]


@pytest.mark.parametrize(
    ("rule", "databases", "calls"),
    [
        pytest.param(CONNECTIONS, 500, [500], id="as many as in one call"),
        pytest.param(CONNECTIONS, 501, [500, 1], id="one more"),
        pytest.param(LOAD, 1, [2], id="load: two queries for a database"),
        pytest.param(LOAD, 250, [500], id="load: as many as in one call"),
        pytest.param(LOAD, 251, [500, 2], id="load: one more"),
        pytest.param(AUTO, 1200, [500, 500, 200], id="three calls"),
    ],
)
def test_read__many_databases__makes_at_most_500_queries_in_a_call(
    rule: MetricRule, databases: int, calls: list[int]
) -> None:
    cloudwatch = RecordingCloudWatch()
    refs = [DatabaseRef(Kind.INSTANCE, f"db{number}") for number in range(databases)]
    metric = ActivityMetric(lambda: cloudwatch, rule)  # type: ignore[arg-type, return-value]
    assert list(metric.read(refs, IDLE, NOW)) == refs
    assert [len(request["MetricDataQueries"]) for request in cloudwatch.requests] == calls
    for request in cloudwatch.requests:
        ids = [query["Id"] for query in request["MetricDataQueries"]]
        assert len(set(ids)) == len(ids)


def test_read__load_of_several_databases__keeps_them_apart(stubbed: Stubbed) -> None:
    make, stubber = stubbed
    results = [series(0, (3, 0.2)), series(1, (3, 7)), series(2), series(3, (3, 0))]
    stubber.add_response("get_metric_data", {"MetricDataResults": results})
    assert make(LOAD).read([PROD, ANALYTICS], IDLE, NOW) == {
        PROD: MetricActive(NOW, 0.2),
        ANALYTICS: MetricIdle(),
    }


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        pytest.param("AccessDenied", "cloudwatch:GetMetricData", id="denied"),
        pytest.param("Throttling", "throttling", id="throttled"),
        pytest.param("InvalidParameterValue", "cloudwatch:GetMetricData", id="invalid"),
    ],
)
def test_read__refused__is_unknown_and_says_why(stubbed: Stubbed, code: str, detail: str) -> None:
    make, stubber = stubbed
    stubber.add_client_error("get_metric_data", code)
    found = make(CONNECTIONS).read([PROD, ANALYTICS], IDLE, NOW)
    assert list(found) == [PROD, ANALYTICS]
    for metric in found.values():
        assert isinstance(metric, MetricUnknown)
        assert detail in metric.why


@pytest.mark.parametrize("code", ["InternalError", "Forbidden"])
def test_read__query_failed__is_unknown_and_the_others_are_known(stubbed: Stubbed, code: str) -> None:
    make, stubber = stubbed
    results = [series(0, (3, 0), status=code), series(1, (3, 0))]
    stubber.add_response("get_metric_data", {"MetricDataResults": results})
    found = make(CONNECTIONS).read([PROD, ANALYTICS], IDLE, NOW)
    assert isinstance(found[PROD], MetricUnknown)
    assert found[ANALYTICS] == MetricIdle()


def test_read__no_database__makes_no_client() -> None:
    made = []

    def connect() -> Any:
        made.append(boto3.client("cloudwatch"))
        return made[0]

    metric = ActivityMetric(connect, CONNECTIONS)
    assert metric.read([], IDLE, NOW) == {}
    assert made == []
