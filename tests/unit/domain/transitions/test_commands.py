"""Commands: restart, hold, and the end of a hold."""

from dataclasses import replace

import pytest

from chalicelib.domain.model import EventName, State, StatusInfo, Transition
from chalicelib.domain.record import AcceptedStart, DatabaseRecord, Hold, PendingRestart, StopIntent
from chalicelib.domain.transitions.commands import EndHold, RequestRestart, SetHold, apply_command
from tests.support import NOW
from tests.unit.domain.transitions.examples import AVAILABLE, RESTART, STOPPED, minutes, names

STOPPED_INFO = StatusInfo(State.STOPPED, startable=True)
STARTING_INFO = StatusInfo(State.STARTING)
STOPPING_INFO = StatusInfo(State.STOPPING)
AVAILABLE_INFO = StatusInfo(State.RUNNING, ready=True)
FAILED_INFO = StatusInfo(State.FAILED)

UNTIL = minutes(60)


@pytest.mark.parametrize(
    "info",
    [
        pytest.param(STOPPED_INFO, id="stopped"),
        pytest.param(STOPPING_INFO, id="stopping"),
        pytest.param(StatusInfo(State.BUSY), id="busy and not ready"),
        pytest.param(StatusInfo(State.FAILED, startable=True), id="failed but startable"),
        pytest.param(None, id="RDS did not respond"),
    ],
)
def test_request_restart__neither_available_nor_starting__becomes_pending(info: StatusInfo | None) -> None:
    transition = apply_command(DatabaseRecord(), RequestRestart("ops", NOW), info, NOW)
    assert transition.record == DatabaseRecord(pending_restart=RESTART, last_restart_requested_at=NOW)
    [event] = transition.events
    assert (event.name, event.by) == (EventName.RESTART_REQUESTED, "ops")


@pytest.mark.parametrize(
    "info",
    [pytest.param(AVAILABLE_INFO, id="available"), pytest.param(StatusInfo(State.BUSY, ready=True), id="busy")],
)
def test_request_restart__ready__counts_as_activity_and_is_not_recorded(info: StatusInfo) -> None:
    transition = apply_command(AVAILABLE, RequestRestart("ops", NOW), info, NOW)
    assert transition.record == replace(AVAILABLE, last_restart_requested_at=NOW)
    assert transition.events == ()


def test_request_restart__failed__changes_nothing() -> None:
    transition = apply_command(AVAILABLE, RequestRestart("ops", NOW), FAILED_INFO, NOW)
    assert (transition.record, transition.events) == (AVAILABLE, ())


def test_request_restart__failed_with_a_pending_restart__does_not_extend_it() -> None:
    pending = replace(STOPPED, pending_restart=RESTART, last_restart_requested_at=NOW)
    transition = apply_command(pending, RequestRestart("ops", minutes(3)), FAILED_INFO, minutes(3))
    assert (transition.record, transition.events) == (pending, ())


def test_request_restart__external_start_in_progress__is_kept_with_that_start() -> None:
    starting = replace(STOPPED, status="starting", status_changed_at=minutes(-2), started_by_aws=True)
    transition = apply_command(starting, RequestRestart("ops", NOW), STARTING_INFO, NOW)
    assert names(list(transition.events)) == [EventName.RESTART_REQUESTED]
    assert transition.record.pending_restart is None
    assert transition.record.accepted_start == AcceptedStart(minutes(-2), RESTART, external=True)
    assert transition.record.last_restart_requested_at == NOW
    assert not transition.record.started_by_aws


def test_request_restart__start_in_progress_and_its_time_unknown__is_kept_with_a_start_from_now() -> None:
    transition = apply_command(DatabaseRecord(), RequestRestart("ops", NOW), STARTING_INFO, NOW)
    assert transition.record.accepted_start == AcceptedStart(NOW, RESTART, external=True)


def test_request_restart__requested_start_in_progress__counts_as_activity_only() -> None:
    starting = replace(STOPPED, status="starting", accepted_start=AcceptedStart(NOW, RESTART))
    transition = apply_command(starting, RequestRestart("other", minutes(1)), STARTING_INFO, minutes(1))
    assert transition.record == replace(starting, last_restart_requested_at=minutes(1))
    assert transition.events == ()


