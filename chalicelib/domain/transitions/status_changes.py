"""Changes of the RDS status: what each means for the record, which event records it, and who initiated it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from chalicelib.domain.model import (
    APP_ACTOR,
    AWS_ACTOR,
    EXTERNAL_ACTOR,
    Description,
    Event,
    EventName,
    State,
    StatusInfo,
    Transition,
)
from chalicelib.domain.record import AcceptedStart, DatabaseRecord
from chalicelib.domain.statuses import CONSISTENCY_WINDOW, classify_status, remedy_for
from chalicelib.domain.timestamps import format_duration

_KEPT_START_DURATIONS: Final = 10
ANNOUNCEMENT_TTL: Final = timedelta(hours=1)
"""A start that is observed later after an announcement is not the announced one. AWS documents no bound."""


def apply_status(record: DatabaseRecord, description: Description, info: StatusInfo, now: datetime) -> Transition:
    """The change of status, if there is one.

    Where ``info`` differs from the status itself, the app's own stop is in progress, and the status is no change.
    """
    if info != classify_status(description.status):
        return Transition(record)
    ineffective = _ineffective_start(record, description, info)
    record = _with_automatic_start(record, description, info, now)
    unobserved = infer_unobserved_events(record, description, info, now)
    record = _with_automatic_restart(record, description, info)
    if description.status == record.status:
        return Transition(record, unobserved)
    changed = replace(record, status=description.status, status_changed_at=now)
    if record.status is None:
        return _first_observed(changed, info, now)
    if ineffective is not None:
        return _start_without_effect(changed, ineffective, now)
    before = classify_status(record.status)
    return Transition(changed, unobserved).then(_status_transition(changed, description.status, before, info, now))


def _with_automatic_start(
    record: DatabaseRecord, description: Description, info: StatusInfo, now: datetime
) -> DatabaseRecord:
    """The record with what is known of an automatic start. One before an unobserved stop no longer counts.

    An event can precede the status, so an announcement is kept for a while. It belongs to no later start.
    """
    was_ready = record.status is not None and classify_status(record.status).ready
    if was_ready and info.state is State.STARTING:
        record = replace(record, started_by_aws=False)
    announced_at = record.automatic_start_announced_at
    if description.automatic_start_announced and is_started_by_aws(record, now):
        announced_at = now
    if info.state is State.STOPPED:
        return replace(record, automatic_start_announced_at=announced_at)
    is_recent = announced_at is not None and now - announced_at <= ANNOUNCEMENT_TTL
    by_aws = record.started_by_aws or (is_recent and not _is_requested(record))
    return replace(record, automatic_start_announced_at=None, started_by_aws=by_aws)


def is_started_by_aws(record: DatabaseRecord, now: datetime) -> bool:
    """Whether an announced start is the automatic one after seven days that ends the last observed stop.

    No description shows who started a database, so only an event of RDS tells: RDS-EVENT-0154 for an instance,
    RDS-EVENT-0153 for a cluster. AWS starts a database at AutomaticRestartTime at the earliest, so an event that comes
    before it belongs to an earlier stop.
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
    """
    due = record.automatic_restart_at
    return due is not None and now >= due and not _is_requested(record)


def _is_requested(record: DatabaseRecord) -> bool:
    """Whether a restart is pending, is carried out, or has started the database."""
    return record.pending_restart is not None or record.accepted_start is not None or record.started_on_request


def infer_unobserved_events(
    record: DatabaseRecord, description: Description, info: StatusInfo, now: datetime
) -> tuple[Event, ...]:
    """The start and the stop that must have occurred between the recorded status and the described one."""
    if record.status is None:
        return ()
    by_aws = record.started_by_aws
    starter = record.pending_restart.by if record.pending_restart else AWS_ACTOR if by_aws else EXTERNAL_ACTOR
    stopper = APP_ACTOR if record.stop_intent is not None else EXTERNAL_ACTOR
    status = description.status
    start = Event(now, EventName.STARTING, starter, "It was started since the last observation.", status)
    stop = Event(now, EventName.STOPPED, stopper, "It was stopped since the last observation.", status)
    match (classify_status(record.status).state, info.state):
        case (State.STOPPED, State.STOPPED) if is_later_stop(record, description):
            return (start, stop)
        case (State.STOPPED, State.STOPPING):
            return (start,)
        case (State.RUNNING, State.STARTING):
            return (stop,)
        case _:
            return ()


def is_later_stop(record: DatabaseRecord, description: Description) -> bool:
    """Whether the database has been stopped again since the recorded stop.

    AutomaticRestartTime is seven days after a stop, so a later time belongs to a later stop. AWS documents the time,
    not when it is set: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html
    """
    before, after = record.automatic_restart_at, description.automatic_restart_at
    return before is not None and after is not None and after - before >= CONSISTENCY_WINDOW


def _with_automatic_restart(record: DatabaseRecord, description: Description, info: StatusInfo) -> DatabaseRecord:
    if info.state is not State.STOPPED:
        return record
    if is_later_stop(record, description):
        record = record.with_uptime_cleared()
    return replace(record, automatic_restart_at=description.automatic_restart_at)


def _status_transition(
    record: DatabaseRecord, status: str, before: StatusInfo, info: StatusInfo, now: datetime
) -> Transition:
    match info.state:
        case State.STOPPED:
            return _stopped(record, now)
        case State.STOPPING:
            return _stopping(record, now)
        case State.STARTING:
            return _starting(record, now)
        case State.RUNNING | State.BUSY if info.ready and record.available_since is None:
            return _became_available(record, now)
        case State.RUNNING if before.state is State.FAILED:
            return _with_event(record, EventName.AVAILABLE, "It is available again after the failure.", now)
        case State.RUNNING:
            return _with_event(record, EventName.AVAILABLE, "The RDS operation has ended.", now)
        case State.BUSY:
            return _with_event(record, EventName.BUSY, f"An RDS operation is in progress: {status}.", now)
        case State.FAILED:
            return _failed(record, now)
        case unexpected:
            assert_never(unexpected)


def _failed(record: DatabaseRecord, now: datetime) -> Transition:
    """A start that ends in a failure is not tried again: somebody has to act first."""
    status, start = str(record.status), record.accepted_start
    failed = replace(record, accepted_start=None, stop_intent=None, last_error=None)
    transition = _with_event(failed, EventName.FAILED, f"RDS reports {status}. {remedy_for(status)}", now)
    if start is None:
        return transition
    detail = f"RDS began to start it, and now reports {status}. {remedy_for(status)}"
    return transition.then(_with_event(failed, EventName.RESTART_CANCELLED, detail, now, by=start.restart.by))


def _first_observed(record: DatabaseRecord, info: StatusInfo, now: datetime) -> Transition:
    record = replace(record, first_observed_at=now, available_since=now if info.ready else None)
    return _with_event(record, EventName.FIRST_SEEN, f"Monitoring started; RDS reports {record.status}.", now)


def _stopped(record: DatabaseRecord, now: datetime) -> Transition:
    by = APP_ACTOR if record.stop_intent is not None else EXTERNAL_ACTOR
    stopped = replace(record.with_uptime_cleared(), stop_intent=None)
    return _with_event(stopped, EventName.STOPPED, "It has stopped. AWS no longer bills instance hours.", now, by=by)


def _stopping(record: DatabaseRecord, now: datetime) -> Transition:
    stopping, intent = record.with_uptime_cleared(), record.stop_intent
    if intent is not None:
        connections = intent.open_connections
        event = Event(now, EventName.STOPPING, APP_ACTOR, intent.reason, stopping.status, open_connections=connections)
        return Transition(stopping, (event,))
    return _with_event(stopping, EventName.STOPPING, "It was stopped outside rds-lifecycle.", now, by=EXTERNAL_ACTOR)


def _starting(record: DatabaseRecord, now: datetime) -> Transition:
    restart, due = record.pending_restart, record.automatic_restart_at
    record = replace(record, available_since=None, started_on_request=False, stop_intent=None)
    if restart is not None:
        started = replace(record, accepted_start=AcceptedStart(now, restart))
        return _with_event(started, EventName.STARTING, "RDS starts it, as requested.", now, by=restart.by)
    if record.started_by_aws:
        detail = "AWS starts it automatically after seven days."
        return _with_event(record, EventName.STARTING, detail, now, by=AWS_ACTOR)
    detail = "It was started outside rds-lifecycle."
    if due is not None and now >= due:
        detail = "It was started outside rds-lifecycle, or AWS started it after seven days without announcing it."
    return _with_event(record, EventName.STARTING, detail, now, by=EXTERNAL_ACTOR)


def _became_available(record: DatabaseRecord, now: datetime) -> Transition:
    """The idle timer starts, unless AWS announced the start as its own."""
    start, restart = record.accepted_start, record.pending_restart
    on_request = start is not None or restart is not None
    up = replace(record, accepted_start=None, available_since=now, started_on_request=on_request)
    if start is not None:
        if not start.external:  # When a start from outside began is not known.
            took = max(0, round((now - start.accepted_at).total_seconds()))
            up = replace(up, start_durations=(*record.start_durations, took)[-_KEPT_START_DURATIONS:])
        waited = now - start.restart.requested_at
        detail = f"Available {format_duration(waited)} after the restart was requested."
        seconds = max(0, round(waited.total_seconds()))
        return _with_event(up, EventName.AVAILABLE, detail, now, by=start.restart.by, seconds=seconds)
    if restart is not None:
        return _with_event(up, EventName.AVAILABLE, "Available, as requested.", now, by=restart.by)
    if record.started_by_aws:
        detail = "Available, started by AWS after seven days."
        return _with_event(up, EventName.AVAILABLE, detail, now, by=AWS_ACTOR)
    return _with_event(up, EventName.AVAILABLE, "Available.", now, by=EXTERNAL_ACTOR)


def _ineffective_start(record: DatabaseRecord, description: Description, info: StatusInfo) -> AcceptedStart | None:
    """The start that RDS accepted and that had no effect, if that is what RDS describes.

    AutomaticRestartTime is then still that of the stop before it: the database has not been stopped since.
    """
    restart_at = description.automatic_restart_at
    is_same_stop = restart_at is not None and restart_at == record.automatic_restart_at
    return record.accepted_start if info.state is State.STOPPED and is_same_stop else None


def _start_without_effect(record: DatabaseRecord, start: AcceptedStart, now: datetime) -> Transition:
    pending = replace(record.with_uptime_cleared(), pending_restart=start.restart)
    detail = "The start had no effect; the restart is pending again."
    return _with_event(pending, EventName.START_FAILED, detail, now, by=start.restart.by)


def _with_event(
    record: DatabaseRecord,
    name: EventName,
    detail: str,
    now: datetime,
    *,
    by: str | None = None,
    seconds: int | None = None,
) -> Transition:
    return Transition(record, (Event(now, name, by, detail, record.status, seconds),))
