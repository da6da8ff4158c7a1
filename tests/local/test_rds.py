"""moto's RDS with the simulated behavior: responses, errors, events and changes of status."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.model import DatabaseRef, Kind
from dev.local.aws import create_database
from tests.support import ANALYTICS, NOW, PROD, START_MINUTES, STOP_MINUTES, World, create_world


@pytest.fixture
def world() -> Iterator[World]:
    with create_world(PROD, ANALYTICS) as it:
        it.simulated_rds.take_events()
        it.simulated_rds.take_status_changes()
        yield it


def event_ids(world: World) -> list[tuple[str, str]]:
    details = [event["detail"] for event in world.simulated_rds.take_events()]
    return [(detail["SourceIdentifier"], detail["EventID"]) for detail in details]


def test_start__takes_time_and_rejects_other_requests_meanwhile(world: World) -> None:
    answer = world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
    assert answer["DBInstance"]["DBInstanceStatus"] == "starting"
    for call in (world.rds.start_db_instance, world.rds.stop_db_instance):
        with pytest.raises(world.rds.exceptions.InvalidDBInstanceStateFault):
            call(DBInstanceIdentifier=PROD.id)
    world.clock.advance(START_MINUTES, seconds=-1)
    assert world.status() == "starting"
    assert event_ids(world) == []
    world.clock.advance(seconds=1)
    assert world.status() == "available"
    assert event_ids(world) == [(PROD.id, "RDS-EVENT-0088")]
    assert event_ids(world) == []


def test_stop__takes_time_and_sets_the_automatic_restart_time(world: World) -> None:
    world.simulated_rds.set_status(ANALYTICS.id, "available")
    world.simulated_rds.take_events()
    world.rds.stop_db_cluster(DBClusterIdentifier=ANALYTICS.id)
    assert world.status(ANALYTICS) == "stopping"
    for call in (world.rds.start_db_cluster, world.rds.stop_db_cluster):
        with pytest.raises(world.rds.exceptions.InvalidDBClusterStateFault):
            call(DBClusterIdentifier=ANALYTICS.id)
    world.clock.advance(STOP_MINUTES)
    [cluster] = world.rds.describe_db_clusters(DBClusterIdentifier=ANALYTICS.id)["DBClusters"]
    assert cluster["Status"] == "stopped"
    assert cluster["AutomaticRestartTime"] == NOW + timedelta(minutes=STOP_MINUTES, days=7)
    assert event_ids(world) == [(ANALYTICS.id, "RDS-EVENT-0150")]


def test_stopped_database__after_seven_days__starts(world: World) -> None:
    world.clock.advance(days=7, seconds=-1)
    assert world.status() == "stopped"
    world.clock.advance(seconds=1)
    assert world.status() == "starting"
    assert event_ids(world) == [(PROD.id, "RDS-EVENT-0154"), (ANALYTICS.id, "RDS-EVENT-0153")]
    world.clock.advance(START_MINUTES)
    assert world.status() == "available"
    [instance] = world.rds.describe_db_instances(DBInstanceIdentifier=PROD.id)["DBInstances"]
    assert "AutomaticRestartTime" not in instance


def test_status_changes__are_reported_in_order_once(world: World) -> None:
    world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
    world.clock.advance(START_MINUTES)
    world.simulated_rds.set_status(PROD.id, "backing-up")
    changes = world.simulated_rds.take_status_changes()
    assert [(change.ref, change.before, change.after) for change in changes] == [
        (PROD, "stopped", "starting"),
        (PROD, "starting", "available"),
        (PROD, "available", "backing-up"),
    ]
    assert world.simulated_rds.take_status_changes() == []


def test_databases_of_moto__created_and_deleted__are_followed(world: World) -> None:
    world.rds.delete_db_instance(DBInstanceIdentifier=PROD.id, SkipFinalSnapshot=True)
    for call in (world.rds.describe_db_instances, world.rds.start_db_instance):
        with pytest.raises(world.rds.exceptions.DBInstanceNotFoundFault):
            call(DBInstanceIdentifier=PROD.id)
    world.rds.create_db_instance(DBInstanceIdentifier="another", DBInstanceClass="db.t4g.micro", Engine="postgres")
    world.rds.create_db_instance_read_replica(DBInstanceIdentifier="replica", SourceDBInstanceIdentifier="another")
    with pytest.raises(world.rds.exceptions.ClientError, match="InvalidParameterCombination"):
        world.rds.stop_db_instance(DBInstanceIdentifier="another")


def test_event__has_the_format_of_eventbridge(world: World) -> None:
    world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
    world.clock.advance(START_MINUTES)
    [event] = world.simulated_rds.take_events()
    assert event["source"] == "aws.rds"
    assert event["detail-type"] == "RDS DB Instance Event"
    assert event["time"] == "2026-03-02T09:04:00Z"
    assert event["resources"] == [event["detail"]["SourceArn"]]
    assert event["detail"]["SourceArn"] == "arn:aws:rds:us-east-1:123456789012:db:ss-financial-prod"
    assert event["detail"]["SourceType"] == "DB_INSTANCE"


def describe(world: World, instance_id: str = PROD.id) -> dict[str, Any]:
    [instance] = world.rds.describe_db_instances(DBInstanceIdentifier=instance_id)["DBInstances"]
    return dict(instance)


def create(world: World, instance_id: str) -> dict[str, Any]:
    created = world.rds.create_db_instance(
        DBInstanceIdentifier=instance_id, DBInstanceClass="db.t4g.micro", Engine="postgres", AllocatedStorage=20
    )
    return dict(created["DBInstance"])


def test_resource_ids__differ_between_databases_and_stay(world: World) -> None:
    another = create(world, "another")
    [cluster] = world.rds.describe_db_clusters(DBClusterIdentifier=ANALYTICS.id)["DBClusters"]
    assert re.fullmatch("db-[A-Z0-9]{26}", another["DbiResourceId"])
    assert re.fullmatch("cluster-[A-Z0-9]{26}", cluster["DbClusterResourceId"])
    assert another["DbiResourceId"] != describe(world)["DbiResourceId"]
    before = describe(world)["DbiResourceId"]
    world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
    world.clock.advance(START_MINUTES)
    assert describe(world)["DbiResourceId"] == before
    assert describe(world, "another")["DbiResourceId"] == another["DbiResourceId"]


def test_database_of_the_same_id__created_again__is_another_resource(world: World) -> None:
    before = describe(world)["DbiResourceId"]
    [cluster] = world.rds.describe_db_clusters(DBClusterIdentifier=ANALYTICS.id)["DBClusters"]
    world.rds.delete_db_instance(DBInstanceIdentifier=PROD.id, SkipFinalSnapshot=True)
    world.rds.delete_db_cluster(DBClusterIdentifier=ANALYTICS.id, SkipFinalSnapshot=True)
    # moto keeps the automated snapshot, and would not make another of the same minute.
    for snapshot in world.rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]:
        world.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=snapshot["DBClusterSnapshotIdentifier"])
    created = create(world, PROD.id)
    create_database(world.rds, ANALYTICS)
    assert describe(world)["DbiResourceId"] == created["DbiResourceId"] != before
    [again] = world.rds.describe_db_clusters(DBClusterIdentifier=ANALYTICS.id)["DBClusters"]
    assert again["DbClusterResourceId"] != cluster["DbClusterResourceId"]
    assert (world.status(), world.status(ANALYTICS)) == ("available", "available"), "not stopped, as the ones before"


@pytest.mark.parametrize("source", ["snapshot", "point-in-time", "replica"])
def test_resource_id__of_a_copy__is_its_own(world: World, source: str) -> None:
    world.simulated_rds.set_status(PROD.id, "available")
    if source == "snapshot":
        world.rds.create_db_snapshot(DBInstanceIdentifier=PROD.id, DBSnapshotIdentifier="saved")
        world.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="copy", DBSnapshotIdentifier="saved")
    elif source == "point-in-time":
        world.rds.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier=PROD.id, TargetDBInstanceIdentifier="copy", UseLatestRestorableTime=True
        )
    else:
        world.rds.create_db_instance_read_replica(DBInstanceIdentifier="copy", SourceDBInstanceIdentifier=PROD.id)
    assert describe(world)["DbiResourceId"] != describe(world, "copy")["DbiResourceId"]


def test_instance_renamed__keeps_its_resource_id(world: World) -> None:
    world.simulated_rds.set_status(PROD.id, "available")
    before = describe(world)["DbiResourceId"]
    world.rds.modify_db_instance(DBInstanceIdentifier=PROD.id, NewDBInstanceIdentifier="New-Name")
    renamed = describe(world, "new-name")
    assert (renamed["DBInstanceIdentifier"], renamed["DbiResourceId"]) == ("new-name", before)


@pytest.mark.parametrize("name", ["Orders-DB", "orders-db", "ORDERS-DB"])
def test_instance_id__is_stored_in_lower_case_and_found_without_regard_to_case(world: World, name: str) -> None:
    created = create(world, "Orders-DB")
    assert created["DBInstanceIdentifier"] == "orders-db"
    assert created["DBInstanceArn"].endswith(":db:orders-db")
    assert describe(world, name)["DBInstanceIdentifier"] == "orders-db"
    filters = [{"Name": "db-instance-id", "Values": ["orders-db"]}]
    [found] = world.rds.describe_db_instances(Filters=filters)["DBInstances"]
    assert found["DBInstanceIdentifier"] == "orders-db"
    world.rds.stop_db_instance(DBInstanceIdentifier=name)
    assert describe(world)["DBInstanceStatus"] == "stopped", "the other one"
    world.clock.advance(STOP_MINUTES)
    assert event_ids(world) == [("orders-db", "RDS-EVENT-0087")]
    assert world.rds.start_db_instance(DBInstanceIdentifier=name)["DBInstance"]["DBInstanceStatus"] == "starting"
    world.simulated_rds.set_status(name, "failed")
    assert describe(world, name)["DBInstanceStatus"] == "failed"
    with pytest.raises(world.rds.exceptions.DBInstanceAlreadyExistsFault):
        create(world, name)
    world.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    with pytest.raises(world.rds.exceptions.DBInstanceNotFoundFault):
        describe(world, "orders-db")


@pytest.mark.parametrize("name", ["Reports", "reports", "REPORTS"])
def test_cluster_id__is_stored_in_lower_case_and_found_without_regard_to_case(world: World, name: str) -> None:
    create_database(world.rds, DatabaseRef(Kind.CLUSTER, "Reports"))
    [cluster] = world.rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
    assert cluster["DBClusterIdentifier"] == "reports"
    world.rds.stop_db_cluster(DBClusterIdentifier=name)
    world.clock.advance(STOP_MINUTES)
    assert world.rds.start_db_cluster(DBClusterIdentifier=name)["DBCluster"]["Status"] == "starting"
    assert event_ids(world) == [("reports", "RDS-EVENT-0150")]
    world.rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
    with pytest.raises(world.rds.exceptions.DBClusterNotFoundFault):
        world.rds.describe_db_clusters(DBClusterIdentifier="reports")
