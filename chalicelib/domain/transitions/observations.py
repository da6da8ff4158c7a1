"""What a sighting teaches: the record brought up to date, and the history of what has changed. Pure."""

from dataclasses import replace
from datetime import datetime
from typing import Final, assert_never

from chalicelib.domain.decision import CONSISTENCY_WINDOW, effective_status, has_stop_intent, is_expired, last_asked_at
from chalicelib.domain.model import (
    APP_ACTOR,
    AWS_ACTOR,
    EXTERNAL_ACTOR,
    AcceptedStart,
    DatabaseRecord,
    Description,
    Event,
    EventName,
    PendingRestart,
    State,
    StatusInfo,
    Transition,
)
from chalicelib.domain.statuses import classify_status, remedy_for
from chalicelib.domain.timestamps import format_duration
from chalicelib.domain.transitions.unobserved import infer_unobserved_events
from chalicelib.settings import Settings

_STARTS_REMEMBERED: Final = 10


def apply_observation(record: DatabaseRecord, sighting: Description, settings: Settings, now: datetime) -> Transition:
    """Account for what RDS shows now: what changed since the last look, by whose hand, and what has lapsed.

    Returns the same record and no events where there is nothing to account for.
    """
    was_up = record.status is not None and classify_status(record.status).ready
    condition = effective_status(sighting, record, now)
    ended = _end_hold(record, now)
    seen = _apply_status(ended.record, sighting, condition, now)
    settled = _resolve_pending_restart(
        seen.record, sighting, condition, settings, now, came_up=condition.ready and not was_up
    )
    record = settled.record
    if record.stop_intent is not None and condition.state is not State.STOPPING and not has_stop_intent(record, now):
        record = replace(record, stop_intent=None)
    return _add_daily_status(Transition(record, ended.events + seen.events + settled.events), now)


def _add_daily_status(change: Transition, now: datetime) -> Transition:
    """Each day's history says how the database stood at the day's first look.

    So a day of which the history says nothing is one on which nobody looked, not one on which nothing happened.
    """
    record = change.record
    if record.last_daily_status_on == now.date() or record.status is None:
        return change
    opened = replace(record, last_daily_status_on=now.date())
    if any(event.status for event in change.events):
        return Transition(opened, change.events)
    seen = Event(
        now, EventName.DAILY_STATUS, None, f"The first look of the day; RDS reports {record.status}.", record.status
    )
    return Transition(opened, (*change.events, seen))


def _resolve_pending_restart(
    record: DatabaseRecord,
    sighting: Description,
    condition: StatusInfo,
    settings: Settings,
    now: datetime,
    *,
    came_up: bool,
) -> Transition:
    """What the sighting means for a pending restart: carried out, impossible, given up, or still pending."""
    restart = record.pending_restart
    if restart is None:
        return Transition(record)
    settled = replace(record, pending_restart=None)
    match condition.state:
        case State.STARTING:
            joins = record.accepted_start is None
            return Transition(record.with_external_start(restart.by, restart.requested_at, now) if joins else settled)
        case State.FAILED:
            detail = f"A restart is impossible while RDS reports {sighting.status}. {remedy_for(sighting.status)}"
            return Transition(settled, (Event(now, EventName.RESTART_CANCELLED, restart.by, detail, sighting.status),))
        case _ if condition.ready:
            return Transition(settled if came_up or not _is_just_asked(record, now) else record)
        case _ if is_expired(record, settings, now):
            waited = format_duration(settings.restart_ttl)
            detail = f"It could not be carried out within {waited} and is given up. Ask again if it is still wanted."
            event = Event(now, EventName.RESTART_EXPIRED, restart.by, detail)
            return Transition(replace(settled, last_error=None), (event,))
        case _:
            return Transition(record)


def _is_just_asked(record: DatabaseRecord, now: datetime) -> bool:
    """A restart is pending because the database was going down: so soon after, a description that says that it is up
    may be the old one. The restart is kept until a later one says the same.
    """
    return (
        record.pending_restart is not None and now - last_asked_at(record.pending_restart, record) < CONSISTENCY_WINDOW
    )


def _end_hold(record: DatabaseRecord, now: datetime) -> Transition:
    if record.hold is None or record.hold.until > now:
        return Transition(record)
    event = Event(now, EventName.HOLD_ENDED, record.hold.by, "The hold has run out.")
    return Transition(replace(record, hold=None), (event,))


def _apply_status(record: DatabaseRecord, sighting: Description, condition: StatusInfo, now: datetime) -> Transition:
    """The change of status, if there is one. A description known to lag behind the app's own doing is none."""
    if condition != classify_status(sighting.status):
        return Transition(record)
    undone = _undone_launch(record, sighting, condition)
    by_aws = _is_started_by_aws(record, now)
    missed = infer_unobserved_events(record, sighting, condition, now, by_aws=by_aws)
    if condition.state is State.STOPPED and record.automatic_restart_at != sighting.automatic_restart_at:
        record = replace(record, automatic_restart_at=sighting.automatic_restart_at)
    if condition.ready and record.automatic_restart_at is not None:
        record = replace(record, automatic_restart_at=None)
    if sighting.status == record.status:
        return Transition(record, missed)
    seen = replace(record, status=sighting.status, status_changed_at=now)
    if record.status is None:
        return _first_seen(seen, sighting, condition, now)
    if undone is not None:
        return _start_failed(seen, undone, now)
    before = classify_status(record.status)
    if before.state is State.STOPPED or condition.state is State.STARTING:
        seen = replace(seen, started_by_aws=by_aws)
    moved = _status_transition(seen, sighting.status, before, condition, now)
    return Transition(moved.record, missed + moved.events)


