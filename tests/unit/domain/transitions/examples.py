"""The records and the observation that the tests of the transitions begin with."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.model import Description, Event, EventName, Policy
from chalicelib.domain.record import DatabaseRecord, PendingRestart
from chalicelib.domain.transitions.observations import apply_observation
from tests.support import NOW, PROD

POLICY = Policy(idle_timeout=timedelta(hours=1), restart_ttl=timedelta(hours=1))
IN_SEVEN_DAYS = NOW + timedelta(days=7)
EXTERNAL = "somebody outside rds-lifecycle"

STOPPED = DatabaseRecord(status="stopped", automatic_restart_at=IN_SEVEN_DAYS)
AVAILABLE = DatabaseRecord(status="available", available_since=NOW)
RESTART = PendingRestart(NOW, "ops")
PENDING = replace(STOPPED, pending_restart=RESTART, last_restart_requested_at=NOW)


def minutes(count: float) -> datetime:
    """This number of minutes after NOW."""
    return NOW + timedelta(minutes=count)


def observe(
    record: DatabaseRecord,
    status: str,
    at: datetime = NOW,
    automatic_restart_at: datetime | None = None,
    *,
    announced: bool = False,
    resource_id: str | None = None,
) -> tuple[DatabaseRecord, list[Event]]:
    """The record and the events after an observation that is not the first of its day.

    ``announced``: an event of RDS has announced an automatic start.
    """
    later = replace(record, last_daily_status_on=at.date())
    description = Description(
        PROD, status, automatic_restart_at, resource_id=resource_id, automatic_start_announced=announced
    )
    transition = apply_observation(later, description, POLICY, at)
    return replace(transition.record, last_daily_status_on=record.last_daily_status_on), list(transition.events)


def names(events: list[Event]) -> list[EventName]:
    """What happened."""
    return [event.name for event in events]


def names_and_initiators(events: list[Event]) -> list[tuple[EventName, str | None]]:
    """What happened, and who caused it."""
    return [(event.name, event.by) for event in events]
