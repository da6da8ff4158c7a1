"""moto's RDS with the simulated behavior: responses, errors, events and changes of status."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

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
