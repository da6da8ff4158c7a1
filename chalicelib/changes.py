"""The changes that the app itself makes to a record: wishes of people, and what it did to a database. Pure."""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from chalicelib.decision import is_fenced
from chalicelib.model import (
    APP_ACTOR,
    Change,
    Condition,
    Event,
    EventName,
    Fence,
    Hold,
    Launch,
    PendingRestart,
    Record,
    State,
)
from chalicelib.timestamps import format_time


def ask_restart(record: Record, condition: Condition | None, by: str, now: datetime) -> Change:
    """Somebody asks for a restart. ``condition`` is None where RDS did not answer.

    The time always counts as a sign of use. Where the database is not on its way up, the restart becomes pending. Where
    somebody else has started it, the restart is remembered with that start, which may yet come to nothing.
    """
    asked = replace(record, restart_asked_at=max(now, record.restart_asked_at or now))
    told = (Event(now, EventName.RESTART_REQUESTED, by, "A restart was asked for.", record.status),)
    if condition is not None and condition.state is State.STARTING and record.launch is None:
        return Change(asked.joined_by(by, now, now), told)
    if record.restart is not None or (condition is not None and not _wants_start(condition)):
        return Change(record if condition is not None and condition.state is State.FAILED else asked)
    return Change(replace(asked, restart=PendingRestart(now, by), failure=None), told)


def _wants_start(condition: Condition) -> bool:
    match condition.state:
        case State.STOPPED | State.STOPPING:
            return True
        case State.BUSY:
            return not condition.ready
        case State.RUNNING | State.STARTING | State.FAILED:
            return False
        case unexpected:
            assert_never(unexpected)


def set_hold(record: Record, condition: Condition | None, until: datetime, by: str, now: datetime) -> Change:
    """Somebody holds the database awake; a later hold replaces an earlier one.

    A hold that comes too late to prevent a stop asks for a restart, so that the database is awake as promised.
    """
    too_late = is_fenced(record, now) and (condition is None or condition.state is State.STOPPING)
    asked = ask_restart(record, condition, by, now) if too_late else Change(record)
    if record.hold == Hold(until, by):
        return asked
    event = Event(now, EventName.HOLD_SET, by, f"Held awake until {format_time(until)}.", record.status)
    return Change(replace(asked.record, hold=Hold(until, by)), (*asked.events, event))


def end_hold(record: Record, by: str, now: datetime) -> Change:
    """Somebody ends the hold; nothing changes where there is none."""
    if record.hold is None:
        return Change(record)
    event = Event(now, EventName.HOLD_ENDED, by, "The hold was ended.", record.status)
    return Change(replace(record, hold=None), (event,))


def raise_fence(record: Record, why: str, now: datetime) -> Record:
    """From now on the database is treated as going down."""
    return replace(record, fence=Fence(now, why))


def lower_fence(record: Record) -> Record:
    """The stop did not come about."""
    return replace(record, fence=None)


def start_accepted(record: Record, now: datetime) -> Change:
    """RDS accepted a start. Another run may have seen and told it already."""
    if record.restart is None:
        return Change(record)
    launch = Launch(now, record.restart.by, record.restart.requested_at)
    started = replace(record, restart=None, launch=launch, fence=None, failure=None, status="starting", since=now)
    return Change(started, (Event(now, EventName.STARTING, launch.by, "RDS starts it, as asked.", "starting"),))


def stop_accepted(record: Record, why: str, now: datetime) -> Change:
    """RDS accepted a stop. The fence stays up until the database is seen to have stopped."""
    if record.status in ("stopping", "stopped"):
        return Change(record)
    stopping = replace(record.gone_down(), status="stopping", since=now)
    return Change(stopping, (Event(now, EventName.STOPPING, APP_ACTOR, why, "stopping"),))


def start_failed(record: Record, failure: str, detail: str, now: datetime, *, for_good: bool) -> Change:
    """RDS refused a start. ``for_good`` drops the restart; otherwise the next run tries again.

    A failure that repeats itself is told once.
    """
    if record.restart is None:
        return Change(record)
    kept = replace(record, restart=None if for_good else record.restart, failure=failure)
    if record.failure == failure and not for_good:
        return Change(kept)
    name = EventName.RESTART_DROPPED if for_good else EventName.START_FAILED
    return Change(kept, (Event(now, name, record.restart.by, detail, record.status),))


def stop_failed(record: Record, failure: str, detail: str, now: datetime) -> Change:
    """RDS refused a stop for another reason than its state. A failure that repeats itself is told once."""
    open_again = replace(record, fence=None, failure=failure)
    if record.failure == failure:
        return Change(open_again)
    return Change(open_again, (Event(now, EventName.STOP_FAILED, APP_ACTOR, detail, record.status),))
