"""Changes of the status: which event records each, who caused it, and when the idle timer starts."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.model import Event, EventName
from chalicelib.domain.record import AcceptedStart, DatabaseRecord, StopIntent
from tests.support import NOW
from tests.unit.domain.transitions.examples import (
    AVAILABLE,
    EXTERNAL,
    IN_SEVEN_DAYS,
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
    ("status", "available_since"),
    [
        pytest.param("available", NOW, id="running"),
        pytest.param("backing-up", NOW, id="busy and ready"),
        pytest.param("creating", None, id="busy and not ready"),
        pytest.param("stopped", None, id="stopped"),
        pytest.param("storage-full", None, id="failed"),
    ],
)
def test_first_observation__any_status__is_recorded_and_starts_the_idle_timer(
    status: str, available_since: datetime | None
) -> None:
    record, events = observe(DatabaseRecord(), status)
    assert names_and_initiators(events) == [(EventName.FIRST_SEEN, None)]
    assert (record.first_observed_at, record.available_since) == (NOW, available_since)
    later, _ = observe(record, "available", minutes(30))
    assert later.first_observed_at == NOW


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


def test_stop__by_the_app_but_not_recorded__is_by_the_app_and_has_its_reason_and_open_connections() -> None:
    record, [event] = observe(
        replace(AVAILABLE, stop_intent=StopIntent(NOW, "Idle for 61 min.", 4)), "stopping", minutes(1)
    )
    assert (event.name, event.by, event.detail) == (EventName.STOPPING, "rds-lifecycle", "Idle for 61 min.")
    assert event.open_connections == 4
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


def test_failed__while_the_app_stops_it__clears_the_stop_intent_and_is_no_stop() -> None:
    record, events = observe(replace(AVAILABLE, stop_intent=StopIntent(NOW, "Idle.")), "storage-full", minutes(1))
    assert names_and_initiators(events) == [(EventName.FAILED, None)]
    assert (record.available_since, record.stop_intent) == (NOW, None)


def test_failed__while_a_restart_is_carried_out__cancels_the_restart() -> None:
    record, events = observe(STARTED, "incompatible-network", minutes(5))
    assert record.accepted_start is None
    assert names_and_initiators(events) == [(EventName.FAILED, None), (EventName.RESTART_CANCELLED, RESTART.by)]
    assert "then request a restart" in events[1].detail
