"""Somebody else acts in the middle, AWS fails, the function is killed: nothing is stopped in use, nothing is lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.api.responses import database_to_json
from chalicelib.domain.errors import (
    AccessDenied,
    AwsError,
    AwsUnavailable,
    CannotStart,
    DatabaseNotFound,
    InsufficientCapacity,
)
from chalicelib.domain.model import Action, Reason
from chalicelib.service.lifecycle import CheckFailed, CheckResult
from tests.support import (
    NOW,
    PROD,
    START_MINUTES,
    STOP_MINUTES,
    World,
    a_world,
    answering,
    before_call,
    failing,
    hooked,
    unanswered,
)

pytestmark = pytest.mark.usefixtures("either_cloud")

DISTURBED: dict[str, Any] = {"CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}]}


class Killed(BaseException):
    """The function ends here, as when Lambda's time is up."""


def kill() -> None:
    raise Killed


@pytest.fixture
def idle() -> Iterator[World]:
    """A running database that nobody has queried for two hours, known to the app."""
    with a_world(status="available") as world:
        world.queried(NOW - timedelta(minutes=50))
        world.lifecycle.check()
        world.clock.advance(minutes=70)
        world.calls.clear()
        yield world


@pytest.fixture
def asleep() -> Iterator[World]:
    """A stopped database, known to the app."""
    with a_world() as world:
        world.lifecycle.check()
        world.calls.clear()
        yield world


def check(world: World) -> CheckResult:
    [result] = world.lifecycle.check()
    return result


def failed_check(world: World) -> CheckResult:
    with pytest.raises(CheckFailed) as failure:
        world.lifecycle.check()
    [result] = failure.value.results
    return result


