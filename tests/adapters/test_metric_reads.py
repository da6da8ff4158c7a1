"""When CloudWatch is asked: only where a stop depends on it, and once for all databases of a check."""

from datetime import timedelta

import pytest

from chalicelib.domain.activity import AUTO, ActivitySource, MetricRule
from chalicelib.domain.model import Action, DatabaseRef, Kind, Reason
from chalicelib.service.lifecycle import CheckResult
from tests.support import NOW, PROD, MakeWorld, World

CONNECTIONS = MetricRule("DatabaseConnections", 0)
IDLE, USED, HELD = (DatabaseRef(Kind.INSTANCE, name) for name in ("idle", "used", "held"))


def check_after(world: World, minutes: float) -> tuple[list[CheckResult], int]:
    """The results of a check, and how often CloudWatch was asked."""
    world.clock.advance(minutes)
    world.report_query(world.clock.now, USED)
    world.calls.clear()
    return world.lifecycle.check(), world.calls.count("GetMetricData")


@pytest.mark.parametrize(
    ("rule", "active"),
    [
        pytest.param(CONNECTIONS, Reason.METRIC_ACTIVE, id="rule"),
        pytest.param(AUTO, Reason.UNREPORTED_CONNECTIONS, id="auto"),
    ],
)
def test_check__several_databases__reads_the_metric_once_where_a_stop_depends_on_it(
    make_world: MakeWorld, rule: MetricRule, active: Reason
) -> None:
    world = make_world(IDLE, USED, HELD, status="available", activity_metric=rule)
    world.set_connections(3, IDLE)
    world.lifecycle.hold(HELD, timedelta(hours=24), by="ops")
    others = [(Action.NONE, Reason.RECENT_ACTIVITY), (Action.NONE, Reason.HELD)]

    results, calls = check_after(world, 0)
    assert [result.reason for result in results] == [Reason.NO_ACTIVITY_DATA, Reason.RECENT_ACTIVITY, Reason.HELD]
    assert calls == 0

    results, calls = check_after(world, 61)
    assert [(r.action, r.reason) for r in results] == [(Action.NONE, active), *others]
    assert calls == 1

    world.set_connections(None, IDLE)
    results, calls = check_after(world, 30)
    assert [(r.action, r.reason) for r in results] == [(Action.NONE, Reason.METRIC_UNKNOWN), *others]

    world.set_connections(0, IDLE)
    results, calls = check_after(world, 61)
    assert [(r.action, r.reason) for r in results] == [(Action.STOP, Reason.IDLE), *others]
    assert calls == 1


def test_check__auto_and_reports_trusted__reads_the_metric_before_the_stop(make_world: MakeWorld) -> None:
    world = make_world(status="available")
    world.set_connections(4)
    world.report_query()
    world.check()
    world.clock.advance(minutes=61)
    world.calls.clear()
    result = world.check()
    assert (result.action, result.reason) == (Action.STOP, Reason.IDLE)
    assert world.calls.count("GetMetricData") == 1
    [stopping] = [event for event in world.history() if event["event"] == "stopping"]
    assert stopping["open_connections"] == 4


def test_check__no_rule__never_reads_the_metric(make_world: MakeWorld) -> None:
    world = make_world(status="available", activity_metric=None)
    world.set_connections(4)
    world.check()
    world.clock.advance(minutes=61)
    world.calls.clear()
    assert world.check().action is Action.STOP
    assert "GetMetricData" not in world.calls


def test_check__load_of_an_idle_database__stops(make_world: MakeWorld) -> None:
    world = make_world(status="available", activity_metric=MetricRule("DBLoad", 0.05))
    world.set_connections(0)
    world.check()
    world.clock.advance(minutes=61)
    assert world.check().action is Action.STOP


def test_describe__connections_open__shows_them_as_the_last_activity(make_world: MakeWorld) -> None:
    world = make_world(status="available", activity_metric=CONNECTIONS)
    world.set_connections(1)
    world.check()
    world.clock.advance(minutes=61)
    last = world.lifecycle.describe(PROD).decision.last_activity
    assert last is not None
    assert last.source is ActivitySource.METRIC
    assert NOW + timedelta(minutes=51) < last.at <= world.clock.now
