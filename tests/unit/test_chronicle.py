"""What a look at the database teaches, told as stories of statuses."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.model import (
    AcceptedStart,
    DatabaseRecord,
    Description,
    Event,
    EventName,
    Hold,
    PendingRestart,
    State,
    StatusInfo,
    StopIntent,
)
from chalicelib.domain.statuses import CONSISTENCY_WINDOW, STOP_INTENT_TTL
from chalicelib.domain.transitions.commands import (
    end_hold,
    request_restart,
    set_hold,
    start_accepted,
    start_failed,
    stop_accepted,
    stop_failed,
)
from chalicelib.domain.transitions.observations import apply_observation
from chalicelib.settings import Settings
from tests.support import NOW, PROD

SETTINGS = Settings((PROD,))
SEVEN_DAYS_ON = NOW + timedelta(days=7)
STOPPED = DatabaseRecord(status="stopped", automatic_restart_at=SEVEN_DAYS_ON)
UP = DatabaseRecord(status="available", available_since=NOW)


def look(
    record: DatabaseRecord, status: str, at: datetime = NOW, automatic_restart_at: datetime | None = None
) -> tuple[DatabaseRecord, list[Event]]:
    """One look, on a day whose history has begun already."""
    begun = replace(record, last_daily_status_on=at.date())
    change = apply_observation(begun, Description(PROD, status, automatic_restart_at), SETTINGS, at)
    return replace(change.record, last_daily_status_on=record.last_daily_status_on), list(change.events)


def names(events: list[Event]) -> list[tuple[EventName, str | None]]:
    return [(event.name, event.by) for event in events]


def minutes(count: float) -> datetime:
    return NOW + timedelta(minutes=count)


def test_nothing_new_changes_nothing() -> None:
    assert look(UP, "available", minutes(600)) == (UP, [])
    assert look(STOPPED, "stopped", automatic_restart_at=SEVEN_DAYS_ON) == (STOPPED, [])


def test_each_days_history_begins_with_how_it_stood_at_the_first_look() -> None:
    yesterday = replace(STOPPED, last_daily_status_on=minutes(-24 * 60).date())
    sighting = Description(PROD, "stopped", SEVEN_DAYS_ON)
    first = apply_observation(yesterday, sighting, SETTINGS, NOW)
    assert [(event.name, event.status) for event in first.events] == [(EventName.DAILY_STATUS, "stopped")]
    assert apply_observation(first.record, sighting, SETTINGS, minutes(60)).events == ()
    assert apply_observation(first.record, sighting, SETTINGS, minutes(24 * 60)).events != ()


def test_news_of_the_first_look_say_how_it_stands_unless_they_do_not() -> None:
    started = apply_observation(STOPPED, Description(PROD, "starting"), SETTINGS, NOW)
    assert [event.name for event in started.events] == [EventName.STARTING]
    assert started.record.last_daily_status_on == NOW.date()
    held = replace(STOPPED, hold=Hold(NOW, "ops"))
    ended = apply_observation(held, Description(PROD, "stopped", SEVEN_DAYS_ON), SETTINGS, NOW)
    assert [event.name for event in ended.events] == [EventName.HOLD_ENDED, EventName.DAILY_STATUS]


@pytest.mark.parametrize(
    ("restart", "at", "by"),
    [
        (None, NOW, "somebody outside rds-lifecycle"),
        (None, SEVEN_DAYS_ON + timedelta(minutes=9), "AWS"),
        (PendingRestart(NOW, "ops"), NOW, "ops"),
    ],
)
def test_a_start_and_a_stop_that_nobody_saw_are_told_by_the_later_restart_of_aws(
    restart: PendingRestart | None, at: datetime, by: str
) -> None:
    asleep = replace(STOPPED, pending_restart=restart)
    record, events = look(asleep, "stopped", at, SEVEN_DAYS_ON + timedelta(minutes=9))
    assert names(events) == [(EventName.STARTING, by), (EventName.STOPPED, "somebody outside rds-lifecycle")]
    assert record.automatic_restart_at == SEVEN_DAYS_ON + timedelta(minutes=9)
    assert look(record, "stopped", at, SEVEN_DAYS_ON + timedelta(minutes=9))[1] == [], "told once"
    assert look(asleep, "stopped", at, SEVEN_DAYS_ON + timedelta(seconds=30))[1] == [], "AWS's own rounding"


def test_a_start_or_a_stop_that_nobody_saw_is_told_by_what_follows_it() -> None:
    _, events = look(STOPPED, "stopping")
    assert [event.name for event in events] == [EventName.STARTING, EventName.STOPPING]
    _, events = look(STOPPED, "stopping", SEVEN_DAYS_ON)
    assert names(events)[0] == (EventName.STARTING, "AWS")
    _, events = look(UP, "starting")
    assert names(events)[0] == (EventName.STOPPED, "somebody outside rds-lifecycle")
    _, events = look(replace(UP, stop_intent=StopIntent(NOW - STOP_INTENT_TTL, "Idle.")), "starting")
    assert names(events)[0] == (EventName.STOPPED, "rds-lifecycle")
    assert {event.status for event in events} == {"starting"}


def test_a_database_found_running_at_first_sight_is_no_proof_of_use() -> None:
    record, events = look(DatabaseRecord(), "available")
    assert (record.available_since, record.first_observed_at) == (None, NOW)
    assert names(events) == [(EventName.FIRST_SEEN, None)]
    record, _ = look(DatabaseRecord(), "stopped")
    assert record.first_observed_at is None


def test_somebody_starts_it_in_the_console() -> None:
    record, events = look(STOPPED, "starting", minutes(1))
    assert names(events) == [(EventName.STARTING, "somebody outside rds-lifecycle")]
    record, events = look(record, "available", minutes(5))
    assert names(events) == [(EventName.AVAILABLE, "somebody outside rds-lifecycle")]
    assert (record.available_since, record.started_on_request) == (minutes(5), False)
    assert record.start_durations == ()


def test_somebody_stops_it_in_the_console() -> None:
    record, events = look(UP, "stopping", minutes(1))
    assert names(events) == [(EventName.STOPPING, "somebody outside rds-lifecycle")]
    assert record.available_since is None
    record, events = look(record, "stopped", minutes(4), SEVEN_DAYS_ON)
    assert names(events) == [(EventName.STOPPED, "somebody outside rds-lifecycle")]
    assert record.automatic_restart_at == SEVEN_DAYS_ON


def test_aws_starts_it_after_seven_days_and_the_idle_clock_stands_still() -> None:
    record, events = look(STOPPED, "starting", SEVEN_DAYS_ON)
    assert names(events) == [(EventName.STARTING, "AWS")]
    record, events = look(record, "upgrading", SEVEN_DAYS_ON + timedelta(minutes=3))
    record, events = look(record, "available", SEVEN_DAYS_ON + timedelta(minutes=5))
    assert names(events) == [(EventName.AVAILABLE, "AWS")]
    assert record.available_since is None
    assert record.started_by_aws
    record, _ = look(record, "stopped", SEVEN_DAYS_ON + timedelta(minutes=9))
    assert not record.started_by_aws


def test_maintenance_of_a_stopped_database_does_not_hide_who_starts_it() -> None:
    record, _ = look(STOPPED, "maintenance", SEVEN_DAYS_ON - timedelta(minutes=3))
    record, events = look(record, "starting", SEVEN_DAYS_ON + timedelta(minutes=5))
    assert names(events) == [(EventName.STARTING, "AWS")]
    record, _ = look(record, "available", SEVEN_DAYS_ON + timedelta(minutes=9))
    assert record.automatic_restart_at is None, "it is up: AWS has no reason to start it"
    record, events = look(record, "starting", SEVEN_DAYS_ON + timedelta(minutes=30))
    assert [event.name for event in events] == [EventName.STOPPED, EventName.STARTING]
    assert {event.by for event in events} == {"somebody outside rds-lifecycle"}


def test_a_stop_that_nobody_saw_ends_the_time_that_aws_had_begun() -> None:
    up_by_aws = replace(UP, available_since=None, started_by_aws=True)
    stopping = stop_accepted(up_by_aws, "idle", NOW).record
    for before in (stopping, up_by_aws):
        record, _ = look(before, "starting", minutes(15))
        record, _ = look(record, "available", minutes(20))
        assert record.available_since == minutes(20), "somebody started it, and gets a full idle window"


def test_a_start_before_the_seven_days_are_over_was_somebodys() -> None:
    record, _ = look(STOPPED, "available", SEVEN_DAYS_ON - timedelta(seconds=1))
    assert not record.started_by_aws
    assert record.available_since == SEVEN_DAYS_ON - timedelta(seconds=1)


def test_a_restart_asked_for_at_the_seventh_day_is_somebodys_too() -> None:
    asked = replace(STOPPED, pending_restart=PendingRestart(NOW, "ops"), last_restart_requested_at=SEVEN_DAYS_ON)
    record, events = look(asked, "starting", SEVEN_DAYS_ON)
    assert names(events) == [(EventName.STARTING, "ops")]
    assert not record.started_by_aws
    assert record.pending_restart is None


def test_a_start_by_the_app_is_measured() -> None:
    record = replace(
        STOPPED,
        status="starting",
        accepted_start=AcceptedStart(minutes(1), "ops", NOW),
        start_durations=tuple(range(10)),
    )
    record, [event] = look(record, "available", minutes(5))
    assert (event.name, event.by, event.seconds) == (EventName.AVAILABLE, "ops", 300)
    assert event.detail == "Ready 5 min after the restart was asked for."
    assert record.start_durations == (*range(1, 10), 240)
    assert (record.available_since, record.started_on_request, record.accepted_start) == (minutes(5), True, None)


def test_a_start_that_comes_to_nothing_is_tried_again() -> None:
    record = replace(
        STOPPED, status="starting", accepted_start=AcceptedStart(NOW, "ops", NOW), last_restart_requested_at=NOW
    )
    record, events = look(record, "stopped", minutes(5), SEVEN_DAYS_ON)
    assert names(events) == [(EventName.START_FAILED, "ops")]
    assert record.pending_restart == PendingRestart(NOW, "ops")
    assert record.accepted_start is None


def test_a_start_that_somebody_undid_unseen_is_left_undone() -> None:
    record = replace(
        STOPPED, status="starting", accepted_start=AcceptedStart(NOW, "ops", NOW), last_restart_requested_at=NOW
    )
    for restart_at in (SEVEN_DAYS_ON + timedelta(minutes=9), None):
        after, events = look(record, "stopped", minutes(14), restart_at)
        assert names(events) == [(EventName.STOPPED, "somebody outside rds-lifecycle")]
        assert after.pending_restart is None


def test_a_start_whose_acceptance_was_never_written_down_is_still_somebodys() -> None:
    asked = replace(STOPPED, pending_restart=PendingRestart(NOW, "ops"), last_restart_requested_at=NOW)
    record, events = look(asked, "starting", minutes(1))
    assert names(events) == [(EventName.STARTING, "ops")]
    assert record.accepted_start == AcceptedStart(minutes(1), "ops", NOW)
    record, events = look(asked, "available", minutes(6))
    assert names(events) == [(EventName.AVAILABLE, "ops")]
    assert (record.pending_restart, record.started_on_request) == (None, True)


def test_a_stop_by_the_app_that_was_never_written_down_is_still_the_apps() -> None:
    fenced = replace(UP, stop_intent=StopIntent(NOW, "Idle for 61 min."))
    record, [event] = look(fenced, "stopping", minutes(1))
    assert (event.name, event.by, event.detail) == (EventName.STOPPING, "rds-lifecycle", "Idle for 61 min.")
    assert record.stop_intent is not None
    record, events = look(record, "stopped", minutes(30))
    assert names(events) == [(EventName.STOPPED, "rds-lifecycle")]
    assert record.stop_intent is None


def test_a_restart_asked_for_behind_a_fence_outlives_a_description_that_may_be_old() -> None:
    asked = replace(UP, pending_restart=PendingRestart(NOW, "ops"), last_restart_requested_at=NOW)
    record, _ = look(asked, "available", NOW + CONSISTENCY_WINDOW / 2)
    assert record.pending_restart == PendingRestart(NOW, "ops")
    assert look(record, "stopping", minutes(2))[0].pending_restart is not None, "somebody had stopped it right before"
    assert look(record, "available", NOW + CONSISTENCY_WINDOW)[0].pending_restart is None, (
        "the stop was called off: it is up"
    )


def test_a_fence_whose_stop_never_came_about_lapses() -> None:
    fenced = replace(UP, stop_intent=StopIntent(NOW, "idle"))
    assert look(fenced, "available", NOW + STOP_INTENT_TTL - timedelta(seconds=1)) == (fenced, [])
    assert look(fenced, "available", NOW + STOP_INTENT_TTL) == (UP, [])


def test_a_start_that_is_seen_too_late_to_have_come_to_nothing_is_given_up_at_once() -> None:
    asleep = replace(
        STOPPED, status="starting", automatic_restart_at=SEVEN_DAYS_ON, accepted_start=AcceptedStart(NOW, "ops", NOW)
    )
    record, events = look(asleep, "stopped", minutes(61), SEVEN_DAYS_ON)
    assert record.pending_restart is None
    assert names(events) == [(EventName.START_FAILED, "ops"), (EventName.RESTART_EXPIRED, "ops")]


def test_behind_the_fence_available_is_not_history() -> None:
    stopping = replace(UP, status="stopping", stop_intent=StopIntent(NOW, "idle"), available_since=None)
    assert look(stopping, "available", minutes(1)) == (stopping, [])


def test_a_stop_that_rds_gave_up_gives_the_database_a_full_idle_window() -> None:
    stopping = replace(UP, status="stopping", stop_intent=StopIntent(NOW, "idle"), available_since=None)
    record, events = look(stopping, "available", minutes(3))
    assert (record.available_since, record.stop_intent) == (minutes(3), None)
    assert [event.name for event in events] == [EventName.AVAILABLE]


def test_work_of_rds_on_a_running_database_does_not_restart_the_idle_clock() -> None:
    record, events = look(UP, "backing-up", minutes(30))
    assert [event.name for event in events] == [EventName.BUSY]
    record, events = look(record, "available", minutes(40))
    assert [event.name for event in events] == [EventName.AVAILABLE]
    assert record.available_since == NOW


def test_a_reboot_does() -> None:
    record, _ = look(UP, "rebooting", minutes(30))
    record, _ = look(record, "available", minutes(32))
    assert record.available_since == minutes(32)


def test_a_restart_that_cannot_be_carried_out_expires_and_is_told() -> None:
    asked = replace(STOPPED, pending_restart=PendingRestart(NOW, "ops"), last_restart_requested_at=NOW)
    record, events = look(asked, "stopped", minutes(61), SEVEN_DAYS_ON)
    assert names(events) == [(EventName.RESTART_EXPIRED, "ops")]
    assert record.pending_restart is None


def test_a_failure_drops_the_restart_and_says_what_to_do() -> None:
    asked = replace(STOPPED, pending_restart=PendingRestart(NOW, "ops"), last_restart_requested_at=NOW)
    record, events = look(asked, "storage-full", minutes(1))
    assert names(events) == [(EventName.FAILED, None), (EventName.RESTART_CANCELLED, "ops")]
    assert all("Give it more storage" in event.detail for event in events)
    assert record.pending_restart is None


def test_a_hold_runs_out_by_itself() -> None:
    record, events = look(replace(UP, hold=Hold(minutes(5), "ops")), "available", minutes(5))
    assert names(events) == [(EventName.HOLD_ENDED, "ops")]
    assert record == UP


class TestChanges:
    """What the app itself changes."""

    def test_a_restart_is_pending_only_where_the_database_is_not_on_its_way_up(self) -> None:
        for condition, pending in (
            (StatusInfo(State.STOPPED), True),
            (StatusInfo(State.STOPPING), True),
            (StatusInfo(State.BUSY), True),
            (None, True),
            (StatusInfo(State.BUSY, ready=True), False),
            (StatusInfo(State.STARTING), False),
            (StatusInfo(State.RUNNING, ready=True), False),
        ):
            change = request_restart(DatabaseRecord(), condition, "ops", NOW)
            assert (change.record.pending_restart == PendingRestart(NOW, "ops")) is pending
            is_news = pending or (condition is not None and condition.state is State.STARTING)
            assert [event.name for event in change.events] == [EventName.RESTART_REQUESTED] * is_news
            assert change.record.last_restart_requested_at == NOW

    def test_a_failed_database_is_not_asked_to_restart(self) -> None:
        assert request_restart(UP, StatusInfo(State.FAILED), "ops", NOW).record == UP

    def test_asking_twice_keeps_the_first_request_and_the_latest_time(self) -> None:
        first = request_restart(DatabaseRecord(), StatusInfo(State.STOPPED), "ops", NOW).record
        second = request_restart(first, StatusInfo(State.STOPPED), "eve", minutes(3))
        assert second.record.pending_restart == PendingRestart(NOW, "ops")
        assert second.record.last_restart_requested_at == minutes(3)
        assert second.events == ()
        assert request_restart(second.record, None, "late", NOW).record == second.record

    def test_a_start_by_another_hand_that_comes_to_nothing_is_tried_again_for_who_asked_meanwhile(self) -> None:
        asleep = replace(STOPPED, status="starting", status_changed_at=minutes(-2), automatic_restart_at=minutes(600))
        asked = request_restart(asleep, StatusInfo(State.STARTING), "ops", NOW).record
        assert (asked.pending_restart, asked.accepted_start) == (
            None,
            AcceptedStart(minutes(-2), "ops", NOW, joined=True),
        )
        record, [event] = look(asked, "stopped", minutes(5), minutes(600))
        assert record.pending_restart == PendingRestart(NOW, "ops")
        assert (event.name, event.by) == (EventName.START_FAILED, "ops")

    def test_a_restart_that_rds_did_not_answer_joins_a_start_by_another_hand(self) -> None:
        starting = replace(STOPPED, status="starting", status_changed_at=minutes(-2), started_by_aws=True)
        asked = request_restart(starting, None, "ops", NOW).record
        record, events = look(asked, "starting", minutes(1))
        assert (record.pending_restart, record.accepted_start, events) == (
            None,
            AcceptedStart(minutes(-2), "ops", NOW, joined=True),
            [],
        )
        assert not record.started_by_aws

    def test_a_restart_that_was_carried_out_is_not_given_up(self) -> None:
        asked = request_restart(STOPPED, StatusInfo(State.STOPPED), "ops", NOW).record
        record, events = look(asked, "starting", minutes(75))
        assert names(events) == [(EventName.STARTING, "ops")]
        assert record.pending_restart is None

    def test_a_failure_is_told_again_for_another_restart(self) -> None:
        asked = request_restart(STOPPED, StatusInfo(State.STOPPED), "ops", NOW).record
        refused = start_failed(asked, "InsufficientCapacity", "No room.", NOW, permanent=False).record
        given_up, _ = look(refused, "stopped", minutes(61))
        assert (given_up.pending_restart, given_up.last_error) == (None, None)

    @pytest.mark.parametrize(
        ("condition", "status", "later", "wakes"),
        [
            (StatusInfo(State.STOPPING), "available", 0, True),
            (StatusInfo(State.STOPPING), "stopping", 0, True),
            (None, "available", 0, True),
            (StatusInfo(State.STOPPING), "stopping", 5, False),
            (StatusInfo(State.STOPPED), "stopped", 0, False),
        ],
    )
    def test_a_hold_that_comes_right_after_the_fence_wakes_it(
        self, condition: StatusInfo | None, status: str, later: float, wakes: bool
    ) -> None:
        fenced = replace(UP, status=status, stop_intent=StopIntent(NOW, "idle"))
        held = set_hold(fenced, condition, minutes(60), "ops", minutes(later)).record
        assert (held.pending_restart is not None) is wakes
        assert held.hold is not None

    def test_a_start_by_another_hand_does_not_tell_how_long_starts_take(self) -> None:
        starting = replace(
            STOPPED, status="starting", status_changed_at=minutes(-2), started_by_aws=True, start_durations=(300,)
        )
        asked = request_restart(starting, StatusInfo(State.STARTING), "ops", NOW).record
        record, [event] = look(asked, "available", minutes(1))
        assert record.start_durations == (300,)
        assert (record.available_since, record.started_on_request, event.by) == (minutes(1), True, "ops")

    def test_the_same_hold_twice_is_one_hold(self) -> None:
        held = set_hold(DatabaseRecord(), None, minutes(60), "ops", NOW).record
        assert set_hold(held, None, minutes(60), "ops", minutes(1)).events == ()
        assert end_hold(held, "eve", NOW).events[0].by == "eve"
        assert end_hold(DatabaseRecord(), "eve", NOW).events == ()

    def test_what_another_run_has_told_already_is_not_told_again(self) -> None:
        assert start_accepted(UP, NOW).events == ()
        assert stop_accepted(replace(UP, status="stopped"), "idle", NOW).events == ()
        assert start_failed(UP, "InsufficientCapacity", "no room", NOW, permanent=False).events == ()

    def test_a_failure_that_repeats_itself_is_told_once(self) -> None:
        asked = replace(STOPPED, pending_restart=PendingRestart(NOW, "ops"))
        once = start_failed(asked, "InsufficientCapacity", "no room", NOW, permanent=False)
        assert [event.name for event in once.events] == [EventName.START_FAILED]
        assert once.record.pending_restart == asked.pending_restart
        assert start_failed(once.record, "InsufficientCapacity", "no room", NOW, permanent=False).events == ()
        permanent = start_failed(asked, "CannotStart", "no key", NOW, permanent=True)
        assert [event.name for event in permanent.events] == [EventName.RESTART_CANCELLED]
        assert permanent.record.pending_restart is None
        stuck = stop_failed(replace(UP, stop_intent=StopIntent(NOW, "idle")), "CannotStop", "replica", NOW)
        assert [event.name for event in stuck.events] == [EventName.STOP_FAILED]
        assert stuck.record.stop_intent is None
        assert stop_failed(stuck.record, "CannotStop", "replica", NOW).events == ()
