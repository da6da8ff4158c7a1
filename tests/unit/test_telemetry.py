"""Log lines of passes and events, and the metrics of events."""

import json
from typing import Any

import pytest

from chalicelib import telemetry
from chalicelib.domain.model import (
    APP_ACTOR,
    AWS_ACTOR,
    EXTERNAL_ACTOR,
    Action,
    Decision,
    Description,
    Event,
    EventName,
    Reason,
    State,
    StatusInfo,
)
from tests.support import NOW, PROD


def log_line(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    [record] = caplog.records
    line: dict[str, Any] = json.loads(telemetry.logger.handlers[0].format(record))
    return line


def metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if "_aws" in line]


def test_log_reconcile__known_status__is_one_short_line_with_observation_decision_and_action(
    caplog: pytest.LogCaptureFixture,
) -> None:
    decision = Decision(Action.STOP, Reason.IDLE, "Idle for 2 h.")
    observed = StatusInfo(State.RUNNING, ready=True)
    telemetry.log_reconcile(Description(PROD, "available"), observed, decision, Action.NONE)
    line = log_line(caplog)
    wanted = {
        "level": "INFO",
        "message": "Idle for 2 h.",
        "service": "rds-lifecycle",
        "database": "ss-financial-prod",
        "status": "available",
        "state": "running",
        "action": "none",
        "reason": "idle",
    }
    assert {name: line[name] for name in wanted} == wanted
    assert len(json.dumps(line)) < 400, "CloudWatch bills logs by the byte"


def test_log_reconcile__unknown_status__is_a_warning_that_names_it(caplog: pytest.LogCaptureFixture) -> None:
    decision = Decision(Action.NONE, Reason.BUSY, "An RDS operation is in progress.")
    description = Description(PROD, "status-of-a-later-version")
    telemetry.log_reconcile(description, StatusInfo(State.BUSY), decision, Action.NONE)
    line = log_line(caplog)
    assert line["level"] == "WARNING"
    assert line["message"] == ("Unknown RDS status: status-of-a-later-version. An RDS operation is in progress.")


@pytest.mark.parametrize(
    ("event", "metric", "value"),
    [
        pytest.param(
            Event(NOW, EventName.RESTART_REQUESTED, "ops", "Requested."), "RestartsRequested", 1, id="restart requested"
        ),
        pytest.param(Event(NOW, EventName.STARTING, "ops", "Starts."), "Starts", 1, id="start"),
        pytest.param(Event(NOW, EventName.STOPPING, APP_ACTOR, "Idle."), "Stops", 1, id="stop"),
        pytest.param(Event(NOW, EventName.START_FAILED, "ops", "No capacity."), "Failures", 1, id="start failed"),
        pytest.param(Event(NOW, EventName.STOP_FAILED, APP_ACTOR, "Replica."), "Failures", 1, id="stop failed"),
        pytest.param(Event(NOW, EventName.RESTART_EXPIRED, "ops", "Expired."), "Failures", 1, id="restart expired"),
        pytest.param(
            Event(NOW, EventName.RESTART_CANCELLED, "ops", "Impossible."), "Failures", 1, id="restart cancelled"
        ),
        pytest.param(Event(NOW, EventName.FAILED, None, "Storage full."), "Failures", 1, id="database failed"),
        pytest.param(
            Event(NOW, EventName.AVAILABLE, "ops", "Available.", seconds=240), "SecondsToAvailable", 240, id="available"
        ),
    ],
)
def test_log_event__caused_by_the_app_or_a_failure__is_a_line_and_a_metric(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, event: Event, metric: str, value: float
) -> None:
    telemetry.log_event(PROD, event)
    assert [record.getMessage() for record in caplog.records] == [event.detail]
    [emf] = metrics(capsys)
    assert emf[metric] == [value]
    assert emf["database"] == "ss-financial-prod"
    [directive] = emf["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "rds-lifecycle"
    assert directive["Dimensions"] == [["database"]]


@pytest.mark.parametrize(
    ("by", "connections", "names"),
    [
        pytest.param(APP_ACTOR, 4, ["Stops", "StopsWithOpenConnections"], id="four connections open"),
        pytest.param(APP_ACTOR, None, ["Stops"], id="number not known"),
        pytest.param(APP_ACTOR, 0, ["Stops"], id="no connection open"),
        pytest.param(EXTERNAL_ACTOR, 4, [], id="external stop"),
    ],
)
def test_log_event__stop_with_open_connections__is_counted_for_the_function(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    by: str,
    connections: int | None,
    names: list[str],
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "rds-lifecycle-prod-inactivity_check")
    telemetry.log_event(PROD, Event(NOW, EventName.STOPPING, by, "Idle.", open_connections=connections))
    found = metrics(capsys)
    assert [emf["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] for emf in found] == names
    for emf in found[1:]:
        assert emf["StopsWithOpenConnections"] == [1]
        assert emf["function"] == "rds-lifecycle-prod-inactivity_check"
        assert emf["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["function"]]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(Event(NOW, EventName.STOPPED, APP_ACTOR, "Stopped."), id="end of a stop"),
        pytest.param(Event(NOW, EventName.STOPPING, EXTERNAL_ACTOR, "Stopped."), id="external stop"),
        pytest.param(Event(NOW, EventName.STARTING, EXTERNAL_ACTOR, "Started."), id="external start"),
        pytest.param(Event(NOW, EventName.STARTING, AWS_ACTOR, "After seven days."), id="start by AWS"),
        pytest.param(Event(NOW, EventName.AVAILABLE, AWS_ACTOR, "Available."), id="available after a start by AWS"),
        pytest.param(Event(NOW, EventName.HOLD_SET, "ops", "Kept available."), id="hold"),
    ],
)
def test_log_event__anything_else__is_a_line_without_a_metric(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, event: Event
) -> None:
    telemetry.log_event(PROD, event)
    assert [record.getMessage() for record in caplog.records] == [event.detail]
    assert metrics(capsys) == []
