"""One line for each run, one for each event, and metrics only of what happened."""

import json
from typing import Any

import pytest

from chalicelib import telemetry
from chalicelib.domain.model import (
    APP_ACTOR,
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


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_run_is_one_line_with_what_was_seen_decided_and_done(caplog: pytest.LogCaptureFixture) -> None:
    decision = Decision(Action.STOP, Reason.IDLE, "Idle for 2 h.")
    telemetry.log_reconcile(
        Description(PROD, "available"), StatusInfo(State.RUNNING, ready=True), decision, Action.NONE
    )
    [record] = caplog.records
    line = json.loads(telemetry.logger.handlers[0].format(record))
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
    assert len(json.dumps(line)) < 400, "logs are billed by the byte"


@pytest.mark.parametrize(
    ("event", "metric", "value"),
    [
        (Event(NOW, EventName.RESTART_REQUESTED, "ops", "Asked."), "RestartsRequested", 1),
        (Event(NOW, EventName.STARTING, "ops", "Starts."), "Starts", 1),
        (Event(NOW, EventName.STOPPING, APP_ACTOR, "Idle."), "Stops", 1),
        (Event(NOW, EventName.START_FAILED, "ops", "No room."), "Failures", 1),
        (Event(NOW, EventName.STOP_FAILED, APP_ACTOR, "Replica."), "Failures", 1),
        (Event(NOW, EventName.RESTART_EXPIRED, "ops", "Too late."), "Failures", 1),
        (Event(NOW, EventName.RESTART_CANCELLED, "ops", "Broken."), "Failures", 1),
        (Event(NOW, EventName.FAILED, None, "Full."), "Failures", 1),
        (Event(NOW, EventName.AVAILABLE, "ops", "Ready.", seconds=240), "SecondsToAvailable", 240),
    ],
)
def test_what_happened_is_a_line_and_a_metric(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, event: Event, metric: str, value: float
) -> None:
    telemetry.log_event(PROD, event)
    assert [record.getMessage() for record in caplog.records] == [event.detail]
    [emf] = [line for line in printed(capsys) if "_aws" in line]
    assert emf[metric] == [value]
    assert emf["database"] == "ss-financial-prod"
    [directive] = emf["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "rds-lifecycle"
    assert directive["Dimensions"] == [["database"]]


@pytest.mark.parametrize(
    "event",
    [
        Event(NOW, EventName.STOPPED, APP_ACTOR, "Stopped."),
        Event(NOW, EventName.STOPPING, "somebody else", "Stopped by hand."),
        Event(NOW, EventName.STARTING, "AWS", "After seven days."),
        Event(NOW, EventName.HOLD_SET, "ops", "Held."),
        Event(NOW, EventName.AVAILABLE, "AWS", "Ready."),
    ],
)
def test_what_the_app_did_not_do_is_no_metric(capsys: pytest.CaptureFixture[str], event: Event) -> None:
    telemetry.log_event(PROD, event)
    assert [line for line in printed(capsys) if "_aws" in line] == []
