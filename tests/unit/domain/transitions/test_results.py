"""Results of actions: the response of RDS to a start or a stop."""

from dataclasses import replace

import pytest

from chalicelib.domain.errors import AwsError, CannotStart, CannotStop, InsufficientCapacity
from chalicelib.domain.model import Action, Decision, Event, EventName, Reason
from chalicelib.domain.record import AcceptedStart, StopIntent
from chalicelib.domain.transitions.results import (
    apply_decision,
    clear_stop_intent,
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
STOP = Decision(Action.STOP, Reason.IDLE, "Idle.")
STOP_CONNECTED = replace(STOP, open_connections=4)


@pytest.mark.parametrize(("decision", "connections"), [(STOP, None), (STOP_CONNECTED, 4)], ids=["none", "four"])
def test_set_stop_intent__available__stores_its_time_reason_and_open_connections(
    decision: Decision, connections: int | None
) -> None:
    transition = set_stop_intent(AVAILABLE, decision, NOW)
    expected = replace(AVAILABLE, stop_intent=StopIntent(NOW, "Idle.", connections))
    assert (transition.record, transition.events) == (expected, ())


def test_clear_stop_intent__set__clears_it() -> None:
    transition = clear_stop_intent(STOPPING)
    assert (transition.record, transition.events) == (AVAILABLE, ())


def test_start_accepted__restart_pending__is_starting_by_its_requester() -> None:
    before = replace(
        PENDING, stop_intent=StopIntent(NOW, "Idle."), last_error="AwsError", start_prevented_at=minutes(-15)
    )
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
    transition = stop_accepted(replace(STOPPING, started_by_aws=True), STOP, minutes(1))
    assert transition.record == replace(STOPPING, status="stopping", status_changed_at=minutes(1), available_since=None)
    assert transition.events == (Event(minutes(1), EventName.STOPPING, "rds-lifecycle", "Idle.", "stopping"),)


def test_stop_accepted__connections_open__records_their_number() -> None:
    [event] = stop_accepted(STOPPING, STOP_CONNECTED, minutes(1)).events
    assert (event.name, event.open_connections) == (EventName.STOPPING, 4)


@pytest.mark.parametrize("status", ["stopping", "stopped"])
def test_stop_accepted__already_recorded__changes_nothing(status: str) -> None:
    before = replace(STOPPING, status=status)
    transition = stop_accepted(before, STOP, NOW)
    assert (transition.record, transition.events) == (before, ())


def test_start_failed__no_capacity__keeps_the_restart_and_is_recorded_once() -> None:
    once = start_failed(PENDING, NO_CAPACITY, NOW)
    assert once.record == replace(PENDING, last_error="InsufficientCapacity", start_prevented_at=NOW)
    assert once.events == (Event(NOW, EventName.START_FAILED, "ops", "AWS has no capacity.", "stopped"),)
    again = start_failed(once.record, NO_CAPACITY, minutes(15))
    assert (again.record, again.events) == (replace(once.record, start_prevented_at=minutes(15)), ())


def test_start_failed__another_problem__does_not_count_as_missing_capacity() -> None:
    assert start_failed(PENDING, AwsError("AWS refused the call."), NOW).record.start_prevented_at is None


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


def test_stop_refused_while_running__once__keeps_the_intent_and_records_no_event() -> None:
    transition = stop_refused_while_running(STOPPING, NOW)
    assert (transition.record, transition.events) == (replace(STOPPING, last_error="InvalidState"), ())
    assert transition.record.was_stop_refused


@pytest.mark.parametrize("refusals", [2, 3, 10])
def test_stop_refused_while_running__several_times__is_one_event_without_advice_to_remove_it(refusals: int) -> None:
    record, events = STOPPING, list[Event]()
    for number in range(refusals):
        transition = stop_refused_while_running(record, minutes(15 * number))
        record = transition.record
        events += transition.events
    [event] = events
    assert (event.at, event.name, event.by) == (minutes(15), EventName.STOP_FAILED, "rds-lifecycle")
    assert "tried again" in event.detail
    assert "DATABASES" not in event.detail
    assert "replica" not in event.detail
    assert record.stop_intent == STOPPING.stop_intent
    assert record.was_stop_refused


def test_stop_refused_while_running__accepted_in_between__begins_again() -> None:
    refused = stop_refused_while_running(STOPPING, NOW).record
    stopped = stop_accepted(refused, STOP, minutes(1)).record
    assert not stopped.was_stop_refused
    assert stop_refused_while_running(replace(stopped, status="available"), minutes(90)).events == ()


@pytest.mark.parametrize(
    ("last_error", "expected"),
    [
        pytest.param(None, False, id="no error before"),
        pytest.param("AwsError", False, id="another error before"),
        pytest.param("CannotStop", False, id="refused permanently before"),
        pytest.param("InvalidState", True, id="refused for its state before"),
        pytest.param("InvalidStateAgain", True, id="refused for its state twice"),
    ],
)
def test_was_stop_refused__any_last_error__is_true_after_a_refusal_for_its_state(
    last_error: str | None, *, expected: bool
) -> None:
    assert replace(AVAILABLE, last_error=last_error).was_stop_refused is expected


UNKNOWN = Decision(Action.NONE, Reason.METRIC_UNKNOWN, "The metric is unknown.")
UNSUPPORTED = Decision(Action.NONE, Reason.CANNOT_STOP, "RDS cannot stop it.", check_fails=True)


def test_apply_decision__metric_unknown__keeps_since_when() -> None:
    first = apply_decision(AVAILABLE, UNKNOWN, NOW)
    assert (first.record, first.events) == (replace(AVAILABLE, metric_unknown_since=NOW), ())
    assert apply_decision(first.record, UNKNOWN, minutes(15)).record == first.record


@pytest.mark.parametrize(
    "reason", [reason for reason in Reason if reason not in (Reason.METRIC_UNKNOWN, Reason.CANNOT_STOP)]
)
def test_apply_decision__any_other_reason__clears_since_when_the_metric_is_unknown(reason: Reason) -> None:
    unknown = replace(AVAILABLE, metric_unknown_since=NOW)
    transition = apply_decision(unknown, Decision(Action.NONE, reason, "It is so."), minutes(15))
    assert (transition.record, transition.events) == (AVAILABLE, ())


def test_apply_decision__cannot_stop_and_check_fails__is_recorded_once() -> None:
    first = apply_decision(AVAILABLE, UNSUPPORTED, NOW)
    assert first.record == replace(AVAILABLE, last_error="StopUnsupported")
    assert first.events == (Event(NOW, EventName.STOP_FAILED, "rds-lifecycle", "RDS cannot stop it.", "available"),)
    again = apply_decision(first.record, replace(UNSUPPORTED, check_fails=False), minutes(15))
    assert (again.record, again.events) == (first.record, ())
