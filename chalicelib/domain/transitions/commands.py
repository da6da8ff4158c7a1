"""The changes that the app itself makes to a record: wishes of people, and what it did to a database. Pure."""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from chalicelib.domain.decision import has_stop_intent
from chalicelib.domain.model import (
    APP_ACTOR,
    AcceptedStart,
    DatabaseRecord,
    Event,
    EventName,
    Hold,
    PendingRestart,
    State,
    StatusInfo,
    StopIntent,
    Transition,
)
from chalicelib.domain.timestamps import format_time


def request_restart(record: DatabaseRecord, condition: StatusInfo | None, by: str, now: datetime) -> Transition:
    """Somebody asks for a restart. ``condition`` is None where RDS did not answer.

    The time always counts as a sign of use. Where the database is not on its way up, the restart becomes pending. Where
    somebody else has started it, the restart is remembered with that start, which may yet come to nothing.
    """
    asked = replace(record, last_restart_requested_at=max(now, record.last_restart_requested_at or now))
    told = (Event(now, EventName.RESTART_REQUESTED, by, "A restart was asked for.", record.status),)
    if condition is not None and condition.state is State.STARTING and record.accepted_start is None:
        return Transition(asked.with_external_start(by, now, now), told)
    if record.pending_restart is not None or (condition is not None and not _wants_start(condition)):
        return Transition(record if condition is not None and condition.state is State.FAILED else asked)
    return Transition(replace(asked, pending_restart=PendingRestart(now, by), last_error=None), told)


def _wants_start(condition: StatusInfo) -> bool:
    match condition.state:
        case State.STOPPED | State.STOPPING:
            return True
        case State.BUSY:
            return not condition.ready
        case State.RUNNING | State.STARTING | State.FAILED:
            return False
        case unexpected:
            assert_never(unexpected)


def set_hold(
    record: DatabaseRecord, condition: StatusInfo | None, until: datetime, by: str, now: datetime
) -> Transition:
    """Somebody holds the database awake; a later hold replaces an earlier one.

    A hold that comes too late to prevent a stop asks for a restart, so that the database is awake as promised.
    """
    too_late = has_stop_intent(record, now) and (condition is None or condition.state is State.STOPPING)
    asked = request_restart(record, condition, by, now) if too_late else Transition(record)
    if record.hold == Hold(until, by):
        return asked
    event = Event(now, EventName.HOLD_SET, by, f"Held awake until {format_time(until)}.", record.status)
    return Transition(replace(asked.record, hold=Hold(until, by)), (*asked.events, event))


def end_hold(record: DatabaseRecord, by: str, now: datetime) -> Transition:
    """Somebody ends the hold; nothing changes where there is none."""
    if record.hold is None:
        return Transition(record)
    event = Event(now, EventName.HOLD_ENDED, by, "The hold was ended.", record.status)
    return Transition(replace(record, hold=None), (event,))


def set_stop_intent(record: DatabaseRecord, why: str, now: datetime) -> DatabaseRecord:
    """From now on the database is treated as going down."""
    return replace(record, stop_intent=StopIntent(now, why))


def clear_stop_intent(record: DatabaseRecord) -> DatabaseRecord:
    """The stop did not come about."""
    return replace(record, stop_intent=None)


def start_accepted(record: DatabaseRecord, now: datetime) -> Transition:
    """RDS accepted a start. Another run may have seen and told it already."""
    if record.pending_restart is None:
        return Transition(record)
    launch = AcceptedStart(now, record.pending_restart.by, record.pending_restart.requested_at)
    started = replace(
        record,
        pending_restart=None,
        accepted_start=launch,
        stop_intent=None,
        last_error=None,
        status="starting",
        status_changed_at=now,
    )
    return Transition(started, (Event(now, EventName.STARTING, launch.by, "RDS starts it, as asked.", "starting"),))


def stop_accepted(record: DatabaseRecord, why: str, now: datetime) -> Transition:
    """RDS accepted a stop. The fence stays up until the database is seen to have stopped."""
    if record.status in ("stopping", "stopped"):
        return Transition(record)
    stopping = replace(record.with_uptime_cleared(), status="stopping", status_changed_at=now)
    return Transition(stopping, (Event(now, EventName.STOPPING, APP_ACTOR, why, "stopping"),))


def start_failed(record: DatabaseRecord, failure: str, detail: str, now: datetime, *, permanent: bool) -> Transition:
    """RDS refused a start. ``permanent`` drops the restart; otherwise the next run tries again.

    A failure that repeats itself is told once.
    """
    if record.pending_restart is None:
        return Transition(record)
    kept = replace(record, pending_restart=None if permanent else record.pending_restart, last_error=failure)
    if record.last_error == failure and not permanent:
        return Transition(kept)
    name = EventName.RESTART_CANCELLED if permanent else EventName.START_FAILED
    return Transition(kept, (Event(now, name, record.pending_restart.by, detail, record.status),))


def stop_failed(record: DatabaseRecord, failure: str, detail: str, now: datetime) -> Transition:
    """RDS refused a stop for another reason than its state. A failure that repeats itself is told once."""
    open_again = replace(record, stop_intent=None, last_error=failure)
    if record.last_error == failure:
        return Transition(open_again)
    return Transition(open_again, (Event(now, EventName.STOP_FAILED, APP_ACTOR, detail, record.status),))