def test_request_restart__another_is_pending__keeps_the_first_request_and_the_latest_time() -> None:
    first = apply_command(DatabaseRecord(), RequestRestart("ops", NOW), STOPPED_INFO, NOW).record
    second = apply_command(first, RequestRestart("other", minutes(3)), STOPPED_INFO, minutes(3))
    assert second.record == replace(first, pending_restart=RESTART, last_restart_requested_at=minutes(3))
    assert second.events == ()


def test_request_restart__clock_of_another_function_was_ahead__time_does_not_move_backwards() -> None:
    pending = replace(STOPPED, pending_restart=RESTART, last_restart_requested_at=minutes(3))
    assert apply_command(pending, RequestRestart("other", NOW), None, NOW).record == pending


def test_request_restart__earlier_start_failed__clears_the_error() -> None:
    failed = replace(STOPPED, last_error="InsufficientCapacity")
    assert apply_command(failed, RequestRestart("ops", NOW), STOPPED_INFO, NOW).record.last_error is None


def test_set_hold__available__is_recorded() -> None:
    transition = apply_command(AVAILABLE, SetHold(UNTIL, "ops"), AVAILABLE_INFO, NOW)
    assert transition.record == replace(AVAILABLE, hold=Hold(UNTIL, "ops"))
    [event] = transition.events
    assert (event.name, event.by) == (EventName.HOLD_SET, "ops")
    assert event.detail == "Kept available until 2026-03-02T10:00:00Z."


@pytest.mark.parametrize(
    ("info", "status", "later", "restarts"),
    [
        pytest.param(STOPPING_INFO, "available", 0, True, id="about to be stopped"),
        pytest.param(STOPPING_INFO, "stopping", 0, True, id="just stopped by the app"),
        pytest.param(None, "available", 0, True, id="about to be stopped, RDS did not respond"),
        pytest.param(STOPPING_INFO, "stopping", 5, False, id="stopped five minutes before"),
        pytest.param(STOPPED_INFO, "stopped", 0, False, id="has stopped"),
    ],
)
def test_set_hold__stop_intent_set__requests_a_restart_if_it_is_too_late(
    info: StatusInfo | None, status: str, later: float, *, restarts: bool
) -> None:
    stopping = replace(AVAILABLE, status=status, stop_intent=StopIntent(NOW, "Idle."))
    transition = apply_command(stopping, SetHold(UNTIL, "ops"), info, minutes(later))
    assert transition.record.pending_restart == (PendingRestart(minutes(later), "ops") if restarts else None)
    assert transition.record.hold == Hold(UNTIL, "ops")
    assert names(list(transition.events)) == [EventName.RESTART_REQUESTED] * restarts + [EventName.HOLD_SET]


def test_set_hold__the_same_hold_again__is_recorded_once() -> None:
    held = apply_command(DatabaseRecord(), SetHold(UNTIL, "ops"), None, NOW).record
    again = apply_command(held, SetHold(UNTIL, "ops"), None, minutes(1))
    assert (again.record, again.events) == (held, ())


def test_set_hold__another_hold__replaces_the_first() -> None:
    held = replace(AVAILABLE, hold=Hold(UNTIL, "ops"))
    transition = apply_command(held, SetHold(minutes(30), "other"), AVAILABLE_INFO, NOW)
    assert transition.record.hold == Hold(minutes(30), "other")
    assert names(list(transition.events)) == [EventName.HOLD_SET]


def test_end_hold__held__clears_the_hold() -> None:
    held = replace(AVAILABLE, hold=Hold(UNTIL, "ops"))
    transition = apply_command(held, EndHold("other"), AVAILABLE_INFO, NOW)
    assert transition.record == AVAILABLE
    [event] = transition.events
    assert (event.name, event.by) == (EventName.HOLD_ENDED, "other")


def test_end_hold__not_held__changes_nothing() -> None:
    transition = apply_command(AVAILABLE, EndHold("other"), AVAILABLE_INFO, NOW)
    assert (transition.record, transition.events) == (AVAILABLE, ())


def test_request_restart__next_pass_after_a_conflict__changes_nothing_more() -> None:
    command = RequestRestart("ops", NOW)
    first = apply_command(AVAILABLE, command, AVAILABLE_INFO, NOW).record
    assert first.last_restart_requested_at == NOW
    assert apply_command(first, command, AVAILABLE_INFO, minutes(1)) == Transition(first)
