"""Checks: which databases they stop, and how one database's failure affects the others."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.activity import AUTO, ActivitySource, MetricRule
from chalicelib.domain.errors import DatabaseNotFound
from chalicelib.domain.model import Action, DatabaseRef, Description, Kind, Reason, Transition
from chalicelib.domain.record import DatabaseRecord
from chalicelib.domain.transitions.observations import apply_observation
from chalicelib.service.lifecycle import CheckFailed
from tests.support import NOW, PROD, START_MINUTES, MakeWorld, World, create_world

THREE = [DatabaseRef(Kind.INSTANCE, name) for name in ("one", "two", "three")]


def test_check__queried_within_the_idle_timeout__stops_only_after_it(make_world: MakeWorld) -> None:
    world = make_world(status="available")
    for _ in range(2):
        world.report_query()
        world.wait(60, check_every=15)
        assert world.status() == "available"
    world.wait(15, check_every=15)
    assert world.status() == "stopping"


def test_check__started_in_the_console__gives_a_full_idle_timeout(make_world: MakeWorld) -> None:
    world = make_world()
    world.report_query(NOW - timedelta(days=1))
    world.lifecycle.check()
    world.wait(30)
    world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
    world.wait(START_MINUTES)
    world.wait(60, check_every=15)
    assert world.status() == "available"
    last = world.lifecycle.describe(PROD).decision.last_activity
    assert last is not None
    assert last.source is ActivitySource.STARTED
    world.wait(45, check_every=15)
    assert world.status() == "stopped"


def test_check__stopped_in_the_console__leaves_it_stopped(make_world: MakeWorld) -> None:
    world = make_world(status="available")
    world.report_query()
    world.lifecycle.check()
    world.rds.stop_db_instance(DBInstanceIdentifier=PROD.id)
    world.wait(120, check_every=15)
    assert world.status() == "stopped"
    assert world.event_names()[-1] == "stopped"


def test_check__started_by_aws_after_seven_days__stops_it_as_soon_as_available(make_world: MakeWorld) -> None:
    world = make_world()
    world.report_query(NOW - timedelta(days=1))
    world.lifecycle.check()
    assert world.lifecycle.describe(PROD).description.automatic_restart_at == NOW + timedelta(days=7)
    world.clock.advance(days=7, minutes=1)
    world.lifecycle.handle_event(PROD, automatic_start_announced=True)
    assert world.status() == "starting"
    world.wait(START_MINUTES)
    result = world.check()
    assert (result.action, result.reason) == (Action.STOP, Reason.IDLE)
    assert result.detail.startswith("AWS started it automatically after seven days.")
    assert world.status() == "stopping"


def test_check__started_by_aws_without_activity_item__stops_it(make_world: MakeWorld) -> None:
    world = make_world()
    world.lifecycle.check()
    world.clock.advance(days=7, minutes=START_MINUTES)
    result = world.lifecycle.handle_event(PROD, automatic_start_announced=True)
    assert result.decision.reason is Reason.METRIC_UNKNOWN, "CloudWatch has no datapoint of it yet"
    world.wait(5)
    assert world.check().action is Action.STOP
    assert world.history()[-1]["detail"] == (
        "AWS started it automatically after seven days. Idle for 7 days: rds-lifecycle first observed it at "
        "2026-03-02T09:00:00Z; the idle timeout is 1 h. No connection was open in that time."
    )


def test_check__started_by_aws_and_queried__leaves_it_available(make_world: MakeWorld) -> None:
    world = make_world()
    world.lifecycle.check()
    world.clock.advance(days=7, minutes=START_MINUTES)
    world.report_query()
    result = world.lifecycle.handle_event(PROD, automatic_start_announced=True)
    assert (result.action_taken, result.decision.reason) == (Action.NONE, Reason.RECENT_ACTIVITY)


def test_check__activity_item_is_not_a_time__fails_and_stops_nothing(make_world: MakeWorld) -> None:
    world = make_world(status="available")
    world.put_activity_item({"S": "not a time"})
    with pytest.raises(CheckFailed, match="ss-financial-prod: activity-unreadable: The time of the last query is"):
        world.lifecycle.check()
    assert world.status() == "available"
    assert world.lifecycle.describe(PROD).decision.reason is Reason.ACTIVITY_UNREADABLE


def test_check__unknown_status__is_busy_and_logs_a_warning(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    result = make_world(status="levitating").check()
    assert (result.action, result.reason) == (Action.NONE, Reason.BUSY)
    [warning] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "Unknown RDS status: levitating" in warning.getMessage()


class TestOneOfThreeFails:
    """Three idle databases; the check of one fails, the others are stopped."""

    @pytest.fixture
    def world(self, make_world: MakeWorld) -> World:
        world = make_world(*THREE, status="available", activity_metric=MetricRule("DatabaseConnections", 0))
        world.lifecycle.check()
        world.clock.advance(minutes=61)
        return world

    def assert_others_stopped(self, world: World) -> None:
        assert [world.status(ref) for ref in THREE] == ["available", "stopping", "stopping"]

    def test_check__unknown_to_rds__fails_for_this_one(self, world: World) -> None:
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
        assert isinstance(world.lifecycle.describe_all()[THREE[1]], DatabaseNotFound)

    def test_check__activity_item_is_not_a_time__fails_for_this_one(self, world: World) -> None:
        world.put_activity_item({"BOOL": True}, THREE[0])
        with pytest.raises(CheckFailed, match="The check of 1 of 3 databases failed"):
            world.lifecycle.check()
        self.assert_others_stopped(world)

    def test_check__internal_error__fails_for_this_one(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(record: DatabaseRecord, description: Description, *rest: Any) -> Transition:
            if description.ref.id == "one":
                raise ZeroDivisionError
            return apply_observation(record, description, *rest)

        monkeypatch.setattr("chalicelib.service.reconciler.apply_observation", broken)
        with pytest.raises(CheckFailed, match="one: internal-error: Internal error"):
            world.lifecycle.check()
        self.assert_others_stopped(world)


def test_check__one_database_with_nothing_to_do__makes_two_calls(make_world: MakeWorld) -> None:
    world = make_world()
    world.lifecycle.check()
    world.calls.clear()
    world.lifecycle.check()
    assert sorted(world.calls) == ["BatchGetItem", "DescribeDBInstances"]


@pytest.mark.parametrize(
    "rule", [pytest.param(AUTO, id="auto"), pytest.param(MetricRule("DatabaseConnections", 0), id="rule")]
)
def test_check__no_stop_depends_on_the_metric__does_not_ask_cloudwatch(make_world: MakeWorld, rule: MetricRule) -> None:
    world = make_world(status="available", activity_metric=rule)
    world.lifecycle.check()
    world.wait(45, check_every=15)
    world.report_query()
    world.wait(45, check_every=15)
    world.lifecycle.hold(PROD, timedelta(hours=1), by="ops")
    world.wait(45, check_every=15)
    assert "GetMetricData" not in world.calls
    world.wait(15, check_every=15)
    assert world.status() == "stopping"
    assert world.calls.count("GetMetricData") == 1


def test_check__metric_is_switched_off__stops_without_cloudwatch(make_world: MakeWorld) -> None:
    world = make_world(status="available", activity_metric=None)
    world.set_connections(25)
    world.lifecycle.check()
    world.wait(75, check_every=15)
    assert world.status() == "stopping"
    assert "GetMetricData" not in world.calls


@pytest.mark.parametrize(
    ("prefix", "reads"),
    [
        pytest.param("db", 3, id="two keys for each"),
        pytest.param("DB", 4, id="three keys for each, because of the spelling in DATABASES"),
    ],
)
@pytest.mark.parametrize("status", ["stopped", "available"])
def test_check__a_hundred_databases_with_nothing_to_do__makes_few_calls(prefix: str, reads: int, status: str) -> None:
    ids = [f"{prefix}-{kind}-{n}" for kind in Kind for n in range(50)]
    refs = [DatabaseRef(Kind.CLUSTER if "cluster" in i else Kind.INSTANCE, i.lower(), i) for i in ids]
    # moto takes seconds to create so many databases.
    with create_world(*refs, backend="simulated", status=status) as world:
        world.lifecycle.check()
        world.calls.clear()
        assert len(world.lifecycle.check()) == 100
        # 100 keys in one call, and one key more for the first database.
        assert sorted(world.calls) == ["BatchGetItem"] * reads + ["DescribeDBClusters", "DescribeDBInstances"]


def test_check__a_hundred_idle_databases__asks_cloudwatch_once() -> None:
    refs = [DatabaseRef(kind, f"{kind}-{n}") for kind in Kind for n in range(50)]
    with create_world(*refs, backend="simulated", status="available") as world:
        world.lifecycle.check()
        world.clock.advance(61)
        world.calls.clear()
        assert {result.action for result in world.lifecycle.check()} == {Action.STOP}
        assert world.calls.count("GetMetricData") == 1
