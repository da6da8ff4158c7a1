"""Restarts: the response to the caller, and how the database becomes available."""

from datetime import timedelta

import pytest

from chalicelib.domain.activity import ActivitySource
from chalicelib.domain.errors import AccessDenied, AwsUnavailable, CannotStart, UnknownDatabase
from chalicelib.domain.model import Action, DatabaseRef
from tests.support import ANALYTICS, NOW, PROD, START_MINUTES, STOP_MINUTES, MakeWorld, World, failing

BOTH_KINDS = pytest.mark.parametrize("ref", [PROD, ANALYTICS], ids=["instance", "cluster"])


@BOTH_KINDS
def test_lifecycle__restarted_then_unused__starts_and_stops_again(make_world: MakeWorld, ref: DatabaseRef) -> None:
    world = make_world(ref)
    result = world.lifecycle.restart(ref, by="ops")
    assert (result.ready, result.message) == (False, f"RDS {ref.kind} starting")
    assert result.view.description.status == "starting"
    assert world.lifecycle.restart(ref, by="eve").message == "RDS already starting"

    world.wait(START_MINUTES)
    world.lifecycle.handle_event(ref)
    assert world.status(ref) == "available"
    result = world.lifecycle.restart(ref, by="ops")
    assert (result.ready, result.message) == (True, "RDS already available")

    world.wait(90, check_every=15)
    assert world.status(ref) == "stopped"
    assert world.event_names(ref) == [
        "first-seen", "restart-requested", "starting", "available", "stopping", "stopped"
    ]  # fmt: skip
    assert [event.get("by") for event in world.history(ref)[1:4]] == ["ops"] * 3
    assert world.history(ref)[4]["detail"].startswith("Idle for 1 h")


@BOTH_KINDS
def test_restart__while_stopping__starts_once_stopped(make_world: MakeWorld, ref: DatabaseRef) -> None:
    world = make_world(ref, status="available")
    world.lifecycle.check()
    world.wait(61)
    world.lifecycle.check()
    assert world.status(ref) == "stopping"
    result = world.lifecycle.restart(ref, by="ops")
    assert (result.ready, result.message) == (False, "RDS stopping; it will start as soon as it has stopped")
    assert result.view.record.pending_restart is not None
    world.wait(STOP_MINUTES)
    assert world.lifecycle.handle_event(ref).action_taken is Action.START
    world.wait(START_MINUTES)
    world.lifecycle.handle_event(ref)
    assert world.status(ref) == "available"
    assert world.record(ref).pending_restart is None


def test_restart__last_query_long_ago__gives_a_full_idle_timeout(make_world: MakeWorld) -> None:
    world = make_world()
    world.report_query(NOW - timedelta(days=1))
    world.lifecycle.check()
    world.lifecycle.restart(PROD, by="ops")
    world.wait(START_MINUTES + 60, check_every=4)
    assert world.status() == "available"
    world.wait(1, check_every=1)
    assert world.status() == "stopping"


def test_restart__failed_database__is_refused_with_a_remedy(make_world: MakeWorld) -> None:
    world = make_world(status="storage-full")
    with pytest.raises(CannotStart, match=r"RDS reports storage-full and cannot start it\. Allocate more storage"):
        world.lifecycle.restart(PROD, by="ops")
    assert world.record().pending_restart is None


def test_restart__busy_and_ready__needs_no_start(make_world: MakeWorld) -> None:
    world = make_world(status="backing-up")
    result = world.lifecycle.restart(PROD, by="ops")
    assert (result.ready, result.message) == (True, "RDS already backing-up")
    assert world.record().pending_restart is None


def test_restart__busy_and_not_ready__is_pending_until_available(make_world: MakeWorld) -> None:
    world = make_world(status="rebooting")
    result = world.lifecycle.restart(PROD, by="ops")
    assert (result.ready, result.message) == (False, "RDS already rebooting")
    assert world.record().pending_restart is not None
    world.simulated_rds.set_status(PROD.id, "available")
    world.lifecycle.check()
    assert world.record().pending_restart is None


