"""What to do about one database: a pure function of what was observed, the record, the settings and the time."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from chalicelib.domain.model import (
    Action,
    DatabaseRecord,
    Decision,
    Description,
    InvalidActivity,
    LastActivity,
    LastQuery,
    MetricActive,
    MetricIdle,
    MetricUnknown,
    NoActivity,
    Observation,
    PendingRestart,
    Reason,
    Source,
    State,
    StatusInfo,
)
from chalicelib.domain.statuses import classify_status, remedy_for
from chalicelib.domain.timestamps import format_duration, format_time
from chalicelib.settings import Settings

STOP_INTENT_TTL: Final = timedelta(seconds=120)
"""A stop whose fence is older than this is not under way any more: no function runs longer than 90 s."""

CONSISTENCY_WINDOW: Final = timedelta(seconds=60)
"""For this long after a change of status, a description that still says what was before is out of date."""

MAX_CLOCK_SKEW: Final = timedelta(minutes=5)
"""An activity time further in the future than this is a fault of its writer."""

_NEXT_STATE: Final = {
    State.STOPPED: State.STARTING,
    State.STARTING: State.RUNNING,
    State.RUNNING: State.STOPPING,
    State.STOPPING: State.STOPPED,
}

_QUERIED: Final = "the last query was"
_ASKED: Final = "a restart was asked for"
_CAME_UP_AS_ASKED: Final = "it came up, as asked,"
_CAME_UP: Final = "it was seen to come up"
_FIRST_SEEN: Final = "it was first seen running"
_MEASURED: Final = "the activity metric was last above its number"


def decide(observation: Observation, record: DatabaseRecord, settings: Settings, now: datetime) -> Decision:
    """The first rule that applies decides. Raises ValueError where ``now`` has no time zone."""
    if now.tzinfo is None:
        raise ValueError("now has no time zone; pass an aware UTC datetime")
    status, used = observation.sighting.status, _last_activity(observation, record)
    match effective_status(observation.sighting, record, now).state:
        case State.FAILED:
            detail = f"RDS reports {status}. A person has to mend it: {remedy_for(status)}"
            return Decision(Action.NONE, Reason.FAILED, detail, used)
        case State.STARTING:
            return Decision(Action.NONE, Reason.STARTING, "It is starting; that takes RDS some minutes.", used)
        case State.STOPPING:
            return Decision(Action.NONE, Reason.STOPPING, "It is stopping; that takes RDS some minutes.", used)
        case State.BUSY:
            detail = f"RDS is at work on it ({status}); it cannot be stopped meanwhile."
            return Decision(Action.NONE, Reason.BUSY, detail, used)
        case State.STOPPED:
            return _decide_stopped(record, used, settings, now)
        case State.RUNNING:
            return _decide_running(observation, record, used, settings, now)
        case unexpected:
            assert_never(unexpected)


def effective_status(sighting: Description, record: DatabaseRecord, now: datetime) -> StatusInfo:
    """What the sighting means, given what the app itself did a moment ago.

    While a stop is under way, a status that takes connections is no promise: the database is going down.
    """
    condition = classify_status(sighting.status)
    match condition.state:
        case State.RUNNING | State.BUSY if condition.ready and has_stop_intent(record, now):
            return StatusInfo(State.STOPPING)
        case _:
            return condition


def ignore_stale_description(sighting: Description, record: DatabaseRecord, now: datetime) -> Description:
    """The sighting, unless it shows what was before the change that the record knows of.

    RDS's descriptions are eventually consistent: after one that shows a change, another may show what was before. So
    soon after a change, only the next step of a database's round is news.
    """
    if (
        record.status is None
        or record.status_changed_at is None
        or abs(now - record.status_changed_at) >= CONSISTENCY_WINDOW
    ):
        return sighting
    known, shown = _cycle_state(record.status), _cycle_state(sighting.status)
    if known is None or shown in (None, known, _NEXT_STATE[known]):
        return sighting
    restart_at = record.automatic_restart_at if known is State.STOPPED else None
    return replace(sighting, status=record.status, automatic_restart_at=restart_at)


def _cycle_state(status: str) -> State | None:
    """Where the database is on its round; None where it is neither up nor down, or has failed."""
    condition = classify_status(status)
    match condition.state:
        case State.BUSY:
            return State.RUNNING if condition.ready else None
        case State.FAILED:
            return None
        case step:
            return step


def has_stop_intent(record: DatabaseRecord, now: datetime) -> bool:
    """Whether some run may be about to stop the database, or has just done so."""
    return record.stop_intent is not None and abs(now - record.stop_intent.raised_at) < STOP_INTENT_TTL


def is_expired(record: DatabaseRecord, settings: Settings, now: datetime) -> bool:
    """Whether the pending restart could not be carried out for so long that nobody waits for it any more."""
    if record.pending_restart is None:
        return False
    return now - last_asked_at(record.pending_restart, record) > settings.restart_ttl


def last_asked_at(restart: PendingRestart, record: DatabaseRecord) -> datetime:
    """When the pending restart was last asked for: the first time, or a later one."""
    return max(restart.requested_at, record.last_restart_requested_at or restart.requested_at)


def _decide_stopped(record: DatabaseRecord, used: LastActivity | None, settings: Settings, now: datetime) -> Decision:
    if record.pending_restart is not None and not is_expired(record, settings, now):
        detail = (
            f"{record.pending_restart.by} asked for a restart at {format_time(record.pending_restart.requested_at)}."
        )
        return Decision(Action.START, Reason.RESTART_REQUESTED, detail, used)
    return Decision(Action.NONE, Reason.STOPPED, "It is stopped, and nobody has asked for a restart.", used)


def _decide_running(
    observation: Observation,
    record: DatabaseRecord,
    last_activity: LastActivity | None,
    settings: Settings,
    now: datetime,
) -> Decision:
    if record.hold is not None and now < record.hold.until:
        detail = f"{record.hold.by} holds it awake until {format_time(record.hold.until)}."
        return Decision(Action.NONE, Reason.HELD, detail, last_activity)
    if unreadable := _unreadable(observation, now):
        detail = (
            f"The activity item does not tell when it was last queried: {unreadable}. It stays up until that is mended."
        )
        return Decision(Action.NONE, Reason.ACTIVITY_UNREADABLE, detail, last_activity)

    if last_activity is not None and now - last_activity.at <= settings.idle:
        return _recently_used(last_activity, observation, settings)
    if settings.activity_metric is not None:
        second_opinion = _ask_metric(observation, last_activity, settings, now)
        if second_opinion is not None:
            return second_opinion
    return Decision(Action.STOP, Reason.IDLE, _why_idle(last_activity, record, settings, now), last_activity)


def _unreadable(observation: Observation, now: datetime) -> str | None:
    match observation.activity:
        case InvalidActivity(why):
            return why
        case LastQuery(at) if at > now + MAX_CLOCK_SKEW:
            return f"its time, {format_time(at)}, lies in the future"
        case LastQuery() | NoActivity():
            return None
        case unexpected:
            assert_never(unexpected)


def _last_activity(observation: Observation, record: DatabaseRecord) -> LastActivity | None:
    signs = []
    if isinstance(observation.activity, LastQuery):
        signs.append(LastActivity(observation.activity.at, Source.QUERY, _QUERIED))
    if record.last_restart_requested_at is not None:
        signs.append(LastActivity(record.last_restart_requested_at, Source.RESTART, _ASKED))
    if record.available_since is not None:
        came_up = (Source.RESTART, _CAME_UP_AS_ASKED) if record.started_on_request else (Source.STARTED, _CAME_UP)
        signs.append(LastActivity(record.available_since, *came_up))
    if not signs and record.first_observed_at is not None:
        signs.append(LastActivity(record.first_observed_at, Source.STARTED, _FIRST_SEEN))
    latest = max(signs, key=lambda sign: sign.at, default=None)
    if latest is not None and signs[0].source is Source.QUERY and latest.at - signs[0].at < timedelta(seconds=1):
        # The activity item holds whole seconds; a query in the same second as another sign is the one to name.
        return LastActivity(latest.at, Source.QUERY, _QUERIED)
    return latest


def _recently_used(last_activity: LastActivity, observation: Observation, settings: Settings) -> Decision:
    at, window = format_time(last_activity.at), format_duration(settings.idle)
    if last_activity.source is Source.STARTED and isinstance(observation.activity, NoActivity):
        detail = (
            f"There is no activity item; the idle window of {window} runs from {at}, when it was first seen running."
        )
        return Decision(Action.NONE, Reason.NO_ACTIVITY_DATA, detail, last_activity)
    detail = f"In use: {last_activity.what} at {at}, within the idle window of {window}."
    return Decision(Action.NONE, Reason.RECENT_ACTIVITY, detail, last_activity)


def _ask_metric(
    observation: Observation, last_activity: LastActivity | None, settings: Settings, now: datetime
) -> Decision | None:
    """The second opinion's veto, or None where it agrees to stop."""
    match observation.metric:
        case MetricActive(at) if now - at <= settings.idle:
            detail = f"No query for long, but {_MEASURED} at {format_time(at)}."
            return Decision(Action.NONE, Reason.METRIC_ACTIVE, detail, LastActivity(at, Source.METRIC, _MEASURED))
        case MetricActive() | MetricIdle():
            return None
        case MetricUnknown(why):
            detail = f"It stays up, because the activity metric is silent: {why}."
            return Decision(Action.NONE, Reason.METRIC_UNKNOWN, detail, last_activity)
        case None:
            detail = "It stays up, because the activity metric was not read."
            return Decision(Action.NONE, Reason.METRIC_UNKNOWN, detail, last_activity)
        case unexpected:
            assert_never(unexpected)


def _why_idle(last_activity: LastActivity | None, record: DatabaseRecord, settings: Settings, now: datetime) -> str:
    began = "AWS started it by itself after seven days. " if record.started_by_aws else ""
    if last_activity is None:
        return f"{began}No use of it is known."
    ago = format_duration(now - last_activity.at)
    window = format_duration(settings.idle)
    at = format_time(last_activity.at)
    return f"{began}Idle for {ago}: {last_activity.what} at {at}; the idle window is {window}."
