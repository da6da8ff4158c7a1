"""Results of actions: the response of RDS to a start or a stop."""

from dataclasses import replace

import pytest

from chalicelib.domain.errors import AwsError, CannotStart, CannotStop, InsufficientCapacity, InvalidState
from chalicelib.domain.model import AcceptedStart, Event, EventName, StopIntent
from chalicelib.domain.transitions.results import (
    clear_stop_intent,
    is_stop_refused_repeatedly,
    set_stop_intent,
    start_accepted,
    start_failed,
    stop_accepted,
    stop_failed,
    stop_refused_while_running,
)
from tests.support import NOW
from tests.unit.domain.transitions.examples import AVAILABLE, PENDING, RESTART, STOPPED, minutes

NO_CAPACITY = InsufficientCapacity("AWS has no capacity.")
STOPPING = replace(AVAILABLE, stop_intent=StopIntent(NOW, "Idle."))


def test_set_stop_intent__available__stores_its_time_and_reason() -> None:
    transition = set_stop_intent(AVAILABLE, "Idle.", NOW)
    assert (transition.record, transition.events) == (STOPPING, ())


def test_clear_stop_intent__set__clears_it() -> None:
    transition = clear_stop_intent(STOPPING)
    assert (transition.record, transition.events) == (AVAILABLE, ())


def test_start_accepted__restart_pending__is_starting_by_its_requester() -> None:
    before = replace(PENDING, stop_intent=StopIntent(NOW, "Idle."), last_error="AwsError")
    transition = start_accepted(before, minutes(1))
    assert transition.record == replace(
        PENDING,
        pending_restart=None,
        accepted_start=AcceptedStart(minutes(1), RESTART),
        status="starting",
        status_changed_at=minutes(1),
    )
    assert transition.events == (
        Event(minutes(1), EventName.STARTING, "ops", "RDS starts it, as requested.", "starting"),
    )


def test_start_accepted__already_recorded__changes_nothing() -> None:
    transition = start_accepted(AVAILABLE, NOW)
    assert (transition.record, transition.events) == (AVAILABLE, ())


def test_stop_accepted__stop_intent_set__is_stopping_by_the_app_and_keeps_the_intent() -> None:
    transition = stop_accepted(replace(STOPPING, started_by_aws=True), "Idle.", minutes(1))
    assert transition.record == replace(STOPPING, status="stopping", status_changed_at=minutes(1), available_since=None)
    assert transition.events == (Event(minutes(1), EventName.STOPPING, "rds-lifecycle", "Idle.", "stopping"),)


@pytest.mark.parametrize("status", ["stopping", "stopped"])
def test_stop_accepted__already_recorded__changes_nothing(status: str) -> None:
    before = replace(STOPPING, status=status)
    transition = stop_accepted(before, "Idle.", NOW)
    assert (transition.record, transition.events) == (before, ())


def test_start_failed__no_capacity__keeps_the_restart_and_is_recorded_once() -> None:
    once = start_failed(PENDING, NO_CAPACITY, NOW)
    assert once.record == replace(PENDING, last_error="InsufficientCapacity")
    assert once.events == (Event(NOW, EventName.START_FAILED, "ops", "AWS has no capacity.", "stopped"),)
    again = start_failed(once.record, NO_CAPACITY, minutes(15))
    assert (again.record, again.events) == (once.record, ())


def test_start_failed__different_problem_than_before__is_recorded() -> None:
    before = replace(PENDING, last_error="InsufficientCapacity")
    transition = start_failed(before, AwsError("AWS refused the call."), NOW)
    assert [event.name for event in transition.events] == [EventName.START_FAILED]
    assert transition.record.last_error == "AwsError"


@pytest.mark.parametrize(
    "before", [pytest.param(None, id="for the first time"), pytest.param("CannotStart", id="again")]
)
def test_start_failed__rds_cannot_start_it__cancels_the_restart(before: str | None) -> None:
    problem = CannotStart("RDS cannot use its KMS key.", "Fix that.")
    transition = start_failed(replace(PENDING, last_error=before), problem, NOW)
    assert transition.record == replace(PENDING, pending_restart=None, last_error="CannotStart")
    assert transition.events == (
        Event(NOW, EventName.RESTART_CANCELLED, "ops", "RDS cannot use its KMS key. Fix that.", "stopped"),
    )


def test_start_failed__restart_no_longer_pending__changes_nothing() -> None:
    transition = start_failed(STOPPED, NO_CAPACITY, NOW)
    assert (transition.record, transition.events) == (STOPPED, ())


def test_stop_failed__rds_cannot_stop_it__clears_the_intent_and_is_recorded_once() -> None:
    problem = CannotStop("RDS cannot stop it.", "Remove it from DATABASES.")
    once = stop_failed(STOPPING, problem, NOW)
    assert once.record == replace(AVAILABLE, last_error="CannotStop")
    detail = "RDS cannot stop it. Remove it from DATABASES."
    assert once.events == (Event(NOW, EventName.STOP_FAILED, "rds-lifecycle", detail, "available"),)
    again = stop_failed(replace(once.record, stop_intent=StopIntent(NOW, "Idle.")), problem, minutes(15))
    assert (again.record, again.events) == (once.record, ())


def test_stop_refused_while_running__stop_intent_set__keeps_the_intent() -> None:
    transition = stop_refused_while_running(STOPPING)
    assert (transition.record, transition.events) == (replace(STOPPING, last_error="InvalidState"), ())


@pytest.mark.parametrize(
    ("last_error", "expected"),
    [
        pytest.param(None, False, id="no error before"),
        pytest.param(AwsError.__name__, False, id="another error before"),
        pytest.param(InvalidState.__name__, True, id="refused for its state before"),
        pytest.param(CannotStop.__name__, True, id="refused permanently before"),
    ],
)
def test_is_stop_refused_repeatedly__any_last_error__is_true_after_a_refusal(
    last_error: str | None, *, expected: bool
) -> None:
    assert is_stop_refused_repeatedly(replace(AVAILABLE, last_error=last_error)) is expected
