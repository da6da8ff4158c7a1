"""Changes of the status: which event records each, who caused it, and when the idle timer starts."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.model import (
    AcceptedStart,
    DatabaseRecord,
    Event,
    EventName,
    StopIntent,
)
from chalicelib.domain.transitions.results import stop_accepted
from tests.support import NOW
from tests.unit.domain.transitions.examples import (
    AVAILABLE,
    EXTERNAL,
    IN_SEVEN_DAYS,
    PENDING,
    RESTART,
    STOPPED,
    minutes,
    names,
    names_and_initiators,
    observe,
)

STARTED = replace(STOPPED, status="starting", accepted_start=AcceptedStart(NOW, RESTART), last_restart_requested_at=NOW)
"""RDS accepted a start."""


@pytest.mark.parametrize(
    ("status", "first_observed_at"),
    [pytest.param("available", NOW, id="running"), pytest.param("stopped", None, id="stopped")],
)
def test_first_observation__any_status__is_recorded_and_counts_only_where_it_runs(
    status: str, first_observed_at: datetime | None
) -> None:
    record, events = observe(DatabaseRecord(), status)
    assert names_and_initiators(events) == [(EventName.FIRST_SEEN, None)]
    assert (record.available_since, record.first_observed_at) == (None, first_observed_at)


def test_start__made_in_the_console__is_external_and_starts_the_idle_timer() -> None:
    record, events = observe(STOPPED, "starting", minutes(1))
    assert names_and_initiators(events) == [(EventName.STARTING, EXTERNAL)]
    record, events = observe(record, "available", minutes(5))
    assert names_and_initiators(events) == [(EventName.AVAILABLE, EXTERNAL)]
    assert (record.available_since, record.started_on_request) == (minutes(5), False)
    assert record.start_durations == ()


def test_stop__made_in_the_console__is_external_and_clears_the_uptime() -> None:
    record, events = observe(AVAILABLE, "stopping", minutes(1))
    assert names_and_initiators(events) == [(EventName.STOPPING, EXTERNAL)]
    assert record.available_since is None
    record, events = observe(record, "stopped", minutes(4), IN_SEVEN_DAYS)
    assert names_and_initiators(events) == [(EventName.STOPPED, EXTERNAL)]
    assert record.automatic_restart_at == IN_SEVEN_DAYS


def test_start__after_the_automatic_restart_time__is_by_aws_and_does_not_start_the_idle_timer() -> None:
    record, events = observe(STOPPED, "starting", IN_SEVEN_DAYS)
    assert names_and_initiators(events) == [(EventName.STARTING, "AWS")]
    record, _ = observe(record, "upgrading", IN_SEVEN_DAYS + timedelta(minutes=3))
    record, events = observe(record, "available", IN_SEVEN_DAYS + timedelta(minutes=5))
    assert names_and_initiators(events) == [(EventName.AVAILABLE, "AWS")]
    assert (record.available_since, record.started_by_aws) == (None, True)
    record, _ = observe(record, "stopped", IN_SEVEN_DAYS + timedelta(minutes=9))
    assert not record.started_by_aws


def test_start__before_the_automatic_restart_time__is_not_by_aws() -> None:
    at = IN_SEVEN_DAYS - timedelta(seconds=1)
    record, events = observe(STOPPED, "available", at)
    assert names_and_initiators(events) == [(EventName.AVAILABLE, EXTERNAL)]
    assert (record.available_since, record.started_by_aws) == (at, False)


def test_start__requested_at_the_automatic_restart_time__is_by_its_requester() -> None:
    requested = replace(PENDING, last_restart_requested_at=IN_SEVEN_DAYS)
    record, events = observe(requested, "starting", IN_SEVEN_DAYS)
    assert names_and_initiators(events) == [(EventName.STARTING, "ops")]
    assert (record.started_by_aws, record.pending_restart) == (False, None)


def test_start__by_aws_after_maintenance_of_the_stopped_database__is_by_aws() -> None:
    record, _ = observe(STOPPED, "maintenance", IN_SEVEN_DAYS - timedelta(minutes=3))
    _, events = observe(record, "starting", IN_SEVEN_DAYS + timedelta(minutes=5))
    assert names_and_initiators(events) == [(EventName.STARTING, "AWS")]


def test_available__after_a_start_by_aws__clears_the_automatic_restart_time() -> None:
    record, _ = observe(STOPPED, "starting", IN_SEVEN_DAYS)
    record, _ = observe(record, "available", IN_SEVEN_DAYS + timedelta(minutes=9))
    assert record.automatic_restart_at is None
    _, events = observe(record, "starting", IN_SEVEN_DAYS + timedelta(minutes=30))
    assert names_and_initiators(events) == [(EventName.STOPPED, EXTERNAL), (EventName.STARTING, EXTERNAL)]


@pytest.mark.parametrize("is_recorded", [pytest.param(True, id="recorded"), pytest.param(False, id="not observed")])
def test_start__external_after_an_uptime_begun_by_aws__starts_the_idle_timer(*, is_recorded: bool) -> None:
    started_by_aws = replace(AVAILABLE, available_since=None, started_by_aws=True)
    record = stop_accepted(started_by_aws, "Idle.", NOW).record if is_recorded else started_by_aws
    record, _ = observe(record, "starting", minutes(15))
    record, _ = observe(record, "available", minutes(20))
    assert record.available_since == minutes(20)


def test_available__after_a_requested_start__measures_the_start_and_the_wait() -> None:
    start = AcceptedStart(minutes(1), RESTART)
    record, [event] = observe(
        replace(STARTED, accepted_start=start, start_durations=tuple(range(10))), "available", minutes(5)
    )
    assert event == Event(
        minutes(5), EventName.AVAILABLE, "ops", "Available 5 min after the restart was requested.", "available", 300
    )
    assert record.start_durations == (*range(1, 10), 240)
    assert (record.available_since, record.started_on_request, record.accepted_start) == (minutes(5), True, None)


def test_available__restart_requested_during_an_external_start__does_not_measure_the_start() -> None:
    start = AcceptedStart(minutes(-2), RESTART, external=True)
    record, [event] = observe(replace(STARTED, accepted_start=start, start_durations=(300,)), "available", minutes(1))
    assert record.start_durations == (300,)
    assert (record.available_since, record.started_on_request, event.by) == (minutes(1), True, "ops")


@pytest.mark.parametrize("external", [pytest.param(False, id="by the app"), pytest.param(True, id="external")])
def test_stopped__again_since_the_same_stop__is_a_start_without_effect(*, external: bool) -> None:
    started = replace(STARTED, accepted_start=AcceptedStart(NOW, RESTART, external=external))
    record, events = observe(started, "stopped", minutes(5), IN_SEVEN_DAYS)
    assert names_and_initiators(events) == [(EventName.START_FAILED, "ops")]
    assert (record.pending_restart, record.accepted_start) == (RESTART, None)


@pytest.mark.parametrize(
    "restart_at",
    [
        pytest.param(IN_SEVEN_DAYS + timedelta(minutes=9), id="later automatic restart"),
        pytest.param(None, id="no automatic restart"),
    ],
)
def test_stopped__again_since_a_later_stop__does_not_start_again(restart_at: datetime | None) -> None:
    record, events = observe(STARTED, "stopped", minutes(14), restart_at)
    assert names_and_initiators(events) == [(EventName.STOPPED, EXTERNAL)]
    assert record.pending_restart is None


def test_stop__by_the_app_but_not_recorded__is_by_the_app_and_has_its_reason() -> None:
    record, [event] = observe(
        replace(AVAILABLE, stop_intent=StopIntent(NOW, "Idle for 61 min.")), "stopping", minutes(1)
    )
    assert (event.name, event.by, event.detail) == (EventName.STOPPING, "rds-lifecycle", "Idle for 61 min.")
    assert record.stop_intent is not None
    record, events = observe(record, "stopped", minutes(30))
    assert names_and_initiators(events) == [(EventName.STOPPED, "rds-lifecycle")]
    assert record.stop_intent is None


STOPPING = replace(AVAILABLE, status="stopping", stop_intent=StopIntent(NOW, "Idle."), available_since=None)


def test_available__while_the_app_stops_it__is_not_recorded() -> None:
    assert observe(STOPPING, "available", minutes(1)) == (STOPPING, [])


def test_available__after_the_stop_intent_has_expired__starts_the_idle_timer() -> None:
    record, events = observe(STOPPING, "available", minutes(3))
    assert names(events) == [EventName.AVAILABLE]
    assert (record.available_since, record.stop_intent) == (minutes(3), None)


def test_available__after_an_operation_on_a_running_database__does_not_start_the_idle_timer() -> None:
    record, events = observe(AVAILABLE, "backing-up", minutes(30))
    assert names(events) == [EventName.BUSY]
    record, events = observe(record, "available", minutes(40))
    assert names(events) == [EventName.AVAILABLE]
    assert record.available_since == NOW


def test_available__after_a_reboot__starts_the_idle_timer() -> None:
    record, _ = observe(AVAILABLE, "rebooting", minutes(30))
    record, _ = observe(record, "available", minutes(32))
    assert record.available_since == minutes(32)


def test_failed__while_the_app_stops_it__clears_the_uptime_and_the_stop_intent() -> None:
    record, events = observe(replace(AVAILABLE, stop_intent=StopIntent(NOW, "Idle.")), "storage-full", minutes(1))
    assert names_and_initiators(events) == [(EventName.FAILED, None)]
    assert (record.available_since, record.stop_intent) == (None, None)
