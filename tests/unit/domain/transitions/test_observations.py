"""Observations: pending restarts, holds and stop intents that end, and the status of each day."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings

from chalicelib.domain.activity import NoActivity
from chalicelib.domain.decision import decide
from chalicelib.domain.errors import InsufficientCapacity
from chalicelib.domain.model import Action, Description, EventName, Observation, Policy, Reason, State, StatusInfo
from chalicelib.domain.record import AcceptedStart, DatabaseRecord, Hold, PendingRestart, StopIntent
from chalicelib.domain.statuses import CONSISTENCY_WINDOW, STOP_INTENT_TTL
from chalicelib.domain.transitions.commands import RequestRestart, apply_command
from chalicelib.domain.transitions.observations import apply_observation
from chalicelib.domain.transitions.results import start_failed
from tests.support import NOW, PROD
from tests.unit.domain.transitions.examples import (
    AVAILABLE,
    IN_SEVEN_DAYS,
    PENDING,
    POLICY,
    RESTART,
    STOPPED,
    minutes,
    names,
    names_and_initiators,
    observe,
)
from tests.unit.strategies import DESCRIPTIONS, POLICIES, RECORDS


def test_apply_observation__nothing_has_changed__returns_the_same_record_without_events() -> None:
    assert observe(AVAILABLE, "available", minutes(600)) == (AVAILABLE, [])
    assert observe(STOPPED, "stopped", automatic_restart_at=IN_SEVEN_DAYS) == (STOPPED, [])


@settings(max_examples=200)
@given(RECORDS, DESCRIPTIONS, POLICIES)
def test_apply_observation__any_record_observed_twice__records_nothing_the_second_time(
    record: DatabaseRecord, description: Description, policy: Policy
) -> None:
    once = apply_observation(record, description, policy, NOW)
    assert once.record.revision == record.revision
    again = apply_observation(once.record, description, policy, NOW)
    assert again.events == ()
    assert apply_observation(again.record, description, policy, NOW) == again


def test_daily_status__first_observation_of_the_day__is_recorded_once() -> None:
    yesterday = replace(STOPPED, last_daily_status_on=minutes(-24 * 60).date())
    description = Description(PROD, "stopped", IN_SEVEN_DAYS)
    first = apply_observation(yesterday, description, POLICY, NOW)
    assert [(event.name, event.status) for event in first.events] == [(EventName.DAILY_STATUS, "stopped")]
    assert apply_observation(first.record, description, POLICY, minutes(60)).events == ()
    next_day = apply_observation(first.record, description, POLICY, minutes(24 * 60))
    assert names(list(next_day.events)) == [EventName.DAILY_STATUS]


@pytest.mark.parametrize(
    ("last_error", "unsupported", "expected"),
    [
        pytest.param("CannotStop", None, None, id="RDS has refused: the stop is tried again"),
        pytest.param(
            "StopUnsupported", "it is a read replica", "StopUnsupported", id="the description says why: recorded once"
        ),
        pytest.param("AwsError", None, "AwsError", id="another error"),
    ],
)
def test_daily_status__last_error__is_cleared_where_only_a_refusal_said_that_it_cannot_stop(
    last_error: str, unsupported: str | None, expected: str | None
) -> None:
    refused = replace(AVAILABLE, last_error=last_error, last_daily_status_on=NOW.date())
    description = Description(PROD, "available", stop_unsupported=unsupported)
    same_day = apply_observation(refused, description, POLICY, minutes(600))
    assert same_day.record.last_error == last_error
    assert apply_observation(refused, description, POLICY, minutes(24 * 60)).record.last_error == expected


def test_daily_status__another_event_holds_the_status__is_not_recorded() -> None:
    started = apply_observation(STOPPED, Description(PROD, "starting"), POLICY, NOW)
    assert names(list(started.events)) == [EventName.STARTING]
    assert started.record.last_daily_status_on == NOW.date()


def test_daily_status__another_event_holds_no_status__is_recorded() -> None:
    held = replace(STOPPED, hold=Hold(NOW, "ops"))
    ended = apply_observation(held, Description(PROD, "stopped", IN_SEVEN_DAYS), POLICY, NOW)
    assert names(list(ended.events)) == [EventName.HOLD_ENDED, EventName.DAILY_STATUS]


def test_hold__expired__ends() -> None:
    held = replace(AVAILABLE, hold=Hold(minutes(5), "ops"))
    assert observe(held, "available", minutes(4)) == (held, [])
    record, events = observe(held, "available", minutes(5))
    assert names_and_initiators(events) == [(EventName.HOLD_ENDED, "ops")]
    assert record == AVAILABLE


def test_stop_intent__the_stop_did_not_take_place__is_cleared_when_it_expires() -> None:
    stopping = replace(AVAILABLE, stop_intent=StopIntent(NOW, "Idle."))
    just_before = NOW + STOP_INTENT_TTL - timedelta(seconds=1)
    assert observe(stopping, "available", just_before) == (stopping, [])
    assert observe(stopping, "available", NOW + STOP_INTENT_TTL) == (AVAILABLE, [])


def test_pending_restart__starting__is_carried_out() -> None:
    record, events = observe(PENDING, "starting", minutes(75))
    assert names_and_initiators(events) == [(EventName.STARTING, "ops")]
    assert (record.pending_restart, record.accepted_start) == (None, AcceptedStart(minutes(75), RESTART))


def test_pending_restart__available_before_the_start_was_recorded__is_carried_out() -> None:
    record, events = observe(PENDING, "available", minutes(6))
    assert names_and_initiators(events) == [(EventName.AVAILABLE, "ops")]
    assert (record.pending_restart, record.started_on_request) == (None, True)


def test_pending_restart__database_fails__is_cancelled_with_the_remedy() -> None:
    record, events = observe(PENDING, "storage-full", minutes(1))
    assert names_and_initiators(events) == [(EventName.FAILED, None), (EventName.RESTART_CANCELLED, "ops")]
    assert all("Allocate more storage" in event.detail for event in events)
    assert record.pending_restart is None


def test_pending_restart__not_carried_out_in_time__expires_and_is_recorded() -> None:
    record, events = observe(PENDING, "stopped", minutes(60), IN_SEVEN_DAYS)
    assert (record, events) == (PENDING, [])
    record, events = observe(PENDING, "stopped", minutes(61), IN_SEVEN_DAYS)
    assert names_and_initiators(events) == [(EventName.RESTART_EXPIRED, "ops")]
    assert record.pending_restart is None


def test_pending_restart__expires_after_a_failed_start__clears_the_error() -> None:
    record, _ = observe(replace(PENDING, last_error="InsufficientCapacity"), "stopped", minutes(61), IN_SEVEN_DAYS)
    assert record.last_error is None


def test_pending_restart__start_without_effect_is_observed_late__can_be_carried_out_for_the_ttl() -> None:
    starting = replace(STOPPED, status="starting", accepted_start=AcceptedStart(NOW, RESTART))
    record, events = observe(starting, "stopped", minutes(61), IN_SEVEN_DAYS)
    assert names_and_initiators(events) == [(EventName.START_FAILED, "ops")]
    assert record.pending_restart == RESTART
    assert observe(record, "stopped", minutes(61 + 60), IN_SEVEN_DAYS) == (record, [])
    _, events = observe(record, "stopped", minutes(61 + 61), IN_SEVEN_DAYS)
    assert names_and_initiators(events) == [(EventName.RESTART_EXPIRED, "ops")]


@pytest.mark.parametrize("duration", [90, 180], ids=["a stop of 90 minutes", "a stop of three hours"])
def test_pending_restart__requested_during_a_long_stop__is_kept_until_it_has_stopped(duration: int) -> None:
    stopping = replace(AVAILABLE, status="stopping", status_changed_at=NOW, available_since=None)
    record = apply_command(stopping, RequestRestart("ops", minutes(2)), StatusInfo(State.STOPPING), minutes(2)).record
    for minute in range(15, duration, 15):
        assert observe(record, "stopping", minutes(minute)) == (record, [])
    record, events = observe(record, "stopped", minutes(duration), IN_SEVEN_DAYS)
    assert names(events) == [EventName.STOPPED]
    assert record.pending_restart == PendingRestart(minutes(2), "ops")
    decision = decide(
        Observation(PROD, minutes(duration), Description(PROD, "stopped"), record, NoActivity()),
        record,
        POLICY,
        minutes(duration),
    )
    assert (decision.action, decision.reason) == (Action.START, Reason.RESTART_REQUESTED)


@pytest.mark.parametrize("status", ["maintenance", "rebooting", "a-later-status"])
def test_pending_restart__an_operation_takes_hours__is_kept(status: str) -> None:
    record, _ = observe(PENDING, status, minutes(1))
    assert observe(record, status, minutes(300)) == (record, [])
    record, _ = observe(record, "stopped", minutes(301), IN_SEVEN_DAYS)
    assert record.pending_restart == RESTART


def test_pending_restart__aws_has_no_capacity_for_hours__is_kept() -> None:
    no_capacity = InsufficientCapacity("AWS has no capacity.")
    record = PENDING
    for minute in range(15, 300, 15):
        record, events = observe(record, "stopped", minutes(minute), IN_SEVEN_DAYS)
        assert events == []
        record = start_failed(record, no_capacity, minutes(minute)).record
    assert record.pending_restart == RESTART


@pytest.mark.parametrize("status", ["inaccessible-encryption-credentials-recoverable", "incompatible-network"])
def test_pending_restart__database_fails_but_can_be_started__is_kept_for_the_ttl(status: str) -> None:
    record, events = observe(PENDING, status, minutes(1))
    assert names(events) == [EventName.FAILED]
    assert observe(record, status, minutes(61)) == (record, [])
    record, events = observe(record, status, minutes(62))
    assert names_and_initiators(events) == [(EventName.RESTART_EXPIRED, "ops")]
    assert record.pending_restart is None


def test_pending_restart__requested_while_it_stopped_and_described_as_available__is_kept_for_the_window() -> None:
    requested = replace(AVAILABLE, pending_restart=PendingRestart(NOW, "ops"), last_restart_requested_at=NOW)
    record, _ = observe(requested, "available", NOW + CONSISTENCY_WINDOW / 2)
    assert record.pending_restart == RESTART
    # It was stopping: the description was stale.
    assert observe(record, "stopping", minutes(2))[0].pending_restart == RESTART
    # It is still available: the stop was not carried out.
    assert observe(record, "available", NOW + CONSISTENCY_WINDOW)[0].pending_restart is None


def test_pending_restart__started_outside_while_rds_did_not_respond__is_kept_with_that_start() -> None:
    record = replace(
        STOPPED,
        status="starting",
        status_changed_at=minutes(-2),
        started_by_aws=True,
        pending_restart=RESTART,
        last_restart_requested_at=NOW,
    )
    record, events = observe(record, "starting", minutes(1))
    assert events == []
    assert record.pending_restart is None
    assert record.accepted_start == AcceptedStart(minutes(-2), RESTART, external=True)
    assert not record.started_by_aws
