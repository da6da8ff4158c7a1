"""The activity metric, with scripted responses of CloudWatch."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from chalicelib.aws.metric import ActivityMetric
from chalicelib.domain.activity import ActivitySource, MetricActive, MetricIdle, MetricRule, MetricUnknown
from chalicelib.domain.model import Action, DatabaseRef, Kind, Reason
from tests.support import ANALYTICS, NOW, PROD, MakeWorld, aws_client

IDLE = timedelta(minutes=60)
RULE = MetricRule("DatabaseConnections", 0)


@pytest.fixture
def stubbed() -> Iterator[tuple[ActivityMetric, Stubber]]:
    client = aws_client("cloudwatch")
    with Stubber(client) as stubber:
        yield ActivityMetric(lambda: client, RULE), stubber
        stubber.assert_no_pending_responses()


def series(number: int, *values: float) -> dict[str, Any]:
    times = [NOW - timedelta(minutes=3 * (n + 1)) for n in range(len(values))]
    return {"Id": f"m{number}", "Timestamps": times, "Values": list(values), "StatusCode": "Complete"}


def test_read__several_databases__is_one_query_by_the_minute(stubbed: tuple[ActivityMetric, Stubber]) -> None:
    metric, stubber = stubbed
    refs = [PROD, ANALYTICS, DatabaseRef(Kind.INSTANCE, "quiet")]
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
            for n, (ref, dimension) in enumerate(
                zip(refs, ["DBInstanceIdentifier", "DBClusterIdentifier", "DBInstanceIdentifier"], strict=True)
            )
        ],
        "StartTime": NOW - IDLE,
        "EndTime": NOW,
        "ScanBy": "TimestampDescending",
    }
    stubber.add_response(
        "get_metric_data", {"MetricDataResults": [series(0, 0, 2, 5), series(2, 0, 0)], "NextToken": "t"}, request
    )
    stubber.add_response("get_metric_data", {"MetricDataResults": []}, {**request, "NextToken": "t"})
    assert metric.read(refs, IDLE, NOW) == {
        PROD: MetricActive(NOW - timedelta(minutes=6)),
        ANALYTICS: MetricUnknown("CloudWatch has no datapoints of DatabaseConnections within the idle timeout"),
        refs[2]: MetricIdle(),
    }


@pytest.mark.parametrize("code", ["AccessDenied", "Throttling", "InvalidParameterValue"])
def test_read__refused__is_unknown(stubbed: tuple[ActivityMetric, Stubber], code: str) -> None:
    metric, stubber = stubbed
    stubber.add_client_error("get_metric_data", code)
    [found] = metric.read([PROD], IDLE, NOW).values()
    assert isinstance(found, MetricUnknown)


@pytest.mark.parametrize("code", ["InternalError", "Forbidden"])
def test_read__incomplete_response__is_unknown(stubbed: tuple[ActivityMetric, Stubber], code: str) -> None:
    metric, stubber = stubbed
    stubber.add_response("get_metric_data", {"MetricDataResults": [{**series(0, 0, 0), "StatusCode": code}]})
    [found] = metric.read([PROD], IDLE, NOW).values()
    assert isinstance(found, MetricUnknown)


def test_read__no_database__makes_no_client() -> None:
    made = []

    def connect() -> Any:
        made.append(boto3.client("cloudwatch"))
        return made[0]

    metric = ActivityMetric(connect, RULE)
    assert metric.read([], IDLE, NOW) == {}
    assert made == []


def test_check__several_databases__reads_the_metric_only_where_a_stop_depends_on_it(make_world: MakeWorld) -> None:
    others = [DatabaseRef(Kind.INSTANCE, name) for name in ("idle", "used", "held")]
    world = make_world(*others, status="available", activity_metric=RULE)
    with Stubber(world.cloudwatch) as stubber:
        world.report_query(NOW - timedelta(hours=2), others[0])
        world.report_query(NOW, others[1])
        world.lifecycle.hold(others[2], timedelta(hours=1), by="ops")
        for values, action, reason in (
            ((0, 3), Action.NONE, Reason.METRIC_ACTIVE),
            ((), Action.NONE, Reason.METRIC_UNKNOWN),
            ((0, 0), Action.STOP, Reason.IDLE),
        ):
            stubber.add_response("get_metric_data", {"MetricDataResults": [series(0, *values)]})
            results = world.lifecycle.check()
            stubber.assert_no_pending_responses()
            assert [(r.action, r.reason) for r in results] == [
                (action, reason),
                (Action.NONE, Reason.RECENT_ACTIVITY),
                (Action.NONE, Reason.HELD),
            ]


def test_describe__metric_active__shows_it_as_the_last_activity(make_world: MakeWorld) -> None:
    world = make_world(status="available", activity_metric=RULE)
    with Stubber(world.cloudwatch) as stubber:
        world.report_query(NOW - timedelta(hours=2))
        stubber.add_response("get_metric_data", {"MetricDataResults": [series(0, 1)]})
        last = world.lifecycle.describe(PROD).decision.last_activity
        assert last is not None
        assert (last.source, last.at) == (ActivitySource.METRIC, NOW - timedelta(minutes=3))
