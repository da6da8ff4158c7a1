"""Only a database that was stopped, starting or first seen becomes available, which starts the idle timer."""

from dataclasses import replace

import pytest

from chalicelib.domain.activity import NoActivity
from chalicelib.domain.decision import decide
from chalicelib.domain.model import Action, Description, EventName, Observation
from chalicelib.domain.record import DatabaseRecord
from tests.support import NOW, PROD
from tests.unit.domain.transitions.examples import AVAILABLE, IN_SEVEN_DAYS, POLICY, STOPPED, minutes, names, observe

FIRST_OBSERVED = replace(AVAILABLE, first_observed_at=NOW)


def observe_all(record: DatabaseRecord, *statuses: str) -> DatabaseRecord:
    """The record after one observation every ten minutes, from the tenth on."""
    for number, status in enumerate(statuses, start=1):
        record, _ = observe(record, status, minutes(10 * number), IN_SEVEN_DAYS if status == "stopped" else None)
    return record


@pytest.mark.parametrize(
    "statuses",
    [
        pytest.param(["rebooting"], id="reboot"),
        pytest.param(["scaling-compute"], id="scaling of a cluster"),
        pytest.param(["status-of-a-later-version"], id="unknown status"),
        pytest.param(["storage-full"], id="storage full"),
        pytest.param(["incompatible-network"], id="failed but startable"),
        pytest.param(["backing-up"], id="backup"),
        pytest.param(["modifying", "rebooting"], id="modification and reboot"),
        pytest.param(["maintenance", "upgrading"], id="upgrade"),
        pytest.param(["failing-over", "storage-full", "modifying"], id="failover, storage full, modification"),
    ],
)
def test_available__after_an_operation_or_a_failure__does_not_start_the_idle_timer(statuses: list[str]) -> None:
    record = observe_all(FIRST_OBSERVED, *statuses, "available")
    assert (record.status, record.available_since, record.first_observed_at) == ("available", NOW, NOW)


@pytest.mark.parametrize(
    ("statuses", "minute"),
    [
        pytest.param(["stopped", "starting", "available"], 30, id="started"),
        pytest.param(["stopped", "available"], 20, id="stopped, start not observed"),
        pytest.param(["starting", "available"], 20, id="starting, stop not observed"),
        pytest.param(["stopping", "stopped", "maintenance", "available"], 40, id="stopped, then maintenance"),
        pytest.param(["stopped", "starting", "upgrading", "available"], 40, id="upgraded during the start"),
        pytest.param(["stopped", "starting", "backing-up", "available"], 30, id="ready during the first backup"),
        pytest.param(["stopped", "starting", "storage-full", "available"], 40, id="failed during the start"),
        pytest.param(["stopped", "incompatible-network", "available"], 30, id="failed while it was stopped"),
    ],
)
def test_available__after_a_stop_or_a_start__starts_the_idle_timer(statuses: list[str], minute: float) -> None:
    assert observe_all(FIRST_OBSERVED, *statuses).available_since == minutes(minute)


@pytest.mark.parametrize(
    ("statuses", "minute"),
    [
        pytest.param(["creating", "backing-up", "available"], 20, id="restored"),
        pytest.param(["rebooting", "available"], 20, id="first seen during a reboot"),
        pytest.param(["storage-full", "available"], 20, id="first seen as failed"),
        pytest.param(["available", "rebooting", "available"], 10, id="first seen as available"),
    ],
)
def test_available__first_seen__starts_the_idle_timer_when_it_is_ready_for_the_first_time(
    statuses: list[str], minute: float
) -> None:
    assert observe_all(DatabaseRecord(), *statuses).available_since == minutes(minute)


@pytest.mark.parametrize(
    ("status", "name", "detail"),
    [
        pytest.param("rebooting", EventName.BUSY, "The RDS operation has ended.", id="operation"),
        pytest.param("backing-up", EventName.BUSY, "The RDS operation has ended.", id="backup"),
        pytest.param("storage-full", EventName.FAILED, "It is available again after the failure.", id="failure"),
    ],
)
def test_available__again__is_recorded_without_an_initiator(status: str, name: EventName, detail: str) -> None:
    record, events = observe(AVAILABLE, status, minutes(30))
    assert names(events) == [name]
    _, [event] = observe(record, "available", minutes(40))
    assert (event.name, event.by, event.detail) == (EventName.AVAILABLE, None, detail)


@pytest.mark.parametrize("status", ["scaling-compute", "rebooting", "status-of-a-later-version", "storage-full"])
def test_available__operation_every_fifty_minutes_and_no_use__stops(status: str) -> None:
    record, stops_at = FIRST_OBSERVED, None
    for minute in range(5, 200, 5):
        described = status if minute % 50 == 0 else "available"
        record, _ = observe(record, described, minutes(minute))
        observation = Observation(PROD, minutes(minute), Description(PROD, described), record, NoActivity())
        if decide(observation, record, POLICY, minutes(minute)).action is Action.STOP:
            stops_at = minute
            break
    assert stops_at == 65


def test_stopped__without_a_known_uptime__has_none() -> None:
    assert observe(STOPPED, "stopped", automatic_restart_at=IN_SEVEN_DAYS)[0].available_since is None
