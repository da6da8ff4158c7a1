"""What a response shows, where the routes' tests do not tell."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.api.responses import database_to_json, retry_after_seconds
from chalicelib.domain.activity import NoActivity
from chalicelib.domain.decision import decide
from chalicelib.domain.model import AcceptedStart, DatabaseRecord, Description, Observation, PendingRestart
from chalicelib.domain.timestamps import format_time
from chalicelib.service.reconciler import View
from chalicelib.settings import Settings
from tests.support import NOW, PROD

SETTINGS = Settings((PROD,))


def view(status: str, record: DatabaseRecord, at: datetime = NOW) -> View:
    sighting = Description(PROD, status)
    return View(sighting, record, decide(Observation(sighting, NoActivity()), record, SETTINGS, at), at)


def shown(status: str, record: DatabaseRecord, at: datetime = NOW) -> dict[str, Any]:
    return database_to_json(view(status, record, at), SETTINGS)


def launched(*seconds: int) -> DatabaseRecord:
    return DatabaseRecord(
        status="starting", status_changed_at=NOW, accepted_start=AcceptedStart(NOW, "ops", NOW), start_durations=seconds
    )


@pytest.mark.parametrize(("seconds", "ready_in"), [((), 300), ((240,), 240), ((100, 200, 900), 200), ((100, 200), 150)])
def test_the_time_to_be_ready_is_the_median_of_the_last_starts(seconds: tuple[int, ...], ready_in: int) -> None:
    expected = format_time(NOW + timedelta(seconds=ready_in))
    assert shown("starting", launched(*seconds))["estimated_ready_at"] == expected
    assert shown("starting", launched(*seconds), NOW + timedelta(hours=1))["estimated_ready_at"] == expected


def test_a_start_by_somebody_else_is_estimated_from_when_it_was_seen() -> None:
    record = DatabaseRecord(status="starting", status_changed_at=NOW - timedelta(minutes=1))
    assert shown("starting", record)["estimated_ready_at"] == "2026-03-02T09:04:00Z"
    assert shown("starting", DatabaseRecord())["estimated_ready_at"] == "2026-03-02T09:05:00Z"


def test_a_queued_restart_is_estimated_and_a_hopeless_one_is_not() -> None:
    queued = DatabaseRecord(pending_restart=PendingRestart(NOW, "ops"), last_restart_requested_at=NOW)
    assert shown("stopping", queued)["estimated_ready_at"] == "2026-03-02T09:05:00Z"
    assert shown("storage-full", queued)["estimated_ready_at"] is None
    assert shown("stopped", DatabaseRecord())["estimated_ready_at"] is None


@pytest.mark.parametrize(("passed", "wait"), [(0, 30), (250, 25), (280, 10), (299, 2), (900, 2)])
def test_who_waits_is_told_to_look_more_often_towards_the_end(passed: int, wait: int) -> None:
    assert retry_after_seconds(view("starting", launched(), NOW + timedelta(seconds=passed))) == wait


def test_a_running_database_that_nobody_ever_used_stops_now() -> None:
    assert shown("available", DatabaseRecord(status="available"))["stops_at"] == "2026-03-02T09:00:00Z"
    assert shown("available", DatabaseRecord(status="available"))["idle_minutes"] is None
