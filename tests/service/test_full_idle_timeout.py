"""Databases that are new to the app, restored, or started by a person get a full idle timeout; AWS's own starts do not.

Only an event of RDS tells that AWS starts a database itself, and AWS does so at AutomaticRestartTime at the earliest.
"""

from datetime import timedelta

import pytest

from chalicelib.domain.model import DatabaseRef
from dev.local.aws import create_database
from tests.simulation.rds import SimulatedRds
from tests.support import ANALYTICS, NOW, PROD, START_MINUTES, MakeWorld, World, describing_status

SEVEN_DAYS = timedelta(days=7)


def assert_full_idle_timeout(world: World, ref: DatabaseRef = PROD) -> None:
    """The database, observed as available just now, is stopped after an idle timeout, and not before."""
    world.wait(60, check_every=15)
    assert world.status(ref) == "available"
    world.wait(15, check_every=15)
    assert world.status(ref) == "stopping"


def start_in_console(world: World) -> None:
    world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)


def announce_automatic_start(world: World, ref: DatabaseRef = PROD) -> None:
    """RDS-EVENT-0154 or RDS-EVENT-0153 arrives."""
    world.lifecycle.handle_event(ref, automatic_start_announced=True)


def restore_from_snapshot(world: World) -> None:
    """PROD exists again: another resource of the same id, which becomes available by way of a backup."""
    if isinstance(world.simulated_rds, SimulatedRds):
        world.simulated_rds.add(PROD, "creating")
    else:
        create_database(world.rds, PROD)
    for status in ("creating", "backing-up", "available"):
        world.simulated_rds.set_status(PROD.id, status)
        world.lifecycle.check()
        world.clock.advance(10)


class TestNewDatabase:
    """Whatever an activity item says, the idle timer begins with the first observation."""

    def test_database__item_is_that_of_another_one__gets_a_full_idle_timeout(self, make_world: MakeWorld) -> None:
        world = make_world(status="available")
        world.report_query(NOW - timedelta(days=1))
        assert world.check().reason == "no-activity-data"
        assert_full_idle_timeout(world)

    def test_database__deleted_and_restored_ten_days_later__gets_a_full_idle_timeout(self, idle: World) -> None:
        idle.wait(30, check_every=15)
        assert idle.status() == "stopped"
        resource_id = idle.record().resource_id
        idle.rds.delete_db_instance(DBInstanceIdentifier=PROD.id, SkipFinalSnapshot=True)
        idle.clock.advance(days=10)
        assert idle.failed_check().reason == "database-not-found"
        restore_from_snapshot(idle)
        assert idle.status() == "available"
        assert idle.record().resource_id != resource_id
        assert idle.event_names().count("replaced") == 1
        [replaced] = [event for event in idle.history() if event["event"] == "replaced"]
        assert replaced["detail"].startswith("Another database has this id now, for example a restored one.")
        assert "AWS" not in {event.get("by") for event in idle.history()}
        # Available since the backup, 20 minutes ago.
        idle.wait(40, check_every=20)
        assert idle.status() == "available"
        idle.wait(15)
        idle.lifecycle.check()
        assert idle.status() == "stopping"

    def test_database__deleted_while_available_and_restored__keeps_its_hold(self, idle: World) -> None:
        idle.lifecycle.hold(PROD, timedelta(hours=12), by="ops")
        idle.rds.delete_db_instance(DBInstanceIdentifier=PROD.id, SkipFinalSnapshot=True)
        idle.clock.advance(60)
        restore_from_snapshot(idle)
        idle.wait(180, check_every=15)
        assert (idle.check().reason, idle.status()) == ("held", "available")

    def test_database__restored_while_a_restart_is_pending__counts_the_restart_as_done(self, idle: World) -> None:
        idle.check()
        idle.lifecycle.restart(PROD, by="ops")
        idle.rds.delete_db_instance(DBInstanceIdentifier=PROD.id, SkipFinalSnapshot=True)
        idle.clock.advance(30)
        restore_from_snapshot(idle)
        assert idle.record().pending_restart is None
        assert idle.event_names()[-4:] == ["replaced", "first-seen", "available", "available"]
        assert idle.history()[-2]["by"] == "ops"