class TestSomebodyElseInTheMiddle:
    """Other runs and other people, between any two steps of a stop."""

    def test_the_undisturbed_stop_takes_these_steps(self, idle: World) -> None:
        check(idle)
        steps = ["TransactWriteItems", "BatchGetItem", "StopDBInstance", "TransactWriteItems"]
        assert sorted(idle.calls[:2]) == ["BatchGetItem", "DescribeDBInstances"]
        assert idle.calls[2:] == steps

    def test_a_query_after_the_first_look_is_seen_by_the_second(self, idle: World) -> None:
        with before_call(idle.dynamodb, "BatchGetItem", idle.queried, nth=2):
            result = check(idle)
        assert (result.action, result.reason) == (Action.NONE, Reason.RECENT_ACTIVITY)
        assert idle.status() == "available"
        assert idle.record().stop_intent is None
        assert "StopDBInstance" not in idle.calls

    def test_an_activity_item_that_moves_at_all_prevents_the_stop(self, idle: World) -> None:
        def a_late_report() -> None:
            idle.queried(idle.clock.now - timedelta(minutes=90))

        with before_call(idle.dynamodb, "BatchGetItem", a_late_report, nth=2):
            result = check(idle)
        assert (result.action, result.reason) == (Action.NONE, Reason.RECENT_ACTIVITY)
        assert result.detail.startswith("The activity item changed while the stop was being prepared")
        assert idle.status() == "available"
        assert check(idle).action is Action.STOP

    def test_a_hold_before_the_fence_goes_up(self, idle: World) -> None:
        def hold() -> None:
            idle.lifecycle.hold(PROD, timedelta(hours=1), by="ops")

        with before_call(idle.dynamodb, "TransactWriteItems", hold):
            assert check(idle).reason == Reason.HELD
        assert idle.status() == "available"

    def test_a_hold_right_after_the_fence_went_up(self, idle: World) -> None:
        def hold() -> None:
            idle.lifecycle.hold(PROD, timedelta(hours=1), by="ops")

        with before_call(idle.dynamodb, "BatchGetItem", hold, nth=2):
            assert check(idle).reason == Reason.HELD
        assert idle.status() == "available"
        assert idle.record().stop_intent is None

    @pytest.mark.parametrize(("operation", "nth"), [("TransactWriteItems", 1), ("BatchGetItem", 2)])
    def test_a_restart_before_the_second_look_prevents_the_stop(self, idle: World, operation: str, nth: int) -> None:
        answers = []

        def restart() -> None:
            answers.append(idle.lifecycle.restart(PROD, by="ops"))

        with before_call(idle.dynamodb, operation, restart, nth=nth):
            assert check(idle).action is Action.NONE
        assert len(answers) == 1
        assert idle.status() == "available"
        assert "StopDBInstance" not in idle.calls
        idle.wait(45, check_every=15)
        assert idle.status() == "available"

    def test_a_restart_after_the_second_look_is_carried_out_after_the_stop(self, idle: World) -> None:
        answers = []

        def restart() -> None:
            answers.append(idle.lifecycle.restart(PROD, by="ops"))

        with before_call(idle.rds, "StopDBInstance", restart):
            assert check(idle).action is Action.STOP
        [answer] = answers
        assert (answer.ready, answer.message) == (False, "RDS stopping; it will start as soon as it has stopped")
        shown = database_to_json(answer.view, idle.settings)
        assert (shown["status"], shown["state"], shown["ready"]) == ("available", "stopping", False)
        idle.wait(STOP_MINUTES)
        assert idle.lifecycle.react(PROD).done is Action.START
        idle.wait(START_MINUTES, check_every=1)
        assert idle.status() == "available"

    def test_two_checks_at_once_stop_once(self, idle: World) -> None:
        others = []
        with before_call(idle.rds, "StopDBInstance", lambda: others.append(check(idle))):
            assert check(idle).action is Action.STOP
        assert [other.reason for other in others] == [Reason.STOPPING]
        assert idle.calls.count("StopDBInstance") == 1

    def test_a_backup_that_begins_makes_rds_refuse_and_that_is_no_failure(self, idle: World) -> None:
        with before_call(idle.rds, "StopDBInstance", lambda: idle.slow_rds.set_status(PROD.id, "backing-up")):
            result = check(idle)
        assert (result.action, result.reason) == (Action.NONE, Reason.BUSY)
        assert idle.record().stop_intent is None

    def test_rds_that_refuses_again_and_again_is_left_alone_till_the_next_check(self, idle: World) -> None:
        with failing(idle.rds, "StopDBInstance", "InvalidDBInstanceState") as refusals:
            result = check(idle)
        assert (result.action, result.reason) == (Action.NONE, Reason.STOPPING)
        assert len(refusals) == 1
        idle.wait(15)
        assert check(idle).action is Action.STOP
        assert idle.status() == "stopping"

    def test_rds_that_refuses_at_every_check_is_a_failure_told_once(self, idle: World) -> None:
        with failing(idle.rds, "StopDBInstance", "InvalidDBInstanceState"):
            check(idle)
            for _ in range(3):
                idle.wait(15)
                assert failed_check(idle).reason == "cannot-stop"
                assert idle.record().stop_intent is None
        assert idle.told().count("stop-failed") == 1
        assert idle.lifecycle.restart(PROD, by="ops").ready

    def test_a_replica_is_told_apart_from_a_state_that_passes(self, idle: World) -> None:
        idle.rds.create_db_instance_read_replica(
            DBInstanceIdentifier="a-replica", SourceDBInstanceIdentifier=PROD.id, DBInstanceClass="db.t4g.micro"
        )
        with failing(idle.rds, "StopDBInstance", "InvalidDBInstanceState"):
            results = [failed_check(idle) for _ in range(3)]
        assert {result.reason for result in results} == {"cannot-stop"}
        assert idle.told().count("stop-failed") == 1
        assert idle.record().stop_intent is None

    def test_a_hold_that_comes_too_late_to_prevent_the_stop_brings_it_up_again(self, idle: World) -> None:
        def hold() -> None:
            idle.lifecycle.hold(PROD, timedelta(hours=3), by="ops")

        with before_call(idle.rds, "StopDBInstance", hold):
            assert check(idle).action is Action.STOP
        idle.wait(STOP_MINUTES)
        assert idle.lifecycle.react(PROD).done is Action.START
        idle.wait(120, check_every=15)
        assert idle.status() == "available"

    def test_a_stop_that_takes_too_long_to_prepare_starts_over(self, idle: World) -> None:
        with before_call(idle.dynamodb, "BatchGetItem", lambda: idle.clock.advance(seconds=31), nth=2):
            assert check(idle).action is Action.STOP
        assert idle.calls.count("StopDBInstance") == 1
        assert idle.calls.count("BatchGetItem") == 4

    def test_impatient_clicks_at_once_start_once(self, asleep: World) -> None:
        with ThreadPoolExecutor(8) as people:
            answers = list(people.map(lambda n: asleep.lifecycle.restart(PROD, by=f"person-{n}"), range(8)))
        assert asleep.status() == "starting"
        assert asleep.told().count("starting") == 1
        assert asleep.told().count("restart-requested") == 1
        assert {answer.message for answer in answers} <= {"RDS instance starting", "RDS already starting"}

    def test_a_crowd_of_fifty_that_change_the_record_is_waited_for(self, asleep: World) -> None:
        with failing(asleep.dynamodb, "TransactWriteItems", "TransactionCanceledException", times=20, **DISTURBED):
            assert asleep.lifecycle.restart(PROD, by="ops").message == "RDS instance starting"

    def test_endless_disturbance_ends_in_a_clear_answer(self, asleep: World) -> None:
        with (
            failing(asleep.dynamodb, "TransactWriteItems", "TransactionCanceledException", **DISTURBED) as failures,
            pytest.raises(AwsUnavailable, match="Too many change this database"),
        ):
            asleep.lifecycle.restart(PROD, by="ops")
        assert 12 < len(failures) < 100
        assert timedelta(seconds=15) < asleep.clock.now - NOW < timedelta(seconds=20), "API Gateway gives up after 29 s"

    def test_where_every_look_takes_long_twelve_are_enough(self, asleep: World) -> None:
        def slowly(**_: Any) -> None:
            asleep.clock.advance(seconds=3)

        with (
            failing(asleep.dynamodb, "TransactWriteItems", "TransactionCanceledException", **DISTURBED) as failures,
            hooked(asleep.rds, "before-call.*.DescribeDBInstances", slowly),
            pytest.raises(AwsUnavailable, match="Too many change this database"),
        ):
            asleep.lifecycle.restart(PROD, by="ops")
        assert len(failures) == 12

    def test_a_refusal_that_gives_no_reasons_is_no_disturbance(self, asleep: World) -> None:
        with (
            failing(asleep.dynamodb, "TransactWriteItems", "TransactionCanceledException"),
            pytest.raises(AwsError),
        ):
            asleep.lifecycle.restart(PROD, by="ops")


