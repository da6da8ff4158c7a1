"""What a sighting teaches: the record brought up to date, and the history of what has changed. Pure."""

from dataclasses import replace
from datetime import datetime
from typing import Final, assert_never

from chalicelib.decision import RDS_LAGS, condition_now, is_expired, is_fenced, last_asked_at
from chalicelib.missed import missed_between
from chalicelib.model import (
    APP_ACTOR,
    AWS_ACTOR,
    SOMEBODY_ELSE,
    Change,
    Condition,
    Event,
    EventName,
    Launch,
    PendingRestart,
    Record,
    Sighting,
    State,
)
from chalicelib.settings import Settings
from chalicelib.statuses import condition_of, remedy_for
from chalicelib.timestamps import spell_duration

_STARTS_REMEMBERED: Final = 10


def witness(record: Record, sighting: Sighting, settings: Settings, now: datetime) -> Change:
    """Account for what RDS shows now: what changed since the last look, by whose hand, and what has lapsed.

    Returns the same record and no events where there is nothing to account for.
    """
    was_up = record.status is not None and condition_of(record.status).ready
    condition = condition_now(sighting, record, now)
    ended = _end_hold(record, now)
    seen = _seen(ended.record, sighting, condition, now)
    settled = _settle_restart(seen.record, sighting, condition, settings, now, came_up=condition.ready and not was_up)
    record = settled.record
    if record.fence is not None and condition.state is not State.STOPPING and not is_fenced(record, now):
        record = replace(record, fence=None)
    return _open_day(Change(record, ended.events + seen.events + settled.events), now)


def _open_day(change: Change, now: datetime) -> Change:
    """Each day's history says how the database stood at the day's first look.

    So a day of which the history says nothing is one on which nobody looked, not one on which nothing happened.
    """
    record = change.record
    if record.told_on == now.date() or record.status is None:
        return change
    opened = replace(record, told_on=now.date())
    if any(event.status for event in change.events):
        return Change(opened, change.events)
    seen = Event(now, EventName.SEEN, None, f"The first look of the day; RDS reports {record.status}.", record.status)
    return Change(opened, (*change.events, seen))


def _settle_restart(
    record: Record, sighting: Sighting, condition: Condition, settings: Settings, now: datetime, *, came_up: bool
) -> Change:
    """What the sighting means for a pending restart: carried out, impossible, given up, or still pending."""
    restart = record.restart
    if restart is None:
        return Change(record)
    settled = replace(record, restart=None)
    match condition.state:
        case State.STARTING:
            joins = record.launch is None
            return Change(record.joined_by(restart.by, restart.requested_at, now) if joins else settled)
        case State.FAILED:
            detail = f"A restart is impossible while RDS reports {sighting.status}. {remedy_for(sighting.status)}"
            return Change(settled, (Event(now, EventName.RESTART_DROPPED, restart.by, detail, sighting.status),))
        case _ if condition.ready:
            return Change(settled if came_up or not _is_just_asked(record, now) else record)
        case _ if is_expired(record, settings, now):
            waited = spell_duration(settings.restart_expires_after)
            detail = f"It could not be carried out within {waited} and is given up. Ask again if it is still wanted."
            event = Event(now, EventName.RESTART_EXPIRED, restart.by, detail)
            return Change(replace(settled, failure=None), (event,))
        case _:
            return Change(record)


def _is_just_asked(record: Record, now: datetime) -> bool:
    """A restart is pending because the database was going down: so soon after, a description that says that it is up
    may be the old one. The restart is kept until a later one says the same.
    """
    return record.restart is not None and now - last_asked_at(record.restart, record) < RDS_LAGS


def _end_hold(record: Record, now: datetime) -> Change:
    if record.hold is None or record.hold.until > now:
        return Change(record)
    event = Event(now, EventName.HOLD_ENDED, record.hold.by, "The hold has run out.")
    return Change(replace(record, hold=None), (event,))


def _seen(record: Record, sighting: Sighting, condition: Condition, now: datetime) -> Change:
    """The change of status, if there is one. A description known to lag behind the app's own doing is none."""
    if condition != condition_of(sighting.status):
        return Change(record)
    undone = _undone_launch(record, sighting, condition)
    by_aws = _is_started_by_aws(record, now)
    missed = missed_between(record, sighting, condition, now, by_aws=by_aws)
    if condition.state is State.STOPPED and record.automatic_restart_at != sighting.automatic_restart_at:
        record = replace(record, automatic_restart_at=sighting.automatic_restart_at)
    if condition.ready and record.automatic_restart_at is not None:
        record = replace(record, automatic_restart_at=None)
    if sighting.status == record.status:
        return Change(record, missed)
    seen = replace(record, status=sighting.status, since=now)
    if record.status is None:
        return _first_seen(seen, sighting, condition, now)
    if undone is not None:
        return _fell_back(seen, undone, now)
    before = condition_of(record.status)
    if before.state is State.STOPPED or condition.state is State.STARTING:
        seen = replace(seen, started_by_aws=by_aws)
    moved = _moved(seen, sighting.status, before, condition, now)
    return Change(moved.record, missed + moved.events)


