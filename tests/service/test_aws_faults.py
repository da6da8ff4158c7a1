"""AWS throttles, does not respond, or refuses a start or a stop: nothing is stopped in use, and nothing is lost."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from chalicelib.domain.errors import (
    AccessDenied,
    AwsUnavailable,
    CannotStart,
    DatabaseNotFound,
    InsufficientCapacity,
)
from chalicelib.domain.model import Action, Reason
from tests.support import PROD, START_MINUTES, World, before_call, describing_status, failing, losing_response

SAVED = "The request is saved and will be carried out"
CONFLICT: dict[str, Any] = {"CancellationReasons": [{"Code": "TransactionConflict"}]}


@contextmanager
def failing_after(trigger: tuple[Any, str], *failures: tuple[Any, str, str, dict[str, Any]]) -> Iterator[None]:
    """The failures begin immediately before a call of the trigger: a client and an operation."""
    client, operation = trigger
    with ExitStack() as stack:

        def begin() -> None:
            for failed_client, failed_operation, code, options in failures:
                stack.enter_context(failing(failed_client, failed_operation, code, **options))

        with before_call(client, operation, begin):
            yield


class TestStart:
    """A stopped database that is restarted."""

    def test_restart__description_throttled__is_saved_and_carried_out(self, stopped: World) -> None:
        with failing(stopped.rds, "DescribeDBInstances", "Throttling"), pytest.raises(AwsUnavailable, match=SAVED):
            stopped.lifecycle.restart(PROD, by="ops")
        assert stopped.check().action is Action.START

    def test_restart__start_throttled__is_saved_and_carried_out(self, stopped: World) -> None:
        with failing(stopped.rds, "StartDBInstance", "Throttling"), pytest.raises(AwsUnavailable, match=SAVED):
            stopped.lifecycle.restart(PROD, by="ops")
        assert stopped.record().pending_restart is not None
        assert stopped.check().action is Action.START

    def test_restart__response_lost__is_not_lost(self, stopped: World) -> None:
        with losing_response(stopped.rds, "StartDBInstance", times=1), pytest.raises(AwsUnavailable):
            stopped.lifecycle.restart(PROD, by="ops")
        assert stopped.lifecycle.restart(PROD, by="ops").message == "RDS already starting"
        stopped.wait(START_MINUTES, check_every=1)
        assert stopped.status() == "available"
        assert stopped.event_names().count("starting") == 1

    def test_restart__cannot_be_saved__message_is_to_try_again(self, stopped: World) -> None:
        with (
            failing(stopped.dynamodb, "TransactWriteItems", "InternalServerError", status=500),
            pytest.raises(AwsUnavailable, match="Try again in a minute") as refusal,
        ):
            stopped.lifecycle.restart(PROD, by="ops")
        assert SAVED not in refusal.value.detail
        assert stopped.status() == "stopped"

    def test_restart__no_capacity__is_recorded_once_and_retried(self, stopped: World) -> None:
        with failing(stopped.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
            with pytest.raises(InsufficientCapacity):
                stopped.lifecycle.restart(PROD, by="ops")
            for _ in range(3):
                stopped.wait(15)
                assert stopped.failed_check().reason == "insufficient-capacity"
        assert stopped.event_names().count("start-failed") == 1
        stopped.wait(10)
        assert stopped.check().action is Action.START
        assert stopped.record().last_error is None

    @pytest.mark.parametrize(
        ("code", "cause"),
        [
            pytest.param("KMSKeyNotAccessibleFault", "RDS cannot use its KMS key", id="KMS key"),
            pytest.param(
                "InvalidParameterCombination",
                "RDS does not start databases of this engine or deployment type",
                id="engine",
            ),
        ],
    )
    def test_restart__action_required__is_cancelled(self, stopped: World, code: str, cause: str) -> None:
        with failing(stopped.rds, "StartDBInstance", code), pytest.raises(CannotStart, match=cause):
            stopped.lifecycle.restart(PROD, by="ops")
        assert stopped.record().pending_restart is None
        assert stopped.event_names()[-1] == "restart-cancelled"
        assert stopped.check().action is Action.NONE

    def test_restart__permission_missing__is_kept_and_names_the_permission(self, stopped: World) -> None:
        with (
            failing(stopped.rds, "StartDBInstance", "AccessDenied"),
            pytest.raises(AccessDenied, match="lacks the permission rds:StartDBInstance"),
        ):
            stopped.lifecycle.restart(PROD, by="ops")
        assert stopped.check().action is Action.START

    def test_restart__state_refused_repeatedly__fails_and_is_kept(self, stopped: World) -> None:
        with (
            failing(stopped.rds, "StartDBInstance", "InvalidDBInstanceState"),
            pytest.raises(AwsUnavailable, match="The state of the database is changing"),
        ):
            stopped.lifecycle.restart(PROD, by="ops")
        assert stopped.check().action is Action.START

    def test_restart__deleted_database__is_not_kept(self, stopped: World) -> None:
        stopped.rds.delete_db_instance(DBInstanceIdentifier=PROD.id, SkipFinalSnapshot=True)
        with pytest.raises(DatabaseNotFound):
            stopped.lifecycle.restart(PROD, by="ops")
        assert stopped.record().pending_restart is None


class TestStop:
    """An idle database, and a check that stops it."""

    def test_stop__response_lost__is_recorded_by_the_next_check(self, idle: World) -> None:
        with losing_response(idle.rds, "StopDBInstance", times=1):
            assert idle.failed_check().reason == "aws-unavailable"
        assert idle.record().stop_intent is not None
        assert idle.check().reason == Reason.STOPPING
        assert idle.history()[-1]["by"] == "rds-lifecycle"

    def test_stop__response_lost_and_retry_refused__restart_becomes_pending(self, idle: World) -> None:
        """botocore's second attempt is refused, because RDS accepted the first; and the description is stale."""
        with ExitStack() as stack:
            refusals = stack.enter_context(failing(idle.rds, "StopDBInstance", "InvalidDBInstanceState"))
            stale = stack.enter_context(ExitStack())

            def accept() -> None:
                idle.simulated_rds.set_status(PROD.id, "stopping")
                stale.enter_context(describing_status(idle.rds, "DescribeDBInstances", "available", times=3))

            stack.enter_context(before_call(idle.rds, "StopDBInstance", accept))
            assert idle.check().reason == Reason.STOPPING
            result = idle.lifecycle.restart(PROD, by="ops")
        assert len(refusals) == 1
        assert result.ready is False
        assert idle.record().pending_restart is not None
        idle.simulated_rds.set_status(PROD.id, "stopped")
        assert idle.lifecycle.handle_event(PROD).action_taken is Action.START
        assert [event["by"] for event in idle.history() if event["event"] == "stopped"] == ["rds-lifecycle"]

    def test_stop__state_refused_at_one_check__is_retried_at_the_next(self, idle: World) -> None:
        with failing(idle.rds, "StopDBInstance", "InvalidDBInstanceState") as refusals:
            result = idle.check()
        assert (result.action, result.reason) == (Action.NONE, Reason.STOPPING)
        assert len(refusals) == 1
        idle.wait(15)
        assert idle.check().action is Action.STOP
        assert idle.status() == "stopping"

    @pytest.mark.parametrize("code", ["InvalidDBInstanceState", "InvalidDBClusterStateFault"])
    def test_stop__state_refused_at_every_check__is_recorded_once_and_retried(self, idle: World, code: str) -> None:
        with failing(idle.rds, "StopDBInstance", code) as refusals:
            for _ in range(4):
                result = idle.check()
                assert (result.action, result.reason) == (Action.NONE, Reason.STOPPING)
                assert "tried again at a later check" in result.detail
                assert "Remove it" not in result.detail
                idle.wait(15)
        assert len(refusals) == 4
        assert idle.event_names().count("stop-failed") == 1
        assert idle.lifecycle.restart(PROD, by="ops").ready

    def test_stop__unsupported__fails_one_check_and_is_tried_again_the_next_day(self, idle: World) -> None:
        with failing(idle.rds, "StopDBInstance", "InvalidParameterCombination") as refusals:
            refused = idle.failed_check()
            assert (refused.reason, "Remove it from DATABASES" in refused.detail) == ("cannot-stop", True)
            for _ in range(3):
                idle.wait(15)
                assert idle.check().reason == Reason.CANNOT_STOP
            assert len(refusals) == 1
            idle.clock.advance(days=1)
            assert idle.failed_check().reason == "cannot-stop"
        assert len(refusals) == 2
        assert idle.record().stop_intent is None
        idle.clock.advance(days=1)
        assert idle.check().action is Action.STOP

    def test_stop__permission_missing__clears_the_stop_intent(self, idle: World) -> None:
        with failing(idle.rds, "StopDBInstance", "AccessDenied"):
            result = idle.failed_check()
        assert (result.reason, "rds:StopDBInstance" in result.detail) == ("missing-permission", True)
        assert idle.record().stop_intent is None
        assert idle.lifecycle.restart(PROD, by="ops").ready

    def test_stop__table_unavailable__calls_nothing(self, idle: World) -> None:
        with failing(idle.dynamodb, "BatchGetItem", "InternalServerError", status=500):
            assert idle.failed_check().reason == "aws-unavailable"
        with failing(idle.dynamodb, "TransactWriteItems", "ProvisionedThroughputExceededException"):
            assert idle.failed_check().reason == "aws-unavailable"
        assert "StopDBInstance" not in idle.calls

    def test_stop__recheck_fails__clears_the_stop_intent(self, idle: World) -> None:
        unreadable = (idle.dynamodb, "BatchGetItem", "InternalServerError", {"status": 500, "times": 1})
        with failing_after((idle.dynamodb, "TransactWriteItems"), unreadable):
            assert idle.failed_check().reason == "aws-unavailable"
        assert idle.status() == "available"
        assert idle.record().stop_intent is None

    @pytest.mark.parametrize(
        "failures",
        [
            pytest.param(
                [("TransactWriteItems", "InternalServerError", {"status": 500, "times": 1})], id="write fails"
            ),
            pytest.param(
                [("TransactWriteItems", "TransactionCanceledException", {"times": 8, **CONFLICT})],
                id="eight write conflicts",
            ),
            pytest.param(
                [
                    ("TransactWriteItems", "TransactionCanceledException", {"times": 1, **CONFLICT}),
                    ("BatchGetItem", "InternalServerError", {"status": 500, "times": 1}),
                ],
                id="write conflict, then read fails",
            ),
        ],
    )
    def test_stop__result_cannot_be_recorded__is_recorded_by_the_next_check(
        self, idle: World, failures: list[tuple[str, str, dict[str, Any]]]
    ) -> None:
        of_table = [(idle.dynamodb, *failure) for failure in failures]
        with failing_after((idle.rds, "StopDBInstance"), *of_table):
            assert idle.check().action is Action.STOP
        assert idle.event_names()[-1] != "stopping"
        idle.check()
        event = idle.history()[-1]
        assert (event["event"], event["by"]) == ("stopping", "rds-lifecycle")

    @pytest.mark.parametrize("code", ["AccessDenied", "SomethingUnheardOf"])
    def test_stop__refused__result_holds_no_message_of_aws(self, idle: World, code: str) -> None:
        with failing(idle.rds, "StopDBInstance", code):
            assert "123456789012" not in idle.failed_check().detail


def test_report_activity__rds_unavailable__is_saved(idle: World) -> None:
    with failing(idle.rds, "DescribeDBInstances", "Throttling"), pytest.raises(AwsUnavailable):
        idle.lifecycle.report_activity(PROD)
    assert idle.check().reason == Reason.RECENT_ACTIVITY