class TestTheFunctionIsKilled:
    """Nobody cleans up after a killed function; the next run does."""

    def test_before_rds_hears_of_the_stop(self, idle: World) -> None:
        with before_call(idle.rds, "StopDBInstance", kill), pytest.raises(Killed):
            check(idle)
        assert idle.status() == "available"
        assert check(idle).reason == Reason.STOPPING, "somebody may still be about to stop it"
        assert idle.lifecycle.restart(PROD, by="ops").ready is False
        idle.wait(15)
        assert check(idle).reason == Reason.RECENT_ACTIVITY
        assert (idle.record().stop_intent, idle.record().pending_restart) == (None, None)
        assert idle.status() == "available"

    def test_after_rds_heard_of_the_stop(self, idle: World) -> None:
        with before_call(idle.dynamodb, "TransactWriteItems", kill, nth=2), pytest.raises(Killed):
            check(idle)
        assert idle.status() == "stopping"
        assert check(idle).reason == Reason.STOPPING
        event = idle.history()[-1]
        assert (event["event"], event["by"]) == ("stopping", "rds-lifecycle")
        assert event["detail"].startswith("Idle for 2 h")

    def test_after_the_restart_was_stored(self, asleep: World) -> None:
        with before_call(asleep.rds, "StartDBInstance", kill), pytest.raises(Killed):
            asleep.lifecycle.restart(PROD, by="ops")
        result = check(asleep)
        assert (result.action, result.reason) == (Action.START, Reason.RESTART_REQUESTED)

    def test_after_rds_heard_of_the_start(self, asleep: World) -> None:
        with before_call(asleep.dynamodb, "TransactWriteItems", kill, nth=2), pytest.raises(Killed):
            asleep.lifecycle.restart(PROD, by="ops")
        asleep.wait(START_MINUTES, check_every=1)
        assert asleep.told()[-3:] == ["restart-requested", "starting", "available"]
        assert asleep.history()[-1]["by"] == "ops"


