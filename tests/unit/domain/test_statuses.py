"""RDS statuses: what each means, what it means while the app stops the database, and which descriptions are stale."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.model import Description, State, StatusInfo
from chalicelib.domain.record import DatabaseRecord, StopIntent
from chalicelib.domain.statuses import (
    CONSISTENCY_WINDOW,
    STOP_INTENT_TTL,
    classify_status,
    effective_status,
    has_stop_intent,
    ignore_stale_description,
    is_known,
    is_replaced,
    remedy_for,
)
from tests.support import NOW, PROD

STATUSES_BY_MEANING = {
    "stopped": "stopped",
    "starting": "starting",
    "stopping": "stopping",
    "running, ready": "available",
    "busy, ready": """
        backing-up configuring-enhanced-monitoring configuring-iam-database-auth configuring-log-exports modifying
        resetting-master-credentials scaling-capacity scaling-compute scaling-storage storage-config-upgrade
        storage-initialization storage-optimization update-iam-db-auth
    """,
    "busy, not ready": """
        backtracking converting-to-vpc creating delete-precheck failing-over maintenance migrating moving-to-vpc
        preparing-data-migration promoting rebooting renaming upgrading
    """,
    "failed": """
        automation-paused cloning-failed deleting failed inaccessible-encryption-credentials incompatible-create
        incompatible-option-group incompatible-parameters incompatible-restore insufficient-capacity migration-failed
        restore-error storage-full unsupported-configuration upgrade-failed
    """,
    "failed, can be started": "inaccessible-encryption-credentials-recoverable incompatible-network",
}
"""The documented statuses, by what each means."""

MEANINGS = {
    "stopped": StatusInfo(State.STOPPED, ready=False, startable=True),
    "starting": StatusInfo(State.STARTING, ready=False, startable=False),
    "stopping": StatusInfo(State.STOPPING, ready=False, startable=False),
    "running, ready": StatusInfo(State.RUNNING, ready=True, startable=False),
    "busy, ready": StatusInfo(State.BUSY, ready=True, startable=False),
    "busy, not ready": StatusInfo(State.BUSY, ready=False, startable=False),
    "failed": StatusInfo(State.FAILED, ready=False, startable=False),
    "failed, can be started": StatusInfo(State.FAILED, ready=False, startable=True),
}
MEANING_OF_STATUSES = {
    status: MEANINGS[meaning] for meaning, statuses in STATUSES_BY_MEANING.items() for status in statuses.split()
}
FAILED = [status for status, info in MEANING_OF_STATUSES.items() if info.state is State.FAILED]

CYCLE = ("stopped", "starting", "available", "stopping")
"""The cycle of statuses of a database, in order."""


@pytest.mark.parametrize(
    ("status", "info"),
    [pytest.param(status, info, id=status) for status, info in MEANING_OF_STATUSES.items()],
)
def test_classify_status__documented_status__has_the_documented_meaning(status: str, info: StatusInfo) -> None:
    assert classify_status(status) == info
    assert is_known(status)


def test_classify_status__unknown_status__is_busy_and_not_ready() -> None:
    assert classify_status("status-of-a-later-version") == StatusInfo(State.BUSY)
    assert not is_known("status-of-a-later-version")


@pytest.mark.parametrize("status", FAILED)
def test_remedy_for__failed_status__is_a_sentence_of_its_own(status: str) -> None:
    assert remedy_for(status).endswith(".")
    assert remedy_for(status) not in [remedy_for(other) for other in [*FAILED, "unknown"] if other != status]


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        pytest.param(timedelta(0), True, id="just set"),
        pytest.param(STOP_INTENT_TTL - timedelta(seconds=1), True, id="shortly before it expires"),
        pytest.param(STOP_INTENT_TTL, False, id="expired"),
        pytest.param(-timedelta(seconds=1), True, id="set by a clock that is ahead"),
        pytest.param(-STOP_INTENT_TTL, False, id="set by a clock that is far ahead"),
    ],
)
def test_has_stop_intent__intent_of_some_age__holds_until_it_expires(age: timedelta, *, expected: bool) -> None:
    assert has_stop_intent(DatabaseRecord(stop_intent=StopIntent(NOW - age, "Idle.")), NOW) is expected


def test_has_stop_intent__none_set__is_false() -> None:
    assert not has_stop_intent(DatabaseRecord(), NOW)


@pytest.mark.parametrize(
    ("status", "info"),
    [
        pytest.param("available", StatusInfo(State.STOPPING), id="available"),
        pytest.param("backing-up", StatusInfo(State.STOPPING), id="busy and ready"),
        pytest.param("rebooting", StatusInfo(State.BUSY), id="busy and not ready"),
        pytest.param("stopped", StatusInfo(State.STOPPED, startable=True), id="stopped"),
        pytest.param("storage-full", StatusInfo(State.FAILED), id="failed"),
    ],
)
def test_effective_status__stop_intent_set__ready_database_counts_as_stopping(status: str, info: StatusInfo) -> None:
    record = DatabaseRecord(stop_intent=StopIntent(NOW, "Idle."))
    assert effective_status(Description(PROD, status), record, NOW) == info


def test_effective_status__no_stop_intent_or_an_expired_one__is_the_status_itself() -> None:
    available = StatusInfo(State.RUNNING, ready=True)
    expired = DatabaseRecord(stop_intent=StopIntent(NOW - STOP_INTENT_TTL, "Idle."))
    assert effective_status(Description(PROD, "available"), DatabaseRecord(), NOW) == available
    assert effective_status(Description(PROD, "available"), expired, NOW) == available


def changed_now(status: str, automatic_restart_at: datetime | None = None) -> DatabaseRecord:
    return DatabaseRecord(status=status, status_changed_at=NOW, automatic_restart_at=automatic_restart_at)


@pytest.mark.parametrize("known", CYCLE)
@pytest.mark.parametrize("steps_back", [pytest.param(1, id="one step back"), pytest.param(2, id="two steps back")])
def test_ignore_stale_description__earlier_status_within_the_window__is_replaced(known: str, steps_back: int) -> None:
    in_seven_days = NOW + timedelta(days=7)
    record = changed_now(known, in_seven_days)
    stale = Description(PROD, CYCLE[(CYCLE.index(known) - steps_back) % 4], NOW)
    corrected = Description(PROD, known, in_seven_days if known == "stopped" else None)
    assert ignore_stale_description(stale, record, NOW + CONSISTENCY_WINDOW / 2) == corrected
    assert ignore_stale_description(stale, record, NOW + CONSISTENCY_WINDOW) == stale


@pytest.mark.parametrize("known", CYCLE)
@pytest.mark.parametrize("steps", [pytest.param(0, id="same status"), pytest.param(1, id="next status")])
def test_ignore_stale_description__same_or_next_status__is_kept(known: str, steps: int) -> None:
    description = Description(PROD, CYCLE[(CYCLE.index(known) + steps) % 4])
    assert ignore_stale_description(description, changed_now(known), NOW) == description


@pytest.mark.parametrize(
    ("known", "described", "expected"),
    [
        pytest.param("backing-up", "starting", "backing-up", id="a database that is backed up has started"),
        pytest.param("backing-up", "available", "available", id="a backup ends"),
        pytest.param("stopping", "modifying", "stopping", id="a database that is modified is not stopping"),
    ],
)
def test_ignore_stale_description__busy_and_ready__counts_as_running(known: str, described: str, expected: str) -> None:
    assert ignore_stale_description(Description(PROD, described), changed_now(known), NOW).status == expected


@pytest.mark.parametrize("in_cycle", CYCLE)
@pytest.mark.parametrize("outside", ["storage-full", "status-of-a-later-version", "rebooting"])
def test_ignore_stale_description__status_outside_the_cycle__is_kept(in_cycle: str, outside: str) -> None:
    assert ignore_stale_description(Description(PROD, outside), changed_now(in_cycle), NOW).status == outside
    assert ignore_stale_description(Description(PROD, in_cycle), changed_now(outside), NOW).status == in_cycle


@pytest.mark.parametrize("status", CYCLE)
def test_ignore_stale_description__first_observation__is_kept(status: str) -> None:
    assert ignore_stale_description(Description(PROD, status), DatabaseRecord(), NOW).status == status


RESOURCE, ANOTHER = "db-FIRST", "db-SECOND"


@pytest.mark.parametrize(
    ("recorded", "described", "expected"),
    [
        pytest.param(RESOURCE, RESOURCE, False, id="the same resource"),
        pytest.param(RESOURCE, ANOTHER, True, id="another resource"),
        pytest.param(None, RESOURCE, False, id="none recorded"),
        pytest.param(RESOURCE, None, False, id="none described"),
        pytest.param(None, None, False, id="none known"),
    ],
)
def test_is_replaced__resource_ids__must_both_be_known_and_differ(
    recorded: str | None, described: str | None, *, expected: bool
) -> None:
    description = Description(PROD, "available", resource_id=described)
    assert is_replaced(DatabaseRecord(resource_id=recorded), description) is expected


@pytest.mark.parametrize(
    ("described", "status"),
    [
        pytest.param(ANOTHER, "stopping", id="another resource, not stale"),
        pytest.param(RESOURCE, "stopped", id="the same resource, stale"),
        pytest.param(None, "stopped", id="unknown resource, stale"),
    ],
)
def test_ignore_stale_description__earlier_status__is_kept_if_it_is_of_another_resource(
    described: str | None, status: str
) -> None:
    record = replace(changed_now("stopped"), resource_id=RESOURCE)
    description = Description(PROD, "stopping", resource_id=described)
    assert ignore_stale_description(description, record, NOW).status == status