def test_restart__cannot_be_carried_out__expires(stopped: World) -> None:
    with failing(stopped.rds, "StartDBInstance", "AccessDenied"):
        with pytest.raises(AccessDenied):
            stopped.lifecycle.restart(PROD, by="ops")
        for _ in range(4):
            stopped.wait(15)
            assert stopped.failed_check().reason == "missing-permission"
        stopped.wait(15)
        assert stopped.check().reason == "stopped"
    assert stopped.record().pending_restart is None
    assert stopped.event_names()[-1] == "restart-expired"
    stopped.wait(30, check_every=15)
    assert stopped.status() == "stopped"


@pytest.mark.parametrize("minutes", [90, 600], ids=["90 minutes", "10 hours"])
def test_restart__while_a_slow_stop_lasts__starts_once_stopped(idle: World, minutes: float) -> None:
    idle.check()
    idle.simulated_rds.set_status(PROD.id, "stopping")  # and no transition follows
    idle.wait(2)
    assert idle.lifecycle.restart(PROD, by="ops").message == "RDS stopping; it will start as soon as it has stopped"
    idle.wait(minutes, check_every=15)
    idle.simulated_rds.set_status(PROD.id, "stopped")
    assert idle.check().action is Action.START
    idle.wait(START_MINUTES)
    assert idle.check().reason == "recent-activity"
    assert "restart-expired" not in idle.event_names()
    assert idle.record().pending_restart is None


def test_restart__busy_for_two_hours__does_not_expire(make_world: MakeWorld) -> None:
    world = make_world(status="rebooting")
    world.lifecycle.restart(PROD, by="ops")
    world.wait(120, check_every=15)
    world.simulated_rds.set_status(PROD.id, "stopped")
    assert world.check().action is Action.START
    assert "restart-expired" not in world.event_names()


def test_warm_up__several_databases__starts_all(make_world: MakeWorld) -> None:
    world = make_world(PROD, ANALYTICS)
    results = world.lifecycle.warm_up(by="warm_up")
    assert [result.detail for result in results] == ["RDS instance starting", "RDS cluster starting"]
    assert (world.status(), world.status(ANALYTICS)) == ("starting", "starting")


def test_report_activity__running__counts_as_a_query(make_world: MakeWorld) -> None:
    world = make_world(status="available")
    world.report_query(NOW - timedelta(hours=2))
    last = world.lifecycle.report_activity(PROD).decision.last_activity
    assert last is not None
    assert (last.at, last.source) == (NOW, ActivitySource.QUERY)
    item = world.dynamodb.get_item(TableName="system-metadata", Key={"key": {"S": "last_rds_query_time"}})["Item"]
    assert item == {"key": {"S": "last_rds_query_time"}, "value": {"S": "2026-03-02T09:00:00Z"}}


def test_describe__any_database__changes_nothing(make_world: MakeWorld) -> None:
    world = make_world(status="available")
    world.report_query(NOW - timedelta(hours=2))
    before = world.dynamodb.scan(TableName="system-metadata")["Items"]
    world.calls.clear()
    world.lifecycle.describe(PROD)
    world.lifecycle.describe_all()
    assert sorted(set(world.calls)) == ["BatchGetItem", "DescribeDBInstances"]
    assert world.dynamodb.scan(TableName="system-metadata")["Items"] == before


def test_database__by_id__is_one_of_the_settings(make_world: MakeWorld) -> None:
    lifecycle = make_world(PROD, ANALYTICS).lifecycle
    assert lifecycle.database() == PROD
    assert lifecycle.database("analytics") == ANALYTICS
    with pytest.raises(UnknownDatabase):
        lifecycle.database("nope")


def test_restart__aws_fails_for_three_hours__is_carried_out_afterwards(make_world: MakeWorld) -> None:
    world = make_world()
    world.lifecycle.check()
    with failing(world.rds, "StartDBInstance", "Throttling"):
        with pytest.raises(AwsUnavailable):
            world.lifecycle.restart(PROD, by="ops")
        for _ in range(6):
            world.clock.advance(15)
            world.failed_check()
    with failing(world.rds, "DescribeDBInstances", "ServiceUnavailable", status=503):
        for _ in range(6):
            world.clock.advance(15)
            world.failed_check()
    world.clock.advance(15)
    assert world.check().action is Action.START
    assert "restart-expired" not in world.event_names()