class TestAwsFails:
    """Throttled, unreachable, forbidden, out of capacity."""

    def test_a_restart_while_rds_does_not_answer_is_carried_out_later(self, asleep: World) -> None:
        with (
            failing(asleep.rds, "DescribeDBInstances", "Throttling"),
            pytest.raises(AwsUnavailable, match="there is no need to ask again"),
        ):
            asleep.lifecycle.restart(PROD, by="ops")
        assert check(asleep).action is Action.START

    def test_a_start_that_is_throttled_is_tried_again(self, asleep: World) -> None:
        with (
            failing(asleep.rds, "StartDBInstance", "Throttling"),
            pytest.raises(AwsUnavailable, match="there is no need to ask again"),
        ):
            asleep.lifecycle.restart(PROD, by="ops")
        assert asleep.record().pending_restart is not None
        assert check(asleep).action is Action.START

    def test_a_start_whose_answer_is_lost_is_not_lost(self, asleep: World) -> None:
        with unanswered(asleep.rds, "StartDBInstance", times=1), pytest.raises(AwsUnavailable):
            asleep.lifecycle.restart(PROD, by="ops")
        assert asleep.lifecycle.restart(PROD, by="ops").message == "RDS already starting"
        asleep.wait(START_MINUTES, check_every=1)
        assert asleep.status() == "available"
        assert asleep.told().count("starting") == 1

    def test_a_stop_whose_answer_is_lost_is_told_all_the_same(self, idle: World) -> None:
        with unanswered(idle.rds, "StopDBInstance", times=1):
            assert failed_check(idle).reason == "aws-unavailable"
        assert idle.record().stop_intent is not None
        assert check(idle).reason == Reason.STOPPING
        assert idle.history()[-1]["by"] == "rds-lifecycle"

    def test_a_stop_whose_answer_is_lost_and_that_boto_tries_again(self, idle: World) -> None:
        """The second attempt is refused, because the first has been heard; and a description may lag behind."""
        with ExitStack() as stack:
            heard = stack.enter_context(failing(idle.rds, "StopDBInstance", "InvalidDBInstanceState"))
            stale = stack.enter_context(ExitStack())

            def hear() -> None:
                idle.slow_rds.set_status(PROD.id, "stopping")
                stale.enter_context(answering(idle.rds, "DescribeDBInstances", "available", times=3))

            stack.enter_context(before_call(idle.rds, "StopDBInstance", hear))
            assert check(idle).reason == Reason.STOPPING
            answer = idle.lifecycle.restart(PROD, by="ops")
        assert len(heard) == 1
        assert answer.ready is False
        assert idle.record().pending_restart is not None
        idle.slow_rds.set_status(PROD.id, "stopped")
        assert idle.lifecycle.react(PROD).done is Action.START
        assert [event["by"] for event in idle.history() if event["event"] == "stopped"] == ["rds-lifecycle"]

    def test_a_hold_is_not_answered_with_the_troubles_of_a_start(self, asleep: World) -> None:
        with failing(asleep.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
            with pytest.raises(InsufficientCapacity):
                asleep.lifecycle.restart(PROD, by="ops")
            assert asleep.lifecycle.hold(PROD, timedelta(hours=1), by="ops").record.hold is not None
            assert asleep.lifecycle.end_hold(PROD, by="ops").record.hold is None
        assert check(asleep).action is Action.START

    def test_a_table_that_does_not_answer_stops_nothing(self, idle: World) -> None:
        with failing(idle.dynamodb, "BatchGetItem", "InternalServerError", status=500):
            assert failed_check(idle).reason == "aws-unavailable"
        with failing(idle.dynamodb, "TransactWriteItems", "ProvisionedThroughputExceededException"):
            assert failed_check(idle).reason == "aws-unavailable"
        assert "StopDBInstance" not in idle.calls

    def test_a_table_that_fails_at_the_second_look_stops_nothing(self, idle: World) -> None:
        with ExitStack() as later:

            def go_down() -> None:
                later.enter_context(failing(idle.dynamodb, "BatchGetItem", "InternalServerError", status=500, times=1))

            with before_call(idle.dynamodb, "TransactWriteItems", go_down):
                assert failed_check(idle).reason == "aws-unavailable"
        assert idle.status() == "available"
        assert idle.record().stop_intent is None

    def test_what_was_done_but_cannot_be_written_down_is_told_by_the_next_look(self, idle: World) -> None:
        with ExitStack() as later:

            def go_down() -> None:
                later.enter_context(
                    failing(idle.dynamodb, "TransactWriteItems", "InternalServerError", status=500, times=1)
                )

            with before_call(idle.rds, "StopDBInstance", go_down):
                assert check(idle).action is Action.STOP
        assert idle.told()[-1] != "stopping"
        check(idle)
        assert idle.history()[-1]["event"] == "stopping"
        assert idle.history()[-1]["by"] == "rds-lifecycle"

    def test_a_record_that_never_holds_still_hides_nothing_that_was_done(self, idle: World) -> None:
        with ExitStack() as later:

            def stir() -> None:
                reasons: Any = {"CancellationReasons": [{"Code": "TransactionConflict"}]}
                code = "TransactionCanceledException"
                later.enter_context(failing(idle.dynamodb, "TransactWriteItems", code, times=8, **reasons))

            with before_call(idle.rds, "StopDBInstance", stir):
                assert check(idle).action is Action.STOP
        assert idle.told()[-1] != "stopping"
        check(idle)
        assert idle.told()[-1] == "stopping"

    def test_a_table_that_is_gone_after_the_deed_hides_nothing_that_was_done(self, idle: World) -> None:
        with ExitStack() as later:

            def stir_and_go() -> None:
                reasons: Any = {"CancellationReasons": [{"Code": "TransactionConflict"}]}
                code = "TransactionCanceledException"
                later.enter_context(failing(idle.dynamodb, "TransactWriteItems", code, times=1, **reasons))
                later.enter_context(failing(idle.dynamodb, "BatchGetItem", "InternalServerError", status=500, times=1))

            with before_call(idle.rds, "StopDBInstance", stir_and_go):
                assert check(idle).action is Action.STOP
        check(idle)
        assert idle.told()[-1] == "stopping"

    def test_a_restart_that_cannot_be_stored_says_so(self, asleep: World) -> None:
        with (
            failing(asleep.dynamodb, "TransactWriteItems", "InternalServerError", status=500),
            pytest.raises(AwsUnavailable, match="try again in a little while") as refusal,
        ):
            asleep.lifecycle.restart(PROD, by="ops")
        assert "no need to ask again" not in refusal.value.detail
        assert asleep.status() == "stopped"

    def test_no_capacity_is_told_once_and_tried_until_there_is(self, asleep: World) -> None:
        with failing(asleep.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
            with pytest.raises(InsufficientCapacity):
                asleep.lifecycle.restart(PROD, by="ops")
            for _ in range(3):
                asleep.wait(15)
                assert failed_check(asleep).reason == "insufficient-capacity"
        assert asleep.told().count("start-failed") == 1
        asleep.wait(10)
        assert check(asleep).action is Action.START
        assert asleep.record().last_error is None

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("KMSKeyNotAccessibleFault", "RDS cannot use its KMS key"),
            ("InvalidParameterCombination", "RDS does not start databases of this make"),
        ],
    )
    def test_a_start_that_a_person_has_to_mend_drops_the_restart(self, asleep: World, code: str, words: str) -> None:
        with failing(asleep.rds, "StartDBInstance", code), pytest.raises(CannotStart, match=words):
            asleep.lifecycle.restart(PROD, by="ops")
        assert asleep.record().pending_restart is None
        assert asleep.told()[-1] == "restart-cancelled"
        assert check(asleep).action is Action.NONE

    def test_a_missing_permission_to_start_keeps_the_restart_and_names_the_permission(self, asleep: World) -> None:
        with (
            failing(asleep.rds, "StartDBInstance", "AccessDenied"),
            pytest.raises(AccessDenied, match="lacks the permission rds:StartDBInstance"),
        ):
            asleep.lifecycle.restart(PROD, by="ops")
        assert check(asleep).action is Action.START

    def test_a_missing_permission_to_stop_leaves_no_fence(self, idle: World) -> None:
        with failing(idle.rds, "StopDBInstance", "AccessDenied"):
            result = failed_check(idle)
        assert (result.reason, "rds:StopDBInstance" in result.detail) == ("missing-permission", True)
        assert idle.record().stop_intent is None
        assert idle.lifecycle.restart(PROD, by="ops").ready

    @pytest.mark.parametrize("code", ["InvalidParameterCombination", "InvalidDBClusterStateFault"])
    def test_what_rds_can_never_stop_is_said_plainly_and_told_once(self, idle: World, code: str) -> None:
        with failing(idle.rds, "StopDBInstance", code):
            for _ in range(3):
                result = failed_check(idle)
        assert result.reason == "cannot-stop"
        assert "read replicas" in result.detail
        assert idle.told().count("stop-failed") == 1

    def test_rds_that_keeps_refusing_a_start_ends_in_a_clear_answer(self, asleep: World) -> None:
        with (
            failing(asleep.rds, "StartDBInstance", "InvalidDBInstanceState"),
            pytest.raises(AwsUnavailable, match="RDS is changing its state"),
        ):
            asleep.lifecycle.restart(PROD, by="ops")
        assert check(asleep).action is Action.START

    def test_a_database_that_is_gone_is_not_asked_for(self, asleep: World) -> None:
        asleep.rds.delete_db_instance(DBInstanceIdentifier=PROD.id, SkipFinalSnapshot=True)
        with pytest.raises(DatabaseNotFound):
            asleep.lifecycle.restart(PROD, by="ops")
        assert asleep.record().pending_restart is None

    def test_activity_is_kept_even_if_rds_does_not_answer(self, idle: World) -> None:
        with failing(idle.rds, "DescribeDBInstances", "Throttling"), pytest.raises(AwsUnavailable):
            idle.lifecycle.report_activity(PROD)
        assert check(idle).reason == Reason.RECENT_ACTIVITY

    def test_no_answer_shows_what_only_the_operator_may_see(self, idle: World) -> None:
        for code in ("AccessDenied", "SomethingUnheardOf"):
            with failing(idle.rds, "StopDBInstance", code):
                assert "123456789012" not in failed_check(idle).detail
