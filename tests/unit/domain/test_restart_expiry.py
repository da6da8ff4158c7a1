"""When a pending restart expires: only time in which RDS could have started the database counts."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.decision import decide
from chalicelib.domain.model import Action
from chalicelib.domain.record import DatabaseRecord, PendingRestart
from chalicelib.domain.restart_expiry import is_restart_expired
from tests.support import NOW
from tests.unit.domain.examples import POLICY, minutes_ago, observed

A_SECOND = timedelta(seconds=1)


def restart_requested(
    minutes: float,
    *,
    status: str | None = "stopped",
    changed: float | None = 600,
    last_requested: float | None = None,
    no_capacity: float | None = None,
) -> DatabaseRecord:
    """A pending restart; each number is of minutes before NOW."""

    def ago(count: float | None) -> datetime | None:
        return None if count is None else minutes_ago(count)

    return DatabaseRecord(
        status=status,
        status_changed_at=ago(changed),
        pending_restart=PendingRestart(minutes_ago(minutes), "ops"),
        last_restart_requested_at=ago(minutes if last_requested is None else last_requested),
        start_prevented_at=ago(no_capacity),
    )


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(restart_requested(60), id="stopped before the request"),
        pytest.param(restart_requested(90, changed=60), id="stopped after the request"),
        pytest.param(restart_requested(180, changed=60), id="stopped long after the request"),
        pytest.param(restart_requested(600, last_requested=60), id="requested again"),
        pytest.param(restart_requested(600, no_capacity=60), id="AWS had no capacity"),
        pytest.param(restart_requested(60, status="incompatible-network"), id="failed, but startable"),
        pytest.param(restart_requested(60, changed=None), id="time of the stop unknown"),
    ],
)
def test_is_restart_expired__startable_for_the_ttl__expires_a_moment_later(record: DatabaseRecord) -> None:
    assert not is_restart_expired(record, POLICY, NOW)
    assert is_restart_expired(record, POLICY, NOW + A_SECOND)
    status = record.status or ""
    assert decide(observed(status), record, POLICY, NOW).action is Action.START
    assert decide(observed(status), record, POLICY, NOW + A_SECOND).action is Action.NONE


@pytest.mark.parametrize(
    "status",
    ["stopping", "starting", "backing-up", "rebooting", "maintenance", "storage-full", "available", "a-later-status"],
)
def test_is_restart_expired__not_startable__never_expires(status: str) -> None:
    assert not is_restart_expired(restart_requested(6000, status=status, changed=6000), POLICY, NOW)


def test_is_restart_expired__no_status_recorded__never_expires() -> None:
    assert not is_restart_expired(restart_requested(6000, status=None, changed=None), POLICY, NOW)


def test_is_restart_expired__none_pending__is_false() -> None:
    assert not is_restart_expired(replace(restart_requested(600), pending_restart=None), POLICY, NOW)