class TestStartedByAPerson:
    """No description shows who started a database. Without the event of RDS, it counts as started by a person."""

    @pytest.mark.parametrize("checked_at", [1, 3.5, 15, 120], ids=lambda minutes: f"checked after {minutes} min")
    def test_database__started_in_the_console_shortly_before_aws_would__gets_a_full_idle_timeout(
        self, stopped: World, checked_at: float
    ) -> None:
        stopped.report_query()
        stopped.clock.now = NOW + SEVEN_DAYS - timedelta(minutes=5)
        start_in_console(stopped)
        stopped.wait(checked_at)
        stopped.lifecycle.check()
        if checked_at < START_MINUTES:
            stopped.wait(START_MINUTES)
            stopped.lifecycle.check()
        assert stopped.check().reason == "recent-activity"
        assert_full_idle_timeout(stopped)

    def test_database__event_of_an_earlier_stop_arrives__gets_a_full_idle_timeout(self, stopped: World) -> None:
        stopped.report_query()
        stopped.clock.advance(days=3)
        start_in_console(stopped)
        announce_automatic_start(stopped)
        stopped.wait(START_MINUTES)
        announce_automatic_start(stopped)
        assert_full_idle_timeout(stopped)

    def test_database__started_by_aws_without_the_event__gets_a_full_idle_timeout(self, stopped: World) -> None:
        stopped.report_query()
        stopped.clock.advance(days=7, minutes=1)
        stopped.lifecycle.check()
        assert stopped.status() == "starting"
        assert stopped.history()[-1]["detail"] == (
            "It was started outside rds-lifecycle, or AWS started it after seven days without announcing it."
        )
        stopped.wait(START_MINUTES)
        stopped.lifecycle.check()
        assert_full_idle_timeout(stopped)

    def test_database__restart_requested_while_aws_starts_it__gets_a_full_idle_timeout(self, stopped: World) -> None:
        stopped.report_query()
        stopped.clock.advance(days=7, minutes=1)
        announce_automatic_start(stopped)
        stopped.lifecycle.restart(PROD, by="ops")
        stopped.wait(START_MINUTES)
        stopped.lifecycle.check()
        assert_full_idle_timeout(stopped)


class TestStartedByAws:
    """The event of RDS has come, and AutomaticRestartTime has passed: stopped as soon as it is available."""

    @pytest.mark.parametrize("ref", [PROD, ANALYTICS], ids=["instance", "cluster"])
    @pytest.mark.parametrize("minutes", [0, 2, START_MINUTES], ids=["at once", "while it starts", "when available"])
    def test_database__started_by_aws_and_announced__is_stopped_when_available(
        self, make_world: MakeWorld, ref: DatabaseRef, minutes: float
    ) -> None:
        world = make_world(ref)
        world.report_query(ref=ref)
        world.lifecycle.check()
        world.clock.advance(minutes, days=7)
        announce_automatic_start(world, ref)
        world.clock.now = NOW + SEVEN_DAYS + timedelta(minutes=START_MINUTES)
        world.lifecycle.check()
        assert world.status(ref) == "stopping"
        assert (world.event_names(ref)[-2], world.history(ref)[-2]["by"]) == ("available", "AWS")
        assert world.history(ref)[-1]["detail"].startswith("AWS started it automatically after seven days. Idle for")

    def test_database__announced_before_its_status_is_described__is_stopped_when_available(
        self, stopped: World
    ) -> None:
        stopped.report_query()
        stopped.clock.advance(days=7)
        with describing_status(stopped.rds, "DescribeDBInstances", "stopped"):
            announce_automatic_start(stopped)
        stopped.wait(START_MINUTES, check_every=1)
        assert stopped.status() == "stopping"
        assert [event["by"] for event in stopped.history() if event["event"] in ("starting", "available")] == [
            "AWS"
        ] * 2

    def test_database__announced_late__is_stopped_then(self, stopped: World) -> None:
        stopped.report_query()
        stopped.clock.advance(START_MINUTES, days=7)
        assert stopped.check().reason == "recent-activity"
        stopped.wait(16)
        announce_automatic_start(stopped)
        assert stopped.status() == "stopping"

    def test_database__managed_shortly_before_aws_starts_it__gets_an_idle_timeout_from_then_on(
        self, make_world: MakeWorld
    ) -> None:
        world = make_world()
        world.report_query()
        world.clock.advance(days=7, minutes=-20)
        world.lifecycle.check()
        world.wait(20)
        announce_automatic_start(world)
        world.wait(START_MINUTES)
        assert world.check().reason == "no-activity-data"
        world.clock.now = NOW + SEVEN_DAYS + timedelta(minutes=41)
        assert world.check().action == "stop"

    def test_database__started_by_aws_and_then_by_a_person__gets_a_full_idle_timeout(self, stopped: World) -> None:
        stopped.report_query()
        stopped.clock.advance(days=7)
        announce_automatic_start(stopped)
        stopped.wait(START_MINUTES)
        stopped.lifecycle.check()
        assert stopped.status() == "stopping"
        stopped.wait(15)
        stopped.lifecycle.check()
        start_in_console(stopped)
        stopped.wait(START_MINUTES)
        stopped.lifecycle.check()
        assert_full_idle_timeout(stopped)


def test_database__not_observed_for_days__gets_a_full_idle_timeout(make_world: MakeWorld) -> None:
    world = make_world(status="available")
    world.check()
    world.clock.advance(days=3)
    assert world.check().reason == "no-activity-data"
    world.wait(60, check_every=15)
    assert world.status() == "available"
    world.wait(15, check_every=15)
    assert world.status() == "stopping"


def test_database__not_observed_for_a_night__is_stopped_at_the_next_check(make_world: MakeWorld) -> None:
    world = make_world(status="available")
    world.check()
    world.clock.advance(minutes=20 * 60)
    assert world.check().action == "stop"
