"""How the simulated RDS behaves: statuses over time, refusals, the start after seven days, events, lag."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.model import DatabaseRef
from dev.local.rds_behavior import SEVEN_DAYS, RdsBehavior, RequestRefused, StartFailed
from dev.local.rds_changes import Cause, StatusChange
from dev.local.rds_timing import FixedTiming
from tests.support import ANALYTICS, NOW, PROD, Clock

START, STOP = timedelta(seconds=240), timedelta(seconds=180)


@dataclass
class Rds:
    """The behavior with a clock, and the changes so far."""

    timing: FixedTiming = field(default_factory=FixedTiming)
    is_complete: Callable[[DatabaseRef, str], bool] = lambda _ref, _status: True

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.changes: list[StatusChange] = []
        self.scheduled: list[datetime] = []
        self.behavior = RdsBehavior(
            self.clock, self.timing, self.changes.append, self.scheduled.append, self._is_complete
        )

    def _is_complete(self, ref: DatabaseRef, status: str) -> bool:
        return self.is_complete(ref, status)

    def status(self, ref: DatabaseRef = PROD) -> str:
        """The described status."""
        return self.behavior.describe(ref).status

    def restart_at(self, ref: DatabaseRef = PROD) -> datetime | None:
        """The described AutomaticRestartTime."""
        return self.behavior.describe(ref).automatic_restart_at

    def statuses(self) -> list[tuple[str, Cause]]:
        """The statuses reached so far, with their causes."""
        return [(change.after, change.cause) for change in self.changes]


class Lagging(FixedTiming):
    """Descriptions return the previous status for 40 s."""

    def lag_duration(self) -> float:
        """Always the same."""
        return 40

    def describes_previous_status(self) -> bool:
        """Always, within the lag."""
        return True


@pytest.mark.parametrize("ref", [PROD, ANALYTICS], ids=["instance", "cluster"])
def test_start_and_stop__change_the_status_after_their_durations(ref: DatabaseRef) -> None:
    rds = Rds()
    rds.behavior.add(ref, "stopped")
    rds.behavior.start(ref)
    assert (rds.status(ref), rds.restart_at(ref)) == ("starting", None)
    rds.clock.advance(seconds=240)
    assert rds.behavior.is_ready(ref)
    rds.behavior.stop(ref)
    rds.clock.advance(seconds=180)
    assert (rds.status(ref), rds.restart_at(ref)) == ("stopped", NOW + START + STOP + SEVEN_DAYS)
    assert rds.statuses() == [
        ("starting", Cause.REQUESTED),
        ("available", Cause.COMPLETED),
        ("stopping", Cause.REQUESTED),
        ("stopped", Cause.COMPLETED),
    ]
    assert {NOW + START, NOW + START + STOP} <= set(rds.scheduled)


@pytest.mark.parametrize(
    ("status", "verb", "code"),
    [
        ("available", "start", "InvalidDBInstanceState"),
        ("starting", "start", "InvalidDBInstanceState"),
        ("starting", "stop", "InvalidDBInstanceState"),
        ("stopped", "stop", "InvalidDBInstanceState"),
        ("no capacity", "start", "InsufficientDBInstanceCapacity"),
        ("stop unsupported", "stop", "InvalidParameterCombination"),
        ("deleted", "start", "DBInstanceNotFound"),
    ],
    ids=lambda value: str(value).replace(" ", "-"),
)
def test_request__in_a_status_that_does_not_allow_it__is_refused(status: str, verb: str, code: str) -> None:
    rds = Rds()
    database = rds.behavior.add(PROD, {"no capacity": "stopped", "stop unsupported": "available"}.get(status, status))
    database.stop_unsupported = status == "stop unsupported"
    database.no_capacity_until = NOW + timedelta(hours=1)
    if status == "deleted":
        rds.behavior.remove(PROD)
    assert not rds.behavior.would_accept(PROD, verb)
    with pytest.raises(RequestRefused) as error:
        getattr(rds.behavior, verb)(PROD)
    assert error.value.code == code


def test_start__once_capacity_is_available_again__is_accepted() -> None:
    rds = Rds()
    rds.behavior.add(PROD, "stopped").no_capacity_until = NOW + timedelta(hours=1)
    rds.clock.advance(minutes=60)
    assert rds.behavior.would_accept(PROD, "start")


def test_stopped_database__after_seven_days__starts_at_that_time() -> None:
    rds = Rds()
    rds.behavior.add(PROD, "stopped")
    rds.clock.advance(days=8)
    assert rds.status() == "available"
    assert [(change.after, change.at, change.cause) for change in rds.changes] == [
        ("starting", NOW + SEVEN_DAYS, Cause.SEVEN_DAYS),
        ("available", NOW + SEVEN_DAYS + START, Cause.COMPLETED),
    ]


def test_start_without_effect__returns_to_stopped_and_keeps_the_automatic_restart() -> None:
    rds = Rds()
    rds.behavior.add(PROD, "stopped").start_has_no_effect = True
    rds.behavior.start(PROD)
    rds.clock.advance(minutes=4)
    assert (rds.status(), rds.restart_at()) == ("stopped", NOW + SEVEN_DAYS)
    assert rds.statuses()[-1] == ("stopped", Cause.NO_EFFECT)
    rds.behavior.start(PROD)
    rds.clock.advance(minutes=4)
    assert rds.status() == "available"


def test_maintenance_of_a_stopped_database__keeps_the_automatic_restart() -> None:
    rds = Rds()
    rds.behavior.add(PROD, "stopped")
    rds.behavior.set_status_for(PROD, "modifying", 600)
    assert (rds.status(), rds.restart_at()) == ("modifying", NOW + SEVEN_DAYS)
    rds.clock.advance(minutes=10)
    assert (rds.status(), rds.restart_at()) == ("stopped", NOW + SEVEN_DAYS)


def test_scheduled_change__after_another_change_or_a_deletion__does_not_take_place() -> None:
    rds = Rds()
    rds.behavior.add(PROD, "stopped")
    rds.behavior.add(ANALYTICS, "stopped")
    rds.behavior.start(PROD)
    rds.behavior.start(ANALYTICS)
    rds.behavior.set_status(PROD.id, "failed")
    rds.behavior.remove(ANALYTICS)
    rds.clock.advance(days=8)
    assert rds.status() == "failed"
    assert [change.after for change in rds.changes if change.ref == ANALYTICS] == ["starting"]


def test_description__within_the_lag__returns_the_previous_status() -> None:
    rds = Rds(Lagging())
    rds.behavior.add(PROD, "stopped")
    assert rds.behavior.start(PROD).status == "starting"
    rds.clock.advance(seconds=39)
    assert (rds.status(), rds.restart_at()) == ("stopped", NOW + SEVEN_DAYS)
    rds.clock.advance(seconds=1)
    assert (rds.status(), rds.restart_at()) == ("starting", None)


def test_stop_response__of_a_cluster_within_the_lag__shows_available() -> None:
    rds = Rds(Lagging())
    rds.behavior.add(PROD, "available")
    rds.behavior.add(ANALYTICS, "available")
    assert rds.behavior.stop(PROD).status == "stopping"
    assert rds.behavior.stop(ANALYTICS).status == "available"


def test_change__that_is_not_complete__takes_place_later() -> None:
    rds = Rds(is_complete=lambda _ref, _status: False)
    rds.behavior.add(PROD, "stopped")
    rds.behavior.start(PROD)
    rds.clock.advance(minutes=5)
    assert rds.status() == "starting"
    rds.is_complete = lambda _ref, _status: True
    assert rds.status() == "available"


def test_start__that_fails__changes_the_status_to_failed_with_the_reason() -> None:
    def fail(_ref: DatabaseRef, _status: str) -> bool:
        raise StartFailed("no disk space")

    rds = Rds(is_complete=fail)
    rds.behavior.add(PROD, "stopped")
    rds.behavior.start(PROD)
    rds.clock.advance(minutes=5)
    assert rds.status() == "failed"
    assert (rds.changes[-1].cause, rds.changes[-1].detail) == (Cause.FAILED, "no disk space")


@pytest.mark.parametrize(
    ("ref", "after", "cause", "event_id"),
    [
        (PROD, "stopped", Cause.COMPLETED, "RDS-EVENT-0087"),
        (PROD, "available", Cause.COMPLETED, "RDS-EVENT-0088"),
        (PROD, "starting", Cause.SEVEN_DAYS, "RDS-EVENT-0154"),
        (ANALYTICS, "stopped", Cause.COMPLETED, "RDS-EVENT-0150"),
        (ANALYTICS, "available", Cause.COMPLETED, "RDS-EVENT-0151"),
        (ANALYTICS, "starting", Cause.SEVEN_DAYS, "RDS-EVENT-0153"),
        (PROD, "starting", Cause.REQUESTED, None),
        (PROD, "stopping", Cause.REQUESTED, None),
        (PROD, "backing-up", Cause.MAINTENANCE, None),
    ],
    ids=lambda value: str(getattr(value, "id", getattr(value, "value", value))),
)
def test_change__has_its_rds_event(ref: DatabaseRef, after: str, cause: Cause, event_id: str | None) -> None:
    event = StatusChange(NOW, ref, "any", after, cause).event
    assert (event.event_id if event is not None else None) == event_id
