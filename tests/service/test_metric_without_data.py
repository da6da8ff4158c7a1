"""The activity metric has no data: nothing is stopped, and somebody is told in the end."""

import math
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from chalicelib.domain.activity import MetricRule
from chalicelib.service.lifecycle import CheckFailed
from tests.support import MakeWorld, World, failing

CONNECTIONS = MetricRule("DatabaseConnections", 0)


@pytest.fixture
def denied(make_world: MakeWorld) -> Iterator[tuple[World, ExitStack]]:
    """A running database, and the permission cloudwatch:GetMetricData missing until the stack is closed."""
    world = make_world(status="available", activity_metric=CONNECTIONS)
    world.lifecycle.check()
    with ExitStack() as stack:
        stack.enter_context(failing(world.cloudwatch, "GetMetricData", "AccessDenied"))
        yield world, stack


def test_rule__newest_datapoint_is_50_minutes_old__is_no_answer(make_world: MakeWorld) -> None:
    world = make_world(status="available", activity_metric=CONNECTIONS)
    world.lifecycle.check()
    world.wait(25)
    world.set_connections(None)
    world.wait(50)
    result = world.check()
    assert (result.action, result.reason, world.status()) == ("none", "metric-unknown", "available")
    assert "CloudWatch returned no datapoint of DatabaseConnections in the last 10 minutes" in result.detail


def test_rule__newest_datapoint_is_five_minutes_old__is_an_answer(make_world: MakeWorld) -> None:
    world = make_world(status="available", activity_metric=CONNECTIONS)
    world.lifecycle.check()
    world.wait(70)
    world.set_connections(None)
    world.wait(5)
    assert world.check().action == "stop"


def wait_until_check_fails(world: World) -> float:
    """Checks every 15 minutes for five hours. Returns the minutes until the first that failed; each later one did."""
    failed = []
    for minutes in range(15, 301, 15):
        world.clock.advance(15)
        try:
            world.lifecycle.check()
        except CheckFailed:
            failed.append(minutes)
    first = failed[0] if failed else math.inf
    assert [minutes for minutes in range(15, 301, 15) if minutes >= first] == failed
    return first


# Unknown from minute 75 on, when the database is idle; 60 + 30 minutes later it is minute 165.
FIRST_FAILURE = 180


def test_rule__metric_name_is_misspelled__fails_the_check_after_90_minutes(make_world: MakeWorld) -> None:
    world = make_world(status="available", activity_metric=MetricRule("DatabaseConections", 0))
    world.lifecycle.check()
    assert wait_until_check_fails(world) == FIRST_FAILURE
    result = world.failed_check()
    assert (result.reason, world.status()) == ("metric-unknown", "available")
    assert "the metric DatabaseConections has been unknown since 2026-03-02T10:15:00Z" in result.detail
    assert result.detail.endswith("check ACTIVITY_METRIC and the permission cloudwatch:GetMetricData.")


def test_rule__permission_missing__fails_the_check_after_90_minutes_and_recovers(
    denied: tuple[World, ExitStack],
) -> None:
    world, faults = denied
    assert wait_until_check_fails(world) == FIRST_FAILURE
    result = world.failed_check()
    assert (result.reason, "cloudwatch:GetMetricData" in result.detail) == ("metric-unknown", True)
    faults.close()
    assert world.check().action == "stop"
    assert world.record().metric_unknown_since is None


def test_rule__in_use_meanwhile__counts_the_90_minutes_again(denied: tuple[World, ExitStack]) -> None:
    world, _ = denied
    world.wait(90, check_every=15)
    assert world.check().reason == "metric-unknown"
    world.report_query()
    world.wait(165, check_every=15)
    assert world.check().reason == "metric-unknown"
    world.wait(15)
    assert world.failed_check().reason == "metric-unknown"


def test_auto__datapoints_missing_for_hours_and_no_reports__fails_the_check(make_world: MakeWorld) -> None:
    world = make_world(status="available")
    world.lifecycle.check()
    world.set_connections(None)
    assert wait_until_check_fails(world) == FIRST_FAILURE
    world.set_connections(0)
    world.wait(5)
    assert world.check().action == "stop"


def test_dbload__idle_database_without_datapoints_of_it__stops(make_world: MakeWorld) -> None:
    world = make_world(status="available", activity_metric=MetricRule("DBLoad", 0.05))
    world.lifecycle.check()
    world.wait(75, check_every=15)
    assert world.status() == "stopping"


def test_dbload__no_datapoints_of_connections_either__is_no_answer(make_world: MakeWorld) -> None:
    world = make_world(status="available", activity_metric=MetricRule("DBLoad", 0.05))
    world.lifecycle.check()
    world.set_connections(None)
    world.wait(75, check_every=15)
    assert (world.check().reason, world.status()) == ("metric-unknown", "available")
