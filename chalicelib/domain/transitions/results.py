"""Results of actions: the transitions that follow from the response of RDS to a start or a stop."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from chalicelib.domain.errors import CannotStart, CannotStop, InvalidState, Problem
from chalicelib.domain.model import (
    APP_ACTOR,
    AcceptedStart,
    DatabaseRecord,
    Event,
    EventName,
    StopIntent,
    Transition,
)

_STOP_REFUSED: Final = (InvalidState.__name__, CannotStop.__name__)


def set_stop_intent(record: DatabaseRecord, reason: str, now: datetime) -> Transition:
    """Set the stop intent: the database counts as stopping from now on."""
    return Transition(replace(record, stop_intent=StopIntent(now, reason)))


def clear_stop_intent(record: DatabaseRecord) -> Transition:
    """Clear the stop intent, because the stop was not carried out."""
    return Transition(replace(record, stop_intent=None))


def start_accepted(record: DatabaseRecord, now: datetime) -> Transition:
    """RDS accepted a start. Another function may have observed and recorded it already."""
    restart = record.pending_restart
    if restart is None:
        return Transition(record)
    started = replace(
        record,
        pending_restart=None,
        accepted_start=AcceptedStart(now, restart),
        stop_intent=None,
        last_error=None,
        status="starting",
        status_changed_at=now,
    )
    detail = "RDS starts it, as requested."
    return Transition(started, (Event(now, EventName.STARTING, restart.by, detail, "starting"),))


def stop_accepted(record: DatabaseRecord, reason: str, now: datetime) -> Transition:
    """RDS accepted a stop. The stop intent stays set until the database is observed to have stopped."""
    if record.status in ("stopping", "stopped"):
        return Transition(record)
    stopping = replace(record.with_uptime_cleared(), status="stopping", status_changed_at=now)
    return Transition(stopping, (Event(now, EventName.STOPPING, APP_ACTOR, reason, "stopping"),))


def start_failed(record: DatabaseRecord, problem: Problem, now: datetime) -> Transition:
    """RDS refused a start. CannotStart cancels the restart; after any other problem the next pass tries again.

    A problem that repeats is recorded once.
    """
    restart, error, permanent = record.pending_restart, type(problem).__name__, isinstance(problem, CannotStart)
    if restart is None:
        return Transition(record)
    failed = replace(record, pending_restart=None if permanent else restart, last_error=error)
    if record.last_error == error and not permanent:
        return Transition(failed)
    name = EventName.RESTART_CANCELLED if permanent else EventName.START_FAILED
    return Transition(failed, (Event(now, name, restart.by, problem.detail, record.status),))


def stop_failed(record: DatabaseRecord, problem: Problem, now: datetime) -> Transition:
    """RDS refused a stop for a reason other than the database's state. A problem that repeats is recorded once."""
    error = type(problem).__name__
    failed = replace(record, stop_intent=None, last_error=error)
    if record.last_error == error:
        return Transition(failed)
    return Transition(failed, (Event(now, EventName.STOP_FAILED, APP_ACTOR, problem.detail, record.status),))


def stop_refused_while_running(record: DatabaseRecord) -> Transition:
    """RDS refused a stop for the database's state, but describes it as available.

    The stop intent stays set: an earlier attempt, whose response was lost, may have been accepted.
    """
    return Transition(replace(record, last_error=InvalidState.__name__))


def is_stop_refused_repeatedly(record: DatabaseRecord) -> bool:
    """Whether RDS refused the stop before this one, too."""
    return record.last_error in _STOP_REFUSED
