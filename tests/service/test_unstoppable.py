"""Databases that RDS does not stop: never, not now, or at the price of a modification."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.model import DatabaseRef
from tests.support import ANALYTICS, NOW, PROD, STOP_MINUTES, MakeWorld, World, describing, failing

KINDS = [pytest.param(PROD, id="instance"), pytest.param(ANALYTICS, id="cluster")]

UNSTOPPABLE = [
    pytest.param(PROD, {"ReadReplicaSourceDBInstanceIdentifier": "main"}, "it is a read replica", id="replica"),
    pytest.param(
        PROD, {"ReadReplicaSourceDBClusterIdentifier": "main"}, "it is a read replica", id="replica of a cluster"
    ),
    pytest.param(PROD, {"ReadReplicaDBInstanceIdentifiers": ["copy"]}, "it has read replicas", id="source"),
    pytest.param(PROD, {"ReadReplicaDBClusterIdentifiers": ["copy"]}, "it has read replicas", id="source of a cluster"),
    pytest.param(PROD, {"DBClusterIdentifier": "main"}, "write cluster:main in DATABASES", id="member of a cluster"),
    pytest.param(
        PROD, {"Engine": "sqlserver-se", "MultiAZ": True}, "SQL Server instance with Multi-AZ", id="SQL Server Multi-AZ"
    ),
    pytest.param(ANALYTICS, {"Engine": "postgres"}, "it is a Multi-AZ DB cluster", id="Multi-AZ DB cluster"),
    pytest.param(ANALYTICS, {"EngineMode": "serverless"}, "Aurora Serverless v1 cluster", id="Serverless v1"),
    pytest.param(ANALYTICS, {"ReplicationSourceIdentifier": "arn:main"}, "it is a read replica", id="replica cluster"),
    pytest.param(ANALYTICS, {"ReadReplicaIdentifiers": ["arn:copy"]}, "it has read replicas", id="source cluster"),
]


def make_idle(make_world: MakeWorld, ref: DatabaseRef) -> World:
    """A running database that the app has observed, and that has been idle for two hours."""
    world = make_world(ref, status="available")
    world.lifecycle.check()
    world.clock.advance(120)
    return world


def describe_operation(ref: DatabaseRef) -> str:
    return f"DescribeDB{ref.kind.capitalize()}s"


@pytest.mark.parametrize(("ref", "fields", "cause"), UNSTOPPABLE)
def test_database__rds_can_never_stop_it__fails_one_check_and_is_not_tried(
    make_world: MakeWorld, ref: DatabaseRef, fields: dict[str, Any], cause: str
) -> None:
    world = make_idle(make_world, ref)
    with describing(world.rds, describe_operation(ref), fields):
        failed = world.failed_check()
        assert (failed.action, failed.reason) == ("none", "cannot-stop")
        assert cause in failed.detail
        for minutes in (15, 15, 24 * 60):
            world.clock.advance(minutes)
            assert world.check().reason == "cannot-stop"
    assert world.status(ref) == "available"
    assert [call for call in world.calls if call.startswith("StopDB")] == []
    assert world.event_names(ref).count("stop-failed") == 1


def test_database__rds_can_never_stop_it_and_it_is_used__fails_no_check(make_world: MakeWorld) -> None:
    world = make_idle(make_world, PROD)
    world.report_query()
    with describing(world.rds, "DescribeDBInstances", {"ReadReplicaDBInstanceIdentifiers": ["copy"]}):
        assert world.check().reason == "recent-activity"
    world.wait(75, check_every=15)
    assert world.status() == "stopping", "its replica has gone"


def test_database__sql_server_without_multi_az__is_stopped(make_world: MakeWorld) -> None:
    world = make_idle(make_world, PROD)
    with describing(world.rds, "DescribeDBInstances", {"Engine": "sqlserver-se", "MultiAZ": False}):
        assert world.check().action == "stop"


def test_cluster__a_member_is_busy_for_45_minutes__is_stopped_afterwards_without_a_failure(
    make_world: MakeWorld,
) -> None:
    world = make_idle(make_world, ANALYTICS)
    with failing(world.rds, "StopDBCluster", "InvalidDBInstanceState", times=3) as refusals:
        details = []
        for _ in range(3):
            details.append(world.check().detail)
            world.clock.advance(15)
        assert len(refusals) == 3
        assert world.check().action == "stop"
    assert all("tried again at a later check" in detail for detail in details)
    assert not any("Remove it" in detail or "replica" in detail for detail in details)
    assert world.event_names(ANALYTICS).count("stop-failed") == 1
    assert all("Remove it" not in event["detail"] for event in world.history(ANALYTICS))
    world.wait(STOP_MINUTES)
    assert world.status(ANALYTICS) == "stopped"


@pytest.mark.parametrize("status", ["scaling-compute", "scaling-capacity", "scaling-storage", "modifying"])
def test_cluster__scales_every_50_minutes_and_is_not_used__is_stopped(make_world: MakeWorld, status: str) -> None:
    world = make_world(ANALYTICS, status="available")
    world.lifecycle.check()
    world.wait(45, check_every=15)
    for _ in range(4):
        world.simulated_rds.set_status(ANALYTICS.id, status)
        world.wait(5, check_every=5)
        world.simulated_rds.set_status(ANALYTICS.id, "available")
        world.wait(15, check_every=15)
        if world.status(ANALYTICS) != "available":
            break
        world.wait(30, check_every=15)
    assert world.status(ANALYTICS) == "stopping"
    assert world.clock.now - NOW == timedelta(minutes=65), "the first check after the idle timeout"


@pytest.mark.parametrize("ref", KINDS)
def test_database__a_modification_waits_for_the_maintenance_window__is_stopped_after_it(
    make_world: MakeWorld, ref: DatabaseRef
) -> None:
    world = make_idle(make_world, ref)
    pending = {"PendingModifiedValues": {"DBInstanceClass": "db.m7g.large", "EngineVersion": "17.2"}}
    with describing(world.rds, describe_operation(ref), pending):
        for _ in range(3):
            result = world.check()
            assert (result.action, result.reason) == ("none", "pending-modifications")
            world.clock.advance(60)
    assert (
        "would discard modifications that wait for the maintenance window: DBInstanceClass, EngineVersion"
        in result.detail
    )
    assert [call for call in world.calls if call.startswith("StopDB")] == []
    assert "stop-failed" not in world.event_names(ref)
    assert world.check().action == "stop"


@pytest.mark.parametrize("ref", KINDS)
def test_database__no_modification_waits__is_stopped(make_world: MakeWorld, ref: DatabaseRef) -> None:
    world = make_idle(make_world, ref)
    nothing: dict[str, Any] = {"PendingModifiedValues": {"PendingCloudwatchLogsExports": {}, "ProcessorFeatures": []}}
    with describing(world.rds, describe_operation(ref), nothing):
        assert world.check().action == "stop"