def _moved(seen: Record, status: str, before: Condition, condition: Condition, now: datetime) -> Change:
    """The status differs from the one remembered."""
    match condition.state:
        case State.STOPPED:
            return _stopped(seen, now)
        case State.STOPPING:
            return _stopping(seen, now)
        case State.STARTING:
            return _starting(seen, now)
        case State.RUNNING | State.BUSY if condition.ready and not before.ready:
            return _came_up(seen, now)
        case State.RUNNING:
            return _told(seen, EventName.AVAILABLE, "RDS has finished its work on it.", now)
        case State.BUSY:
            return _told(seen, EventName.BUSY, f"RDS is at work on it: {status}.", now)
        case State.FAILED:
            detail = f"RDS reports {status}. {remedy_for(status)}"
            return _told(replace(seen.gone_down(), fence=None), EventName.FAILED, detail, now)
        case unexpected:
            assert_never(unexpected)


def _first_seen(record: Record, sighting: Sighting, condition: Condition, now: datetime) -> Change:
    if condition.ready:
        record = replace(record, first_seen_at=now)
    return _told(record, EventName.FIRST_SEEN, f"Minded from now on; RDS reports {sighting.status}.", now)


def _is_started_by_aws(record: Record, now: datetime) -> bool:
    """AWS starts a stopped database after seven days, at ``AutomaticRestartTime`` (DBInstance, DBCluster).

    Nothing in a description says who started a database. A start that nobody asked the app for, first seen after
    that time, is taken for AWS's own; one seen before it was made by somebody else.
    """
    due = record.automatic_restart_at
    return record.restart is None and record.launch is None and due is not None and now >= due


def _stopped(record: Record, now: datetime) -> Change:
    by = APP_ACTOR if record.fence is not None else SOMEBODY_ELSE
    record = replace(record.gone_down(), fence=None)
    return _told(record, EventName.STOPPED, "It has stopped; instance hours are no longer billed.", now, by=by)


def _undone_launch(record: Record, sighting: Sighting, condition: Condition) -> Launch | None:
    """The start that RDS accepted and that came to nothing, if that is what is seen.

    The time of AWS's own restart is then still that of the stop before it: nobody has stopped the database meanwhile.
    """
    restart_at = sighting.automatic_restart_at
    is_old_stop = restart_at is not None and restart_at == record.automatic_restart_at
    return record.launch if condition.state is State.STOPPED and is_old_stop else None


def _fell_back(record: Record, launch: Launch, now: datetime) -> Change:
    """The restart is pending again."""
    record = replace(record.gone_down(), restart=PendingRestart(launch.requested_at, launch.by))
    return _told(
        record, EventName.START_FAILED, "The start came to nothing; the restart is pending again.", now, by=launch.by
    )


def _stopping(record: Record, now: datetime) -> Change:
    by, why = (SOMEBODY_ELSE, "Somebody stopped it.") if record.fence is None else (APP_ACTOR, record.fence.why)
    return _told(record.gone_down(), EventName.STOPPING, why, now, by=by)


def _starting(record: Record, now: datetime) -> Change:
    record = replace(record, fence=None)
    if record.restart is not None:
        launch = Launch(now, record.restart.by, record.restart.requested_at)
        detail = "RDS starts it, as asked."
        return _told(replace(record, launch=launch), EventName.STARTING, detail, now, by=launch.by)
    if record.started_by_aws:
        return _told(record, EventName.STARTING, "AWS starts it by itself after seven days.", now, by=AWS_ACTOR)
    return _told(record, EventName.STARTING, "Somebody started it.", now, by=SOMEBODY_ELSE)


def _came_up(record: Record, now: datetime) -> Change:
    """Up after it was not: the idle clock starts, unless AWS started it unasked after seven days."""
    launch, asked = record.launch, record.restart
    up = replace(record, launch=None, up_since=None if record.started_by_aws else now, up_as_asked=False)
    if launch is not None:
        took = max(0, round((now - launch.at).total_seconds()))
        since_request = max(0, round((now - launch.requested_at).total_seconds()))
        starts = (*record.start_seconds, took)[-_STARTS_REMEMBERED:]
        starts = record.start_seconds if launch.joined else starts  # nobody knows when another's start began
        up = replace(up, up_as_asked=True, start_seconds=starts)
        detail = f"Ready {spell_duration(now - launch.requested_at)} after the restart was asked for."
        return _told(up, EventName.AVAILABLE, detail, now, by=launch.by, seconds=since_request)
    if asked is not None:
        up = replace(up, up_as_asked=True)
        return _told(up, EventName.AVAILABLE, "Ready, as asked.", now, by=asked.by)
    if record.started_by_aws:
        return _told(up, EventName.AVAILABLE, "Ready, started by AWS after seven days.", now, by=AWS_ACTOR)
    return _told(up, EventName.AVAILABLE, "Ready.", now, by=SOMEBODY_ELSE)


def _told(
    record: Record, name: EventName, detail: str, now: datetime, *, by: str | None = None, seconds: int | None = None
) -> Change:
    return Change(record, (Event(now, name, by, detail, record.status, seconds),))
