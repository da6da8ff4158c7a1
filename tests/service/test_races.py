"""Races: another function or person acts between two steps of a stop or of a restart."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.api.responses import database_to_json
from chalicelib.domain.errors import AwsError, AwsUnavailable
from chalicelib.domain.model import Action, Reason
from chalicelib.service.lifecycle import RestartResult
from tests.support import NOW, PROD, START_MINUTES, STOP_MINUTES, World, before_call, failing, hooked

CONFLICT: dict[str, Any] = {"CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}]}


def hold_of(world: World, hours: float = 1) -> Callable[[], None]:
    def hold() -> None:
        world.lifecycle.hold(PROD, timedelta(hours=hours), by="ops")

    return hold


def restart_of(world: World, results: list[RestartResult]) -> Callable[[], None]:
    return lambda: results.append(world.lifecycle.restart(PROD, by="ops"))


class TestStop:
    """An idle database, and a check that stops it."""

    def test_stop__undisturbed__makes_the_expected_calls(self, idle: World) -> None:
        idle.check()
        assert sorted(idle.calls[:2]) == ["BatchGetItem", "DescribeDBInstances"]
        assert idle.calls[2:] == [
            "GetMetricData", "TransactWriteItems", "BatchGetItem", "StopDBInstance", "TransactWriteItems"
        ]  # fmt: skip

    def test_stop__queried_before_the_recheck__is_prevented(self, idle: World) -> None:
        with before_call(idle.dynamodb, "BatchGetItem", idle.report_query, nth=2):
            result = idle.check()
        assert (result.action, result.reason) == (Action.NONE, Reason.RECENT_ACTIVITY)
        assert idle.status() == "available"
        assert idle.record().stop_intent is None
        assert "StopDBInstance" not in idle.calls

    def test_stop__activity_item_changes_to_an_old_time__is_prevented_once(self, idle: World) -> None:
        def report_late() -> None:
            idle.report_query(idle.clock.now - timedelta(minutes=90))

        with before_call(idle.dynamodb, "BatchGetItem", report_late, nth=2):
            result = idle.check()
        assert (result.action, result.reason) == (Action.NONE, Reason.RECENT_ACTIVITY)
        assert result.detail == "The activity item changed before the stop, so the database is in use."
        assert idle.status() == "available"
        assert idle.check().action is Action.STOP

    def test_stop__held_after_the_stop_intent__clears_the_intent_with_one_write(self, idle: World) -> None:
        with before_call(idle.dynamodb, "BatchGetItem", hold_of(idle), nth=2):
            idle.check()
        [_, hold, *_] = [number for number, call in enumerate(idle.calls) if call == "TransactWriteItems"]
        after_the_hold = idle.calls[hold + 1 :]
        assert after_the_hold[:2] == ["BatchGetItem", "TransactWriteItems"]
        assert after_the_hold.count("TransactWriteItems") == 1

    @pytest.mark.parametrize(
        ("operation", "nth"),
        [
            pytest.param("TransactWriteItems", 1, id="before the stop intent"),
            pytest.param("BatchGetItem", 2, id="after the stop intent"),
        ],
    )
    def test_stop__held_before_the_recheck__is_prevented(self, idle: World, operation: str, nth: int) -> None:
        with before_call(idle.dynamodb, operation, hold_of(idle), nth=nth):
            assert idle.check().reason == Reason.HELD
        assert idle.status() == "available"
        assert idle.record().stop_intent is None

    @pytest.mark.parametrize(
        ("operation", "nth"),
        [
            pytest.param("TransactWriteItems", 1, id="before the stop intent"),
            pytest.param("BatchGetItem", 2, id="after the stop intent"),
        ],
    )
    def test_stop__restart_before_the_recheck__is_prevented(self, idle: World, operation: str, nth: int) -> None:
        results: list[RestartResult] = []
        with before_call(idle.dynamodb, operation, restart_of(idle, results), nth=nth):
            assert idle.check().action is Action.NONE
        assert len(results) == 1
        assert idle.status() == "available"
        assert "StopDBInstance" not in idle.calls
        idle.wait(45, check_every=15)
        assert idle.status() == "available"

    def test_stop__restart_after_the_recheck__is_followed_by_a_start(self, idle: World) -> None:
        results: list[RestartResult] = []
        with before_call(idle.rds, "StopDBInstance", restart_of(idle, results)):
            assert idle.check().action is Action.STOP
        [result] = results
        assert (result.ready, result.message) == (False, "RDS stopping; it will start as soon as it has stopped")
        shown = database_to_json(result.view, idle.settings)
        assert (shown["status"], shown["state"], shown["ready"]) == ("available", "stopping", False)
        idle.wait(STOP_MINUTES)
        assert idle.lifecycle.handle_event(PROD).action_taken is Action.START
        idle.wait(START_MINUTES, check_every=1)
        assert idle.status() == "available"

    def test_stop__held_after_the_recheck__is_followed_by_a_start(self, idle: World) -> None:
        with before_call(idle.rds, "StopDBInstance", hold_of(idle, hours=3)):
            assert idle.check().action is Action.STOP
        idle.wait(STOP_MINUTES)
        assert idle.lifecycle.handle_event(PROD).action_taken is Action.START
        idle.wait(120, check_every=15)
        assert idle.status() == "available"

    def test_stop__two_checks_at_once__calls_rds_once(self, idle: World) -> None:
        others = []
        with before_call(idle.rds, "StopDBInstance", lambda: others.append(idle.check())):
            assert idle.check().action is Action.STOP
        assert [other.reason for other in others] == [Reason.STOPPING]
        assert idle.calls.count("StopDBInstance") == 1

    def test_stop__backup_begins__is_refused_without_a_failure(self, idle: World) -> None:
        with before_call(idle.rds, "StopDBInstance", lambda: idle.simulated_rds.set_status(PROD.id, "backing-up")):
            result = idle.check()
        assert (result.action, result.reason) == (Action.NONE, Reason.BUSY)
        assert idle.record().stop_intent is None

    def test_stop__earlier_attempt_was_accepted__keeps_the_stop_intent(self, idle: World) -> None:
        def stop() -> None:
            idle.rds.stop_db_instance(DBInstanceIdentifier=PROD.id)

        with before_call(idle.rds, "StopDBInstance", stop):
            result = idle.check()
        assert (result.reason, result.failed) == (Reason.STOPPING, False)
        assert idle.record().stop_intent is not None
        assert idle.status() == "stopping"

    def test_stop__refused_and_not_described__keeps_the_intent_and_is_tried_again(self, idle: World) -> None:
        with ExitStack() as faults, failing(idle.rds, "StopDBInstance", "InvalidDBInstanceState", times=1):

            def throttle() -> None:
                faults.enter_context(failing(idle.rds, "DescribeDBInstances", "Throttling", times=1))

            faults.enter_context(before_call(idle.rds, "StopDBInstance", throttle))
            assert idle.check().reason == Reason.STOPPING
        assert idle.record().stop_intent is not None
        idle.wait(STOP_MINUTES)
        assert idle.check().action is Action.STOP

    def test_stop__response_shows_the_status_before__is_recorded_as_stopping(self, idle: World) -> None:
        def show_status_before(parsed: Any, **_: Any) -> None:
            parsed["DBInstance"]["DBInstanceStatus"] = "available"

        with hooked(idle.rds, "after-call.*.StopDBInstance", show_status_before):
            assert idle.check().action is Action.STOP
        assert idle.record().status == "stopping"
        assert idle.event_names().count("stopping") == 1

    def test_stop__preparation_takes_too_long__starts_over(self, idle: World) -> None:
        with before_call(idle.dynamodb, "BatchGetItem", lambda: idle.clock.advance(seconds=31), nth=2):
            assert idle.check().action is Action.STOP
        assert idle.calls.count("StopDBInstance") == 1
        assert idle.calls.count("BatchGetItem") == 4


class TestRestart:
    """A stopped database, and several callers that change its record."""

    def test_restart__eight_at_once__starts_once(self, stopped: World) -> None:
        with ThreadPoolExecutor(8) as callers:
            results = list(callers.map(lambda n: stopped.lifecycle.restart(PROD, by=f"person-{n}"), range(8)))
        assert stopped.status() == "starting"
        assert stopped.event_names().count("starting") == 1
        assert stopped.event_names().count("restart-requested") == 1
        assert {result.message for result in results} <= {"RDS instance starting", "RDS already starting"}

    def test_restart__twenty_write_conflicts__succeeds(self, stopped: World) -> None:
        with failing(stopped.dynamodb, "TransactWriteItems", "TransactionCanceledException", times=20, **CONFLICT):
            assert stopped.lifecycle.restart(PROD, by="ops").message == "RDS instance starting"

    def test_restart__endless_write_conflicts__fails_before_api_gateway_does(self, stopped: World) -> None:
        with (
            failing(stopped.dynamodb, "TransactWriteItems", "TransactionCanceledException", **CONFLICT) as failures,
            pytest.raises(AwsUnavailable, match="Too many functions change this database"),
        ):
            stopped.lifecycle.restart(PROD, by="ops")
        assert 12 < len(failures) < 100
        assert timedelta(seconds=15) < stopped.clock.now - NOW < timedelta(seconds=20), "API Gateway ends it after 29 s"

    def test_restart__write_conflicts_and_slow_descriptions__fails_after_twelve(self, stopped: World) -> None:
        def slowly(**_: Any) -> None:
            stopped.clock.advance(seconds=3)

        with (
            failing(stopped.dynamodb, "TransactWriteItems", "TransactionCanceledException", **CONFLICT) as failures,
            hooked(stopped.rds, "before-call.*.DescribeDBInstances", slowly),
            pytest.raises(AwsUnavailable, match="Too many functions change this database"),
        ):
            stopped.lifecycle.restart(PROD, by="ops")
        assert len(failures) == 12

    def test_restart__transaction_cancelled_without_reasons__is_an_error(self, stopped: World) -> None:
        with (
            failing(stopped.dynamodb, "TransactWriteItems", "TransactionCanceledException"),
            pytest.raises(AwsError),
        ):
            stopped.lifecycle.restart(PROD, by="ops")
