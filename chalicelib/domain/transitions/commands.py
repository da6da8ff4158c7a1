"""Commands: what a caller requests, and the transition for each."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from chalicelib.domain.model import Event, EventName, State, StatusInfo, Transition
from chalicelib.domain.record import DatabaseRecord, Hold, PendingRestart
from chalicelib.domain.statuses import has_stop_intent
from chalicelib.domain.timestamps import format_time


@dataclass(frozen=True, slots=True)
class RequestRestart:
    """Start the database, now or as soon as possible. ``at`` is when that was requested, in every pass."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SetHold:
    """Do not stop the database before ``until``. A later hold replaces an earlier one."""

    until: datetime
    by: str


@dataclass(frozen=True, slots=True)
class EndHold:
    """End the hold, so that the database is stopped when it is idle."""

    by: str


Command = RequestRestart | SetHold | EndHold


def apply_command(record: DatabaseRecord, command: Command, info: StatusInfo | None, now: datetime) -> Transition:
    """The transition that the command makes. ``info`` is None where RDS did not respond."""
    match command:
        case RequestRestart(by, at):
            return _request_restart(record, info, PendingRestart(at, by), now)
        case SetHold(until, by):
            return _set_hold(record, info, Hold(until, by), now)
        case EndHold(by):
            return _end_hold(record, by, now)
        case unexpected:
            assert_never(unexpected)


def _request_restart(
    record: DatabaseRecord, info: StatusInfo | None, restart: PendingRestart, now: datetime
) -> Transition:
    """The request counts as activity, unless the database has failed and RDS cannot start it.

    Where the database is neither available nor starting, the restart becomes pending. Where it was started outside
    rds-lifecycle, the restart is kept with that start, because the start may have no effect.
    """
    last_at = max(restart.requested_at, record.last_restart_requested_at or restart.requested_at)
    requested = replace(record, last_restart_requested_at=last_at, started_by_aws=False)
    event = Event(now, EventName.RESTART_REQUESTED, restart.by, "A restart was requested.", record.status)
    if info is not None and info.state is State.FAILED and not info.startable:
        return Transition(record)
    if info is not None and info.state is State.STARTING and record.accepted_start is None:
        return Transition(requested.with_external_start(restart, now), (event,))
    if record.pending_restart is not None or (info is not None and not _needs_start(info)):
        return Transition(requested)
    return Transition(replace(requested, pending_restart=restart, last_error=None), (event,))


def _needs_start(info: StatusInfo) -> bool:
    match info.state:
        case State.STOPPED | State.STOPPING:
            return True
        case State.BUSY:
            return not info.ready
        case State.FAILED:
            return info.startable
        case State.RUNNING | State.STARTING:
            return False
        case unexpected:
            assert_never(unexpected)


def _set_hold(record: DatabaseRecord, info: StatusInfo | None, hold: Hold, now: datetime) -> Transition:
    """A hold that is too late to prevent a stop also requests a restart, so that the database is kept available."""
    too_late = has_stop_intent(record, now) and (info is None or info.state is State.STOPPING)
    started = Transition(record)
    if too_late:
        started = _request_restart(record, info, PendingRestart(now, hold.by), now)
    if record.hold == hold:
        return started
    detail = f"Kept available until {format_time(hold.until)}."
    event = Event(now, EventName.HOLD_SET, hold.by, detail, record.status)
    return started.then(Transition(replace(started.record, hold=hold), (event,)))


def _end_hold(record: DatabaseRecord, by: str, now: datetime) -> Transition:
    if record.hold is None:
        return Transition(record)
    event = Event(now, EventName.HOLD_ENDED, by, "The hold was ended.", record.status)
    return Transition(replace(record, hold=None), (event,))
