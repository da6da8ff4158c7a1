"""Starts and stops that no pass observed."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.model import EventName
from chalicelib.domain.record import DatabaseRecord, StopIntent
from chalicelib.domain.statuses import STOP_INTENT_TTL
from tests.support import NOW
from tests.unit.domain.transitions.examples import (
    AVAILABLE,
    EXTERNAL,
    IN_SEVEN_DAYS,
    PENDING,
    STOPPED,
    names_and_initiators,
    observe,
)

LATER_RESTART = IN_SEVEN_DAYS + timedelta(minutes=9)


@pytest.mark.parametrize(
    ("record", "at", "by"),
    [
        pytest.param(STOPPED, NOW, EXTERNAL, id="outside rds-lifecycle"),
        pytest.param(STOPPED, LATER_RESTART, EXTERNAL, id="after seven days, not announced"),
        pytest.param(replace(STOPPED, started_by_aws=True), LATER_RESTART, "AWS", id="announced by AWS"),
        pytest.param(PENDING, NOW, "ops", id="restart pending"),
    ],
)
def test_unobserved_start_and_stop__automatic_restart_time_is_later__are_recorded_once(
    record: DatabaseRecord, at: datetime, by: str
) -> None:
    after, events = observe(record, "stopped", at, LATER_RESTART)
    assert names_and_initiators(events) == [(EventName.STARTING, by), (EventName.STOPPED, EXTERNAL)]
    assert after.automatic_restart_at == LATER_RESTART
    assert not after.started_by_aws
    assert observe(after, "stopped", at, LATER_RESTART)[1] == []


def test_unobserved_start_and_stop__automatic_restart_time_differs_by_seconds__are_not_recorded() -> None:
    assert observe(STOPPED, "stopped", NOW, IN_SEVEN_DAYS + timedelta(seconds=30))[1] == []


@pytest.mark.parametrize(
    ("at", "announced", "by"),
    [
        pytest.param(NOW, False, EXTERNAL, id="within seven days"),
        pytest.param(IN_SEVEN_DAYS, False, EXTERNAL, id="after seven days, not announced"),
        pytest.param(IN_SEVEN_DAYS, True, "AWS", id="after seven days, announced"),
        pytest.param(NOW, True, EXTERNAL, id="within seven days, announced for an earlier stop"),
    ],
)
def test_unobserved_start__stopped_then_stopping__is_recorded(at: datetime, by: str, *, announced: bool) -> None:
    _, events = observe(STOPPED, "stopping", at, announced=announced)
    assert names_and_initiators(events) == [(EventName.STARTING, by), (EventName.STOPPING, EXTERNAL)]


@pytest.mark.parametrize(
    ("stop_intent", "by"),
    [
        pytest.param(None, EXTERNAL, id="outside rds-lifecycle"),
        pytest.param(StopIntent(NOW - STOP_INTENT_TTL, "Idle."), "rds-lifecycle", id="by the app"),
    ],
)
def test_unobserved_stop__available_then_starting__is_recorded(stop_intent: StopIntent | None, by: str) -> None:
    _, events = observe(replace(AVAILABLE, stop_intent=stop_intent), "starting")
    assert names_and_initiators(events)[0] == (EventName.STOPPED, by)
    assert {event.status for event in events} == {"starting"}
