"""The RDS that takes its time behaves as the real one does, and as moto does where time plays no part."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from dev.local.rds import StatusChange
from tests.support import ANALYTICS, NOW, PROD, START_MINUTES, STOP_MINUTES, World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world(PROD, ANALYTICS) as it:
        it.slow_rds.take_events()
        it.slow_rds.take_status_changes()
        yield it


def event_ids(world: World) -> list[tuple[str, str]]:
    return [(event["detail"]["SourceIdentifier"], event["detail"]["EventID"]) for event in world.slow_rds.take_events()]


def test_a_start_takes_its_time_and_refuses_everything_meanwhile(world: World) -> None:
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


def test_a_stop_takes_its_time_and_says_when_aws_will_start_it_again(world: World) -> None:
    world.slow_rds.set_status(ANALYTICS.id, "available")
    world.slow_rds.take_events()
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


def test_after_seven_days_it_starts_by_itself(world: World) -> None:
    world.clock.advance(days=7, seconds=-1)
    assert world.status() == "stopped"
    world.clock.advance(seconds=1)
    assert world.status() == "starting"
    assert event_ids(world) == [(PROD.id, "RDS-EVENT-0154"), (ANALYTICS.id, "RDS-EVENT-0153")]
    world.clock.advance(START_MINUTES)
    assert world.status() == "available"
    [instance] = world.rds.describe_db_instances(DBInstanceIdentifier=PROD.id)["DBInstances"]
    assert "AutomaticRestartTime" not in instance


def test_transitions_are_told_in_order(world: World) -> None:
    world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
    world.clock.advance(START_MINUTES)
    world.slow_rds.set_status(PROD.id, "backing-up")
    assert world.slow_rds.take_status_changes() == [
        StatusChange(PROD.id, "stopped", "starting"),
        StatusChange(PROD.id, "starting", "available"),
        StatusChange(PROD.id, "available", "backing-up"),
    ]


def test_an_event_has_the_shape_of_eventbridge(world: World) -> None:
    world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
    world.clock.advance(START_MINUTES)
    [event] = world.slow_rds.take_events()
    assert event["source"] == "aws.rds"
    assert event["detail-type"] == "RDS DB Instance Event"
    assert event["time"] == "2026-03-02T09:04:00Z"
    assert event["resources"] == [event["detail"]["SourceArn"]]
    assert event["detail"]["SourceArn"].endswith(":db:ss-financial-prod")
    assert event["detail"]["SourceType"] == "DB_INSTANCE"