def _status_transition(
    seen: DatabaseRecord, status: str, before: StatusInfo, condition: StatusInfo, now: datetime
) -> Transition:
    """The status differs from the one remembered."""
    match condition.state:
        case State.STOPPED:
            return _stopped(seen, now)
        case State.STOPPING:
            return _stopping(seen, now)
        case State.STARTING:
            return _starting(seen, now)
        case State.RUNNING | State.BUSY if condition.ready and not before.ready:
            return _became_available(seen, now)
        case State.RUNNING:
            return _with_event(seen, EventName.AVAILABLE, "RDS has finished its work on it.", now)
        case State.BUSY:
            return _with_event(seen, EventName.BUSY, f"RDS is at work on it: {status}.", now)
        case State.FAILED:
            detail = f"RDS reports {status}. {remedy_for(status)}"
            return _with_event(replace(seen.with_uptime_cleared(), stop_intent=None), EventName.FAILED, detail, now)
        case unexpected:
            assert_never(unexpected)


def _first_seen(record: DatabaseRecord, sighting: Description, condition: StatusInfo, now: datetime) -> Transition:
    if condition.ready:
        record = replace(record, first_observed_at=now)
    return _with_event(record, EventName.FIRST_SEEN, f"Minded from now on; RDS reports {sighting.status}.", now)


def _is_started_by_aws(record: DatabaseRecord, now: datetime) -> bool:
    """AWS starts a stopped database after seven days, at ``AutomaticRestartTime`` (DBInstance, DBCluster).

    Nothing in a description says who started a database. A start that nobody asked the app for, first seen after
    that time, is taken for AWS's own; one seen before it was made by somebody else.
    """
    due = record.automatic_restart_at
    return record.pending_restart is None and record.accepted_start is None and due is not None and now >= due


def _stopped(record: DatabaseRecord, now: datetime) -> Transition:
    by = APP_ACTOR if record.stop_intent is not None else EXTERNAL_ACTOR
    record = replace(record.with_uptime_cleared(), stop_intent=None)
    return _with_event(record, EventName.STOPPED, "It has stopped; instance hours are no longer billed.", now, by=by)


def _undone_launch(record: DatabaseRecord, sighting: Description, condition: StatusInfo) -> AcceptedStart | None:
    """The start that RDS accepted and that came to nothing, if that is what is seen.

    The time of AWS's own restart is then still that of the stop before it: nobody has stopped the database meanwhile.
    """
    restart_at = sighting.automatic_restart_at
    is_old_stop = restart_at is not None and restart_at == record.automatic_restart_at
    return record.accepted_start if condition.state is State.STOPPED and is_old_stop else None


def _start_failed(record: DatabaseRecord, launch: AcceptedStart, now: datetime) -> Transition:
    """The restart is pending again."""
    record = replace(record.with_uptime_cleared(), pending_restart=PendingRestart(launch.requested_at, launch.by))
    return _with_event(
        record, EventName.START_FAILED, "The start came to nothing; the restart is pending again.", now, by=launch.by
    )


def _stopping(record: DatabaseRecord, now: datetime) -> Transition:
    by, why = (
        (EXTERNAL_ACTOR, "Somebody stopped it.") if record.stop_intent is None else (APP_ACTOR, record.stop_intent.why)
    )
    return _with_event(record.with_uptime_cleared(), EventName.STOPPING, why, now, by=by)


def _starting(record: DatabaseRecord, now: datetime) -> Transition:
    record = replace(record, stop_intent=None)
    if record.pending_restart is not None:
        launch = AcceptedStart(now, record.pending_restart.by, record.pending_restart.requested_at)
        detail = "RDS starts it, as asked."
        return _with_event(replace(record, accepted_start=launch), EventName.STARTING, detail, now, by=launch.by)
    if record.started_by_aws:
        return _with_event(record, EventName.STARTING, "AWS starts it by itself after seven days.", now, by=AWS_ACTOR)
    return _with_event(record, EventName.STARTING, "Somebody started it.", now, by=EXTERNAL_ACTOR)


def _became_available(record: DatabaseRecord, now: datetime) -> Transition:
    """Up after it was not: the idle clock starts, unless AWS started it unasked after seven days."""
    launch, asked = record.accepted_start, record.pending_restart
    up = replace(
        record, accepted_start=None, available_since=None if record.started_by_aws else now, started_on_request=False
    )
    if launch is not None:
        took = max(0, round((now - launch.at).total_seconds()))
        since_request = max(0, round((now - launch.requested_at).total_seconds()))
        starts = (*record.start_durations, took)[-_STARTS_REMEMBERED:]
        starts = record.start_durations if launch.joined else starts  # nobody knows when another's start began
        up = replace(up, started_on_request=True, start_durations=starts)
        detail = f"Ready {format_duration(now - launch.requested_at)} after the restart was asked for."
        return _with_event(up, EventName.AVAILABLE, detail, now, by=launch.by, seconds=since_request)
    if asked is not None:
        up = replace(up, started_on_request=True)
        return _with_event(up, EventName.AVAILABLE, "Ready, as asked.", now, by=asked.by)
    if record.started_by_aws:
        return _with_event(up, EventName.AVAILABLE, "Ready, started by AWS after seven days.", now, by=AWS_ACTOR)
    return _with_event(up, EventName.AVAILABLE, "Ready.", now, by=EXTERNAL_ACTOR)


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
