"""Another database under the same name, such as a restored one: the record starts afresh."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings

from chalicelib.domain.activity import LastQuery
from chalicelib.domain.decision import decide
from chalicelib.domain.model import Action, Description, EventName, Observation, Reason
from chalicelib.domain.record import AcceptedStart, DatabaseRecord, Hold, StopIntent
from chalicelib.domain.transitions.observations import apply_observation
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
    observe,
)
from tests.unit.strategies import DESCRIPTIONS, RECORDS

FIRST, SECOND = "db-FIRST", "db-SECOND"
HOLD = Hold(minutes(3 * 24 * 60), "ops")
OLD = DatabaseRecord(
    revision=7,
    resource_id=FIRST,
    status="stopped",
    status_changed_at=minutes(-600),
    available_since=minutes(-900),
    started_on_request=True,
    first_observed_at=minutes(-9000),
    stop_intent=StopIntent(NOW, "Idle."),
    start_durations=(240, 300),
    automatic_restart_at=IN_SEVEN_DAYS,
    started_by_aws=True,
    start_prevented_at=minutes(-5),
    metric_unknown_since=minutes(-5),
    last_error="CannotStop",
    last_daily_status_on=NOW.date(),
)
"""A record in which almost every field is set."""


@pytest.mark.parametrize("status", ["creating", "backing-up", "available", "stopped", "starting", "storage-full"])
def test_replaced__another_resource_id__starts_afresh_with_an_event(status: str) -> None:
    record, events = observe(OLD, status, minutes(1), resource_id=SECOND)
    assert names(events) == [EventName.REPLACED, EventName.FIRST_SEEN]
    is_ready = status in ("backing-up", "available")
    assert record == DatabaseRecord(
        revision=7,
        resource_id=SECOND,
        status=status,
        status_changed_at=minutes(1),
        first_observed_at=minutes(1),
        available_since=minutes(1) if is_ready else None,
        last_daily_status_on=NOW.date(),
    )
    again, events = observe(record, status, minutes(2), resource_id=SECOND)
    assert (again, events) == (record, [])


def test_replaced__held__keeps_the_hold() -> None:
    record, events = observe(replace(OLD, hold=HOLD), "available", minutes(1), resource_id=SECOND)
    assert record.hold == HOLD
    assert names(events) == [EventName.REPLACED, EventName.FIRST_SEEN]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(replace(OLD, pending_restart=RESTART, last_restart_requested_at=NOW), id="restart pending"),
        pytest.param(
            replace(OLD, status="starting", accepted_start=AcceptedStart(NOW, RESTART), last_restart_requested_at=NOW),
            id="start accepted",
        ),
    ],
)
def test_replaced__restart_pending_or_accepted__is_pending(record: DatabaseRecord) -> None:
    after, _ = observe(record, "creating", minutes(1), resource_id=SECOND)
    assert (after.pending_restart, after.last_restart_requested_at, after.accepted_start) == (RESTART, NOW, None)
    stopped, _ = observe(record, "stopped", minutes(1), resource_id=SECOND)
    observation = Observation(PROD, minutes(1), Description(PROD, "stopped"), stopped, LastQuery(NOW))
    assert decide(observation, stopped, POLICY, minutes(1)).action is Action.START


def test_replaced__no_restart_pending__earlier_requests_do_not_count() -> None:
    record, _ = observe(replace(OLD, last_restart_requested_at=minutes(-30)), "available", resource_id=SECOND)
    assert record.last_restart_requested_at is None


@pytest.mark.parametrize(
    ("recorded", "described", "expected"),
    [
        pytest.param(None, FIRST, FIRST, id="first one that is described"),
        pytest.param(FIRST, None, FIRST, id="none described"),
        pytest.param(FIRST, FIRST, FIRST, id="the same"),
        pytest.param(None, None, None, id="none known"),
    ],
)
@pytest.mark.parametrize(
    ("example", "status"), [(AVAILABLE, "available"), (STOPPED, "stopped")], ids=["available", "stopped"]
)
def test_resource_id__not_another_one__changes_nothing_else(
    example: DatabaseRecord, status: str, recorded: str | None, described: str | None, expected: str | None
) -> None:
    restart_at = IN_SEVEN_DAYS if status == "stopped" else None
    before = replace(example, resource_id=recorded)
    record, events = observe(before, status, minutes(1), restart_at, resource_id=described)
    assert (record, events) == (replace(example, resource_id=expected), [])


def test_replaced__restored_days_after_the_automatic_restart_time__gets_a_full_idle_timeout() -> None:
    stopped, item = replace(STOPPED, resource_id=FIRST), LastQuery(NOW - timedelta(hours=2))
    restored = NOW + timedelta(days=10)
    record, events = observe(stopped, "creating", restored, resource_id=SECOND)
    assert names(events) == [EventName.REPLACED, EventName.FIRST_SEEN]
    record, _ = observe(record, "backing-up", restored + timedelta(minutes=8), resource_id=SECOND)
    record, _ = observe(record, "available", restored + timedelta(minutes=15), resource_id=SECOND)
    for minute, action, reason in ((68, Action.NONE, Reason.RECENT_ACTIVITY), (69, Action.STOP, Reason.IDLE)):
        at = restored + timedelta(minutes=minute)
        observation = Observation(PROD, at, Description(PROD, "available"), record, item)
        decision = decide(observation, record, POLICY, at)
        assert (decision.action, decision.reason) == (action, reason)


@settings(max_examples=200)
@given(RECORDS, DESCRIPTIONS)
def test_replaced__any_record_and_description__is_observed_like_a_new_database(
    record: DatabaseRecord, description: Description
) -> None:
    old = replace(record, resource_id=FIRST, hold=None, pending_restart=None, accepted_start=None)
    described = replace(description, resource_id=SECOND)
    replaced = apply_observation(old, described, POLICY, NOW)
    kept = DatabaseRecord(revision=old.revision, last_daily_status_on=old.last_daily_status_on)
    new = apply_observation(kept, described, POLICY, NOW)
    assert replaced.events[0].name is EventName.REPLACED
    assert (replaced.record, replaced.events[1:]) == (new.record, new.events)


def test_replaced__pending_restart_of_a_running_database__is_carried_out() -> None:
    record, _ = observe(replace(PENDING, resource_id=FIRST), "available", minutes(1), resource_id=SECOND)
    assert record.pending_restart is None
