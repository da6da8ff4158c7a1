"""Whole stories on moto with an RDS that takes its time, told as a user would tell them."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.activity import ActivitySource, MetricRule
from chalicelib.domain.errors import BadRequest, CannotStart, DatabaseNotFound, UnknownDatabase
from chalicelib.domain.model import Action, DatabaseRecord, DatabaseRef, Description, Kind, Reason, State, Transition
from chalicelib.domain.transitions.observations import apply_observation
from chalicelib.service.lifecycle import CheckFailed
from tests.support import ANALYTICS, NOW, PROD, START_MINUTES, STOP_MINUTES, World, a_world

BOTH_KINDS = pytest.mark.parametrize("ref", [PROD, ANALYTICS], ids=["instance", "cluster"])

pytestmark = pytest.mark.usefixtures("either_cloud")


@BOTH_KINDS
def test_asleep_restarted_used_left_alone_asleep_again(ref: DatabaseRef) -> None:
    with a_world(ref) as world:
        answer = world.lifecycle.restart(ref, by="ops")
        assert (answer.ready, answer.message) == (False, f"RDS {ref.kind} starting")
        assert answer.view.sighting.status == "starting"
        assert world.lifecycle.restart(ref, by="eve").message == "RDS already starting"

        world.wait(START_MINUTES)
        world.lifecycle.react(ref)
        assert world.status(ref) == "available"
        answer = world.lifecycle.restart(ref, by="ops")
        assert (answer.ready, answer.message) == (True, "RDS already available")

        world.wait(90, check_every=15)
        assert world.status(ref) == "stopped"
        assert world.told(ref) == [
            "first-seen", "restart-requested", "starting", "available", "stopping", "stopped"
        ]  # fmt: skip
        assert [event.get("by") for event in world.history(ref)[1:4]] == ["ops"] * 3
        assert world.history(ref)[4]["detail"].startswith("Idle for 1 h")


def test_queries_keep_it_up_and_it_stops_at_the_first_check_after_the_window() -> None:
    with a_world(status="available") as world:
        world.queried()
        world.wait(60, check_every=15)
        assert world.status() == "available"
        world.queried(world.clock.now)
        world.wait(60, check_every=15)
        assert world.status() == "available"
        world.wait(15, check_every=15)
        assert world.status() == "stopping"


def test_last_queried_yesterday_and_restarted_now_it_gets_a_full_idle_window() -> None:
    with a_world() as world:
        world.queried(NOW - timedelta(days=1))
        world.lifecycle.check()
        world.lifecycle.restart(PROD, by="ops")
        world.wait(START_MINUTES + 60, check_every=1)
        assert world.status() == "available"
        world.wait(2, check_every=1)
        assert world.status() == "stopping"


def test_started_by_hand_in_the_console_it_gets_a_full_idle_window() -> None:
    with a_world() as world:
        world.queried(NOW - timedelta(days=1))
        world.lifecycle.check()
        world.wait(30)
        world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
        world.wait(START_MINUTES)
        world.wait(60, check_every=15)
        assert world.status() == "available"
        view = world.lifecycle.describe(PROD)
        assert view.decision.last_activity is not None
        assert view.decision.last_activity.source is ActivitySource.STARTED
        world.wait(45, check_every=15)
        assert world.status() == "stopped"


def test_started_by_aws_after_seven_days_it_is_stopped_at_once() -> None:
    with a_world() as world:
        world.queried(NOW - timedelta(days=1))
        world.lifecycle.check()
        assert world.lifecycle.describe(PROD).sighting.automatic_restart_at == NOW + timedelta(days=7)
        world.clock.advance(days=7, minutes=1)
        world.lifecycle.check()
        assert world.status() == "starting"
        world.wait(START_MINUTES)
        [result] = world.lifecycle.check()
        assert (result.action, result.reason) == (Action.STOP, Reason.IDLE)
        assert result.detail.startswith("AWS started it by itself after seven days.")
        assert world.status() == "stopping"


def test_started_by_aws_with_no_activity_item_it_is_stopped_at_once_too() -> None:
    with a_world() as world:
        world.lifecycle.check()
        world.clock.advance(days=7, minutes=START_MINUTES)
        [result] = world.lifecycle.check()
        assert (result.action, result.detail) == (
            Action.STOP,
            "AWS started it by itself after seven days. No use of it is known.",
        )


def test_started_by_aws_while_somebody_queries_it_stays_up() -> None:
    with a_world() as world:
        world.lifecycle.check()
        world.clock.advance(days=7, minutes=START_MINUTES)
        world.queried()
        [result] = world.lifecycle.check()
        assert (result.action, result.reason) == (Action.NONE, Reason.RECENT_ACTIVITY)


def test_stopped_in_the_console_it_stays_stopped() -> None:
    with a_world(status="available") as world:
        world.queried()
        world.lifecycle.check()
        world.rds.stop_db_instance(DBInstanceIdentifier=PROD.id)
        world.wait(120, check_every=15)
        assert world.status() == "stopped"
        assert world.told()[-1] == "stopped"


@BOTH_KINDS
def test_a_restart_while_it_stops_brings_it_up_by_itself(ref: DatabaseRef) -> None:
    with a_world(ref, status="available") as world:
        world.queried(NOW - timedelta(hours=2), ref)
        world.lifecycle.check()
        assert world.status(ref) == "stopping"
        answer = world.lifecycle.restart(ref, by="ops")
        assert (answer.ready, answer.message) == (False, "RDS stopping; it will start as soon as it has stopped")
        assert answer.view.record.pending_restart is not None
        world.wait(STOP_MINUTES)
        outcome = world.lifecycle.react(ref)
        assert outcome.done is Action.START
        world.wait(START_MINUTES)
        world.lifecycle.react(ref)
        assert world.status(ref) == "available"
        assert world.record(ref).pending_restart is None


def test_an_event_that_comes_before_its_status_is_waited_for() -> None:
    with a_world(status="available") as world:
        world.queried(NOW - timedelta(hours=2))
        world.lifecycle.check()
        world.lifecycle.restart(PROD, by="ops")
        world.wait(STOP_MINUTES - 0.5)
        outcome = world.lifecycle.react(PROD)
        assert outcome.done is Action.START
        assert world.status() == "starting"


def test_an_event_of_a_change_that_never_comes_does_not_wait_for_ever() -> None:
    with a_world(status="starting") as world:
        began = world.clock.now
        outcome = world.lifecycle.react(PROD)
        assert outcome.found.state is State.STARTING
        assert world.clock.now - began <= timedelta(seconds=60)


def test_a_hold_keeps_it_up_and_ending_the_hold_lets_it_sleep() -> None:
    with a_world(status="available") as world:
        world.queried(NOW - timedelta(hours=2))
        view = world.lifecycle.hold(PROD, timedelta(hours=3), by="ops")
        assert (view.decision.reason, view.record.hold and view.record.hold.by) == (Reason.HELD, "ops")
        world.wait(120, check_every=15)
        assert world.status() == "available"
        view = world.lifecycle.end_hold(PROD, by="eve")
        assert view.decision.reason is Reason.IDLE
        assert world.status() == "available", "ending a hold stops nothing by itself"
        world.lifecycle.check()
        assert world.status() == "stopping"


def test_a_hold_that_runs_out_lets_it_sleep() -> None:
    with a_world(status="available") as world:
        world.queried(NOW - timedelta(hours=2))
        world.lifecycle.hold(PROD, NOW + timedelta(hours=2), by="ops")
        world.wait(119, check_every=7)
        assert world.status() == "available"
        world.wait(7, check_every=7)
        assert world.status() == "stopping"


@pytest.mark.parametrize("wanted", [timedelta(0), timedelta(hours=-1), timedelta(hours=168.1), NOW, NOW - timedelta(1)])
def test_a_hold_ends_within_the_next_168_hours(wanted: timedelta) -> None:
    with a_world(status="available") as world, pytest.raises(BadRequest):
        world.lifecycle.hold(PROD, wanted, by="ops")


def test_activity_reported_through_the_app_counts_like_a_query() -> None:
    with a_world(status="available") as world:
        world.queried(NOW - timedelta(hours=2))
        view = world.lifecycle.report_activity(PROD)
        assert view.decision.last_activity is not None
        assert (view.decision.last_activity.at, view.decision.last_activity.source) == (NOW, ActivitySource.QUERY)
        item = world.dynamodb.get_item(TableName="system-metadata", Key={"key": {"S": "last_rds_query_time"}})["Item"]
        assert item == {"key": {"S": "last_rds_query_time"}, "value": {"S": "2026-03-02T09:00:00Z"}}


def test_a_failed_database_cannot_be_started_and_says_what_to_do() -> None:
    with a_world(status="storage-full") as world:
        with pytest.raises(CannotStart, match=r"RDS reports storage-full, and cannot start it\. Give it more"):
            world.lifecycle.restart(PROD, by="ops")
        assert world.record().pending_restart is None


def test_a_restart_of_a_busy_database() -> None:
    with a_world(status="backing-up") as world:
        answer = world.lifecycle.restart(PROD, by="ops")
        assert (answer.ready, answer.message) == (True, "RDS already backing-up")
        assert world.record().pending_restart is None
    with a_world(status="rebooting") as world:
        answer = world.lifecycle.restart(PROD, by="ops")
        assert (answer.ready, answer.message) == (False, "RDS already rebooting")
        assert world.record().pending_restart is not None
        world.slow_rds.set_status(PROD.id, "available")
        world.lifecycle.check()
        assert world.record().pending_restart is None


def test_a_restart_that_cannot_be_carried_out_is_given_up_in_the_end() -> None:
    with a_world(status="rebooting") as world:
        world.lifecycle.restart(PROD, by="ops")
        world.wait(75, check_every=15)
        assert world.record().pending_restart is None
        assert world.told()[-1] == "restart-expired"
        world.slow_rds.set_status(PROD.id, "stopped")
        world.wait(30, check_every=15)
        assert world.status() == "stopped"


def test_garbage_in_the_activity_item_stops_nothing_is_reported_and_fails_the_check() -> None:
    with a_world(status="available") as world:
        world.activity_item({"S": "not a time"})
        with pytest.raises(CheckFailed, match="ss-financial-prod: activity-unreadable: The activity item does not"):
            world.lifecycle.check()
        assert world.status() == "available"
        assert world.lifecycle.describe(PROD).decision.reason is Reason.ACTIVITY_UNREADABLE


def test_a_status_never_heard_of_is_logged_as_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with a_world(status="levitating") as world:
        [result] = world.lifecycle.check()
        assert (result.action, result.reason) == (Action.NONE, Reason.BUSY)
    [warning] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "does not know the RDS status levitating" in warning.getMessage()


def test_a_look_changes_nothing() -> None:
    with a_world(status="available") as world:
        world.queried(NOW - timedelta(hours=2))
        before = world.dynamodb.scan(TableName="system-metadata")["Items"]
        world.calls.clear()
        world.lifecycle.describe(PROD)
        world.lifecycle.describe_all()
        assert sorted(set(world.calls)) == ["BatchGetItem", "DescribeDBInstances"]
        assert world.dynamodb.scan(TableName="system-metadata")["Items"] == before


def test_warm_up_starts_all_of_them() -> None:
    with a_world(PROD, ANALYTICS) as world:
        results = world.lifecycle.warm_up(by="warm_up")
        assert [result.detail for result in results] == ["RDS instance starting", "RDS cluster starting"]
        assert (world.status(), world.status(ANALYTICS)) == ("starting", "starting")


def test_names_are_those_of_the_settings() -> None:
    with a_world(PROD, ANALYTICS) as world:
        assert world.lifecycle.database() == PROD
        assert world.lifecycle.database("analytics") == ANALYTICS
        with pytest.raises(UnknownDatabase):
            world.lifecycle.database("nope")


THREE = [DatabaseRef(Kind.INSTANCE, name) for name in ("one", "two", "three")]


class TestSeveralDatabases:
    """One database's trouble is no other's."""

    def idle_three(self, world: World) -> None:
        for ref in THREE:
            world.queried(NOW - timedelta(hours=2), ref)

    def test_one_that_rds_does_not_know_does_not_keep_the_others_up(self) -> None:
        with a_world(*THREE, status="available") as world:
            self.idle_three(world)
            world.rds.delete_db_instance(DBInstanceIdentifier="two", SkipFinalSnapshot=True)
            with pytest.raises(CheckFailed) as failure:
                world.lifecycle.check()
            assert [(r.database, r.action, r.failed) for r in failure.value.results] == [
                ("one", Action.STOP, False),
                ("two", Action.NONE, True),
                ("three", Action.STOP, False),
            ]
            assert failure.value.results[1].reason == "database-not-found"
            assert world.status(THREE[0]) == world.status(THREE[2]) == "stopping"
            views = world.lifecycle.describe_all()
            assert isinstance(views[THREE[1]], DatabaseNotFound)

    def test_one_with_an_unreadable_activity_item_does_not_either(self) -> None:
        with a_world(*THREE, status="available") as world:
            self.idle_three(world)
            world.activity_item({"BOOL": True}, THREE[0])
            with pytest.raises(CheckFailed):
                world.lifecycle.check()
            assert [world.status(ref) for ref in THREE] == ["available", "stopping", "stopping"]

    def test_a_fault_in_our_own_code_met_before_the_metric_is_asked_does_not_either(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with a_world(*THREE, status="available", activity_metric=MetricRule("DatabaseConnections", 0)) as world:
            self.idle_three(world)
            for ref in THREE:
                world.measured(0, ref)

            def broken(record: DatabaseRecord, sighting: Description, *rest: Any) -> Transition:
                if sighting.ref.id == "one":
                    raise ZeroDivisionError
                return apply_observation(record, sighting, *rest)

            monkeypatch.setattr("chalicelib.service.reconciler.apply_observation", broken)
            with pytest.raises(CheckFailed, match="one: internal-error"):
                world.lifecycle.check()
            assert [world.status(ref) for ref in THREE] == ["available", "stopping", "stopping"]

    def test_a_fault_in_our_own_code_does_not_either(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with a_world(*THREE, status="available") as world:
            self.idle_three(world)
            real = world.lifecycle._checked

            def broken(ref: DatabaseRef, look: object) -> object:
                if ref.id == "one":
                    raise ZeroDivisionError
                return real(ref, look)  # type: ignore[arg-type]

            monkeypatch.setattr(world.lifecycle, "_checked", broken)
            with pytest.raises(CheckFailed, match="one: internal-error: A fault in rds-lifecycle itself"):
                world.lifecycle.check()
            assert [world.status(ref) for ref in THREE] == ["available", "stopping", "stopping"]


def test_a_hundred_databases_with_nothing_to_do_take_at_most_eight_calls() -> None:
    refs = [DatabaseRef(Kind.INSTANCE, f"instance-{n}") for n in range(50)]
    refs += [DatabaseRef(Kind.CLUSTER, f"cluster-{n}") for n in range(50)]
    with a_world(*refs) as world:
        world.lifecycle.check()
        world.calls.clear()
        results = world.lifecycle.check()
        assert len(results) == 100
        assert sorted(world.calls) == ["BatchGetItem", "BatchGetItem", "DescribeDBClusters", "DescribeDBInstances"]


def test_one_database_with_nothing_to_do_takes_two_calls() -> None:
    with a_world() as world:
        world.lifecycle.check()
        world.calls.clear()
        world.lifecycle.check()
        assert sorted(world.calls) == ["BatchGetItem", "DescribeDBInstances"]
