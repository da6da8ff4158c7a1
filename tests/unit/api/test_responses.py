"""The JSON of the API, where the tests of the routes do not cover it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.api.responses import database_to_json, retry_after_seconds
from chalicelib.domain.activity import Metric, MetricActive, MetricIdle, MetricUnknown, NoActivity
from chalicelib.domain.decision import decide
from chalicelib.domain.model import Description, Observation
from chalicelib.domain.record import AcceptedStart, DatabaseRecord, PendingRestart
from chalicelib.domain.timestamps import format_time
from chalicelib.service.reconciler import DatabaseView
from chalicelib.settings import Settings
from tests.support import NOW, PROD

SETTINGS = Settings((PROD,))
RESTART = PendingRestart(NOW, "ops")


def view(
    status: str,
    record: DatabaseRecord,
    at: datetime = NOW,
    metric: Metric | None = MetricIdle(),  # noqa: B008 - it is immutable
    **described: Any,
) -> DatabaseView:
    description = Description(PROD, status, **described)
    observation = Observation(PROD, at, description, record, NoActivity(), metric)
    return DatabaseView(description, record, decide(observation, record, SETTINGS.policy, at), at)


def to_json(status: str, record: DatabaseRecord, at: datetime = NOW) -> dict[str, Any]:
    return database_to_json(view(status, record, at), SETTINGS)


def started(*durations: int) -> DatabaseRecord:
    """RDS accepted a start now; earlier starts took these numbers of seconds."""
    return DatabaseRecord(
        status="starting",
        status_changed_at=NOW,
        accepted_start=AcceptedStart(NOW, RESTART),
        start_durations=durations,
    )


@pytest.mark.parametrize(
    ("durations", "ready_in"),
    [
        pytest.param((), 300, id="no start known"),
        pytest.param((240,), 240, id="one start"),
        pytest.param((100, 200, 900), 200, id="three starts"),
        pytest.param((100, 200), 150, id="two starts"),
    ],
)
def test_estimated_ready_at__starting__is_the_median_of_earlier_starts(
    durations: tuple[int, ...], ready_in: int
) -> None:
    expected = format_time(NOW + timedelta(seconds=ready_in))
    assert to_json("starting", started(*durations))["estimated_ready_at"] == expected
    assert to_json("starting", started(*durations), NOW + timedelta(hours=1))["estimated_ready_at"] == expected


@pytest.mark.parametrize(
    ("status", "record", "expected"),
    [
        pytest.param(
            "starting",
            DatabaseRecord(status="starting", status_changed_at=NOW - timedelta(minutes=1)),
            "2026-03-02T09:04:00Z",
            id="external start, observed a minute ago",
        ),
        pytest.param("starting", DatabaseRecord(), "2026-03-02T09:05:00Z", id="external start, first observation"),
        pytest.param("stopping", DatabaseRecord(pending_restart=RESTART), "2026-03-02T09:05:00Z", id="restart pending"),
        pytest.param("storage-full", DatabaseRecord(pending_restart=RESTART), None, id="failed"),
        pytest.param("stopped", DatabaseRecord(), None, id="stopped"),
    ],
)
def test_estimated_ready_at__not_started_by_the_app__depends_on_what_is_known(
    status: str, record: DatabaseRecord, expected: str | None
) -> None:
    assert to_json(status, record)["estimated_ready_at"] == expected


@pytest.mark.parametrize(
    ("passed", "retry_after"),
    [
        pytest.param(0, 30, id="just started"),
        pytest.param(250, 25, id="50 s before it is ready"),
        pytest.param(280, 10, id="20 s before"),
        pytest.param(299, 2, id="1 s before"),
        pytest.param(900, 2, id="late"),
    ],
)
def test_retry_after__starting__is_half_of_the_remaining_time_within_2_to_30_s(passed: int, retry_after: int) -> None:
    assert retry_after_seconds(view("starting", started(), NOW + timedelta(seconds=passed))) == retry_after


def test_stops_at__running_and_no_activity_known__is_now() -> None:
    body = to_json("available", DatabaseRecord(status="available"))
    assert (body["stops_at"], body["idle_minutes"]) == ("2026-03-02T09:00:00Z", None)


@pytest.mark.parametrize(
    ("metric", "described", "reason", "stops_at", "idle_minutes"),
    [
        pytest.param(MetricIdle(), {}, "idle", "2026-03-02T08:00:00Z", 120.0, id="idle"),
        pytest.param(
            MetricActive(NOW - timedelta(minutes=3), 0.0),
            {},
            "unreported-connections",
            "2026-03-02T09:57:00Z",
            3.0,
            id="connections open until three minutes ago",
        ),
        pytest.param(MetricActive(NOW, 4.0), {}, "unreported-connections", None, 0.0, id="connections open"),
        pytest.param(MetricUnknown("No datapoints."), {}, "metric-unknown", None, 120.0, id="metric unknown"),
        pytest.param(
            MetricIdle(), {"stop_unsupported": "it is a read replica"}, "cannot-stop", None, 120.0, id="read replica"
        ),
        pytest.param(
            MetricIdle(),
            {"pending_modifications": ("DBInstanceClass",)},
            "pending-modifications",
            None,
            120.0,
            id="pending modification",
        ),
    ],
)
def test_stops_at__running_for_two_hours__is_null_where_something_forbids_the_stop(
    metric: Metric, described: dict[str, Any], reason: str, stops_at: str | None, idle_minutes: float
) -> None:
    record = DatabaseRecord(status="available", first_observed_at=NOW - timedelta(hours=2))
    body = database_to_json(view("available", record, metric=metric, **described), SETTINGS)
    assert (body["reason"], body["stops_at"], body["idle_minutes"]) == (reason, stops_at, idle_minutes)


@pytest.mark.parametrize(
    ("metric", "source"),
    [(MetricIdle(), "started"), (MetricActive(NOW, 1.0), "metric")],
    ids=["first observation", "open connections"],
)
def test_last_activity_source__no_query__says_what_the_timer_runs_from(metric: Metric, source: str) -> None:
    record = DatabaseRecord(status="available", first_observed_at=NOW - timedelta(hours=2))
    assert database_to_json(view("available", record, metric=metric), SETTINGS)["last_activity_source"] == source
