"""Starts by AWS after seven days: only one that AWS has announced, and that is due, does not start the idle timer."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.activity import LastQuery
from chalicelib.domain.decision import decide
from chalicelib.domain.idle_timer import last_activity
from chalicelib.domain.model import Action, Decision, Description, EventName, Observation, Reason, State, StatusInfo
from chalicelib.domain.record import DatabaseRecord
from chalicelib.domain.transitions.commands import RequestRestart, apply_command
from chalicelib.domain.transitions.results import start_accepted, stop_accepted
from tests.support import NOW, PROD
from tests.unit.domain.transitions.examples import (
    AVAILABLE,
    EXTERNAL,
    IN_SEVEN_DAYS,
    PENDING,
    POLICY,
    STOPPED,
    names_and_initiators,
    observe,
)

DUE = IN_SEVEN_DAYS
ITEM = LastQuery(NOW - timedelta(hours=2))
"""The last query was before the stop."""


def after(minutes: float) -> datetime:
    """This number of minutes after AutomaticRestartTime."""
    return DUE + timedelta(minutes=minutes)


def decide_at(record: DatabaseRecord, at: datetime) -> Decision:
    observation = Observation(PROD, at, Description(PROD, "available"), record, ITEM)
    return decide(observation, record, POLICY, at)


def steps(
    record: DatabaseRecord, *observations: tuple[str, float, bool]
) -> tuple[DatabaseRecord, list[tuple[EventName, str | None]]]:
    """Each observation is a status, the minutes after AutomaticRestartTime, and whether an event came with it."""
    happened = []
    for status, minutes, announced in observations:
        restart_at = DUE if status == "stopped" else None
        record, events = observe(record, status, after(minutes), restart_at, announced=announced)
        happened += names_and_initiators(events)
    return record, happened


@pytest.mark.parametrize(
    ("observations", "events"),
    [
        pytest.param(
            [("stopped", 1, True), ("starting", 2, False), ("available", 8, False)],
            [(EventName.STARTING, "AWS"), (EventName.AVAILABLE, "AWS")],
            id="event before the status changes",
        ),
        pytest.param(
            [("starting", 2, True), ("available", 8, False)],
            [(EventName.STARTING, "AWS"), (EventName.AVAILABLE, "AWS")],
            id="event with the new status",
        ),
        pytest.param(
            [("starting", 2, False), ("starting", 3, True), ("available", 8, False)],
            [(EventName.STARTING, EXTERNAL), (EventName.AVAILABLE, "AWS")],
            id="event during the start",
        ),
        pytest.param(
            [("starting", 2, False), ("available", 8, True)],
            [(EventName.STARTING, EXTERNAL), (EventName.AVAILABLE, "AWS")],
            id="event when it is available",
        ),
        pytest.param(
            [("starting", 2, False), ("available", 8, False), ("available", 9, True)],
            [(EventName.STARTING, EXTERNAL), (EventName.AVAILABLE, EXTERNAL)],
            id="event after it is available",
        ),
        pytest.param([("available", 8, True)], [(EventName.AVAILABLE, "AWS")], id="start not observed"),
        pytest.param(
            [("starting", 0, True), ("available", 8, False)],
            [(EventName.STARTING, "AWS"), (EventName.AVAILABLE, "AWS")],
            id="exactly at AutomaticRestartTime",
        ),
        pytest.param(
            [("starting", 2, True), ("starting", 3, True), ("available", 8, True), ("available", 9, True)],
            [(EventName.STARTING, "AWS"), (EventName.AVAILABLE, "AWS")],
            id="event several times",
        ),
        pytest.param(
            [("maintenance", -3, False), ("starting", 5, True), ("upgrading", 8, False), ("available", 9, False)],
            [
                (EventName.BUSY, None),
                (EventName.STARTING, "AWS"),
                (EventName.BUSY, None),
                (EventName.AVAILABLE, "AWS"),
            ],
            id="maintenance before and after",
        ),
    ],
)
def test_automatic_start__announced_and_due__does_not_start_the_idle_timer(
    observations: list[tuple[str, float, bool]], events: list[tuple[EventName, str | None]]
) -> None:
    record, happened = steps(STOPPED, *observations)
    assert happened == events
    assert record.started_by_aws
    decision = decide_at(record, after(10))
    assert (decision.action, decision.reason) == (Action.STOP, Reason.IDLE)
    assert decision.detail.startswith("AWS started it automatically after seven days. ")


@pytest.mark.parametrize(
    "observations",
    [
        pytest.param([("starting", 2, False), ("available", 8, False)], id="no event although the time has passed"),
        pytest.param([("starting", -5, False), ("available", 3, False)], id="no event, five minutes before the time"),
        pytest.param([("available", 8, False)], id="no event, start not observed"),
        pytest.param([("stopped", -1, True), ("starting", 2, False), ("available", 8, False)], id="event too early"),
        pytest.param([("starting", -1, True), ("available", 8, False)], id="event with the status too early"),
    ],
)
def test_automatic_start__not_announced_or_not_due__is_of_a_person_and_has_a_full_idle_timeout(
    observations: list[tuple[str, float, bool]],
) -> None:
    record, happened = steps(STOPPED, *observations)
    assert {by for _, by in happened} == {EXTERNAL}
    assert not record.started_by_aws
    available = observations[-1][1]
    assert record.available_since == after(available)
    assert decide_at(record, after(available + 60)).reason is Reason.RECENT_ACTIVITY
    assert decide_at(record, after(available + 61)).action is Action.STOP


def test_automatic_start__automatic_restart_time_unknown__is_of_a_person() -> None:
    record, happened = steps(replace(STOPPED, automatic_restart_at=None), ("starting", 2, True), ("available", 8, True))
    assert happened == [(EventName.STARTING, EXTERNAL), (EventName.AVAILABLE, EXTERNAL)]
    assert not record.started_by_aws


def test_automatic_start__restart_pending__is_of_the_requester() -> None:
    pending = replace(PENDING, last_restart_requested_at=DUE)
    record, happened = steps(pending, ("starting", 2, True), ("available", 8, True), ("available", 9, True))
    assert happened == [(EventName.STARTING, "ops"), (EventName.AVAILABLE, "ops")]
    assert (record.started_by_aws, record.started_on_request, record.pending_restart) == (False, True, None)
    assert decide_at(record, after(60)).reason is Reason.RECENT_ACTIVITY


def test_automatic_start__the_app_has_started_it__is_of_the_requester() -> None:
    record = start_accepted(PENDING, after(1)).record
    record, happened = steps(record, ("starting", 2, True), ("available", 8, True))
    assert happened == [(EventName.AVAILABLE, "ops")]
    assert not record.started_by_aws


@pytest.mark.parametrize(
    ("status", "info"),
    [
        pytest.param("stopped", StatusInfo(State.STOPPED, startable=True), id="stopped"),
        pytest.param("starting", StatusInfo(State.STARTING), id="starting"),
        pytest.param("available", StatusInfo(State.RUNNING, ready=True), id="available"),
    ],
)
def test_automatic_start__restart_requested_after_the_announcement__starts_the_idle_timer(
    status: str, info: StatusInfo
) -> None:
    record, _ = steps(STOPPED, (status, 2, True))
    assert record.started_by_aws or record.automatic_start_announced_at == after(2)
    record = apply_command(record, RequestRestart("ops", after(3)), info, after(3)).record
    assert not record.started_by_aws
    record, _ = steps(record, ("available", 8, False))
    assert decide_at(record, after(60)).reason is Reason.RECENT_ACTIVITY


def test_automatic_start__late_event_of_an_earlier_stop__is_of_a_person() -> None:
    record, _ = steps(STOPPED, ("starting", 2, True), ("available", 8, False))
    record, _ = observe(record, "stopping", after(10))
    assert not record.started_by_aws
    record, _ = observe(record, "stopped", after(15), after(15) + timedelta(days=7))
    record, events = observe(record, "starting", after(20), announced=True)
    assert names_and_initiators(events) == [(EventName.STARTING, EXTERNAL)]
    record, _ = observe(record, "available", after(25), announced=True)
    assert (record.started_by_aws, record.available_since) == (False, after(25))


STOP = Decision(Action.STOP, Reason.IDLE, "Idle.")


@pytest.mark.parametrize("is_recorded", [pytest.param(True, id="recorded"), pytest.param(False, id="not observed")])
def test_automatic_start__started_outside_after_a_stop__starts_the_idle_timer(*, is_recorded: bool) -> None:
    by_aws = replace(AVAILABLE, started_by_aws=True, automatic_restart_at=DUE)
    record = stop_accepted(by_aws, STOP, DUE).record if is_recorded else by_aws
    record, happened = steps(record, ("starting", 15, False), ("available", 20, False))
    assert happened[-2:] == [(EventName.STARTING, EXTERNAL), (EventName.AVAILABLE, EXTERNAL)]
    last = last_activity(Observation(PROD, after(20), Description(PROD, "available"), record, ITEM), record)
    assert last is not None
    assert last.at == after(20)


def test_stopped__after_an_automatic_start__has_the_automatic_restart_time_of_the_new_stop() -> None:
    record, _ = steps(STOPPED, ("starting", 2, True), ("available", 8, False))
    assert record.automatic_restart_at == DUE
    record, _ = observe(record, "stopped", after(15), after(15) + timedelta(days=7))
    assert (record.automatic_restart_at, record.started_by_aws) == (after(15) + timedelta(days=7), False)


def test_automatic_start__announced_long_before_the_start__is_of_a_person() -> None:
    record, _ = steps(STOPPED, ("stopped", 2, True))
    assert record.automatic_start_announced_at == after(2)
    soon, _ = steps(record, ("starting", 62, False))
    assert soon.started_by_aws
    later, _ = steps(record, ("starting", 62.1, False))
    assert not later.started_by_aws
