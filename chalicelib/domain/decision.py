"""What to do about one database: a pure function of what was observed, the record, the policy and the time.

The rules are those of the table in README.md, in its order. A new rule is one function and its place in
``_RULES``.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from chalicelib.domain.activity import (
    ActivitySource,
    InvalidActivity,
    LastActivity,
    LastQuery,
    MetricActive,
    MetricIdle,
    MetricUnknown,
    NoActivity,
)
from chalicelib.domain.model import (
    Action,
    DatabaseRecord,
    Decision,
    Observation,
    PendingRestart,
    Policy,
    Reason,
    State,
)
from chalicelib.domain.statuses import effective_status, remedy_for
from chalicelib.domain.timestamps import format_duration, format_time

MAX_CLOCK_SKEW: Final = timedelta(minutes=5)
"""An activity time further in the future than this is an error of its writer."""

Rule = Callable[[Observation, DatabaseRecord, Policy, datetime], Decision | None]
"""A decision, or None where the rule does not apply."""


def decide(observation: Observation, record: DatabaseRecord, policy: Policy, now: datetime) -> Decision:
    """The first rule that applies decides.

    Raises the problem where RDS could not describe the database, and ValueError where ``now`` has no time zone.
    """
    if now.tzinfo is None:
        raise ValueError("now has no time zone; pass an aware UTC datetime")
    decision = next(made for rule in _RULES if (made := rule(observation, record, policy, now)) is not None)
    if decision.last_activity is not None:
        return decision
    return replace(decision, last_activity=last_activity(observation, record))


def is_restart_expired(record: DatabaseRecord, policy: Policy, now: datetime) -> bool:
    """Whether the pending restart could not be carried out for so long that it expires."""
    if record.pending_restart is None:
        return False
    return now - last_requested_at(record.pending_restart, record) > policy.restart_ttl


def last_requested_at(restart: PendingRestart, record: DatabaseRecord) -> datetime:
    """When the pending restart was last requested: the first time, or a later one."""
    return max(restart.requested_at, record.last_restart_requested_at or restart.requested_at)


def last_activity(observation: Observation, record: DatabaseRecord) -> LastActivity | None:
    """The latest known activity, None where none is known. A metric is considered by its own rule."""
    known = []
    if isinstance(observation.activity, LastQuery):
        known.append(_query(observation.activity.at))
    if record.last_restart_requested_at is not None:
        known.append(LastActivity(record.last_restart_requested_at, ActivitySource.RESTART, "a restart was requested"))
    if record.available_since is not None and record.started_on_request:
        description = "it became available after a restart request"
        known.append(LastActivity(record.available_since, ActivitySource.RESTART, description))
    elif record.available_since is not None:
        known.append(LastActivity(record.available_since, ActivitySource.STARTED, "it became available"))
    if not known and record.first_observed_at is not None:
        known.append(LastActivity(record.first_observed_at, ActivitySource.STARTED, "it was first observed running"))
    latest = max(known, key=lambda activity: activity.at, default=None)
    if (
        latest is not None
        and known[0].source is ActivitySource.QUERY
        and latest.at - known[0].at < timedelta(seconds=1)
    ):
        # The activity item has whole seconds: a query in the same second as another activity is named first.
        return _query(latest.at)
    return latest


def _query(at: datetime) -> LastActivity:
    return LastActivity(at, ActivitySource.QUERY, "the last query was")


def _state(observation: Observation, record: DatabaseRecord, now: datetime) -> State:
    return effective_status(observation.described, record, now).state


def _failed(observation: Observation, record: DatabaseRecord, _: Policy, now: datetime) -> Decision | None:
    if _state(observation, record, now) is not State.FAILED:
        return None
    status = observation.described.status
    detail = f"RDS reports {status}. Action required: {remedy_for(status)}"
    return Decision(Action.NONE, Reason.FAILED, detail)


def _in_transition(observation: Observation, record: DatabaseRecord, _: Policy, now: datetime) -> Decision | None:
    match _state(observation, record, now):
        case State.STARTING:
            return Decision(Action.NONE, Reason.STARTING, "It is starting. A start takes several minutes.")
        case State.STOPPING:
            return Decision(Action.NONE, Reason.STOPPING, "It is stopping. A stop takes several minutes.")
        case State.BUSY:
            status = observation.described.status
            detail = f"An RDS operation is in progress ({status}). It cannot be stopped until that has ended."
            return Decision(Action.NONE, Reason.BUSY, detail)
        case State.STOPPED | State.RUNNING | State.FAILED:
            return None
        case unexpected:
            assert_never(unexpected)


def _stopped(observation: Observation, record: DatabaseRecord, policy: Policy, now: datetime) -> Decision | None:
    if _state(observation, record, now) is not State.STOPPED:
        return None
    restart = record.pending_restart
    if restart is not None and not is_restart_expired(record, policy, now):
        detail = f"{restart.by} requested a restart at {format_time(restart.requested_at)}."
        return Decision(Action.START, Reason.RESTART_REQUESTED, detail)
    return Decision(Action.NONE, Reason.STOPPED, "It is stopped, and no restart is requested.")


def _held(_: Observation, record: DatabaseRecord, __: Policy, now: datetime) -> Decision | None:
    if record.hold is None or now >= record.hold.until:
        return None
    detail = f"{record.hold.by} keeps it available until {format_time(record.hold.until)}."
    return Decision(Action.NONE, Reason.HELD, detail)


def _activity_unreadable(observation: Observation, _: DatabaseRecord, __: Policy, now: datetime) -> Decision | None:
    match observation.activity:
        case InvalidActivity(why):
            cause = why
        case LastQuery(at) if at > now + MAX_CLOCK_SKEW:
            cause = f"its time, {format_time(at)}, is in the future"
        case LastQuery() | NoActivity():
            return None
        case unexpected:
            assert_never(unexpected)
    detail = f"The time of the last query is unknown, because the activity item is not valid: {cause}. "
    return Decision(Action.NONE, Reason.ACTIVITY_UNREADABLE, detail + "It is not stopped until the item is fixed.")


def _recently_active(
    observation: Observation, record: DatabaseRecord, policy: Policy, now: datetime
) -> Decision | None:
    last = last_activity(observation, record)
    if last is None or now - last.at > policy.idle_timeout:
        return None
    at, timeout = format_time(last.at), format_duration(policy.idle_timeout)
    if last.source is ActivitySource.STARTED and isinstance(observation.activity, NoActivity):
        detail = f"There is no activity item. The idle timeout of {timeout} runs from {at}, when {last.description}."
        return Decision(Action.NONE, Reason.NO_ACTIVITY_DATA, detail)
    detail = f"In use: {last.description} at {at}, within the idle timeout of {timeout}."
    return Decision(Action.NONE, Reason.RECENT_ACTIVITY, detail)


def _metric_forbids_stop(observation: Observation, _: DatabaseRecord, policy: Policy, now: datetime) -> Decision | None:
    if policy.activity_rule is None:
        return None
    match observation.metric:
        case MetricActive(at) if now - at <= policy.idle_timeout:
            last = LastActivity(at, ActivitySource.METRIC, "the activity metric was last above its threshold")
            detail = f"There was no query within the idle timeout, but {last.description} at {format_time(at)}."
            return Decision(Action.NONE, Reason.METRIC_ACTIVE, detail, last)
        case MetricActive() | MetricIdle():
            return None
        case MetricUnknown(why):
            cause = f"has no data: {why}"
        case None:
            cause = "was not read"
        case unexpected:
            assert_never(unexpected)
    detail = f"It is not stopped, because the activity metric {cause}."
    return Decision(Action.NONE, Reason.METRIC_UNKNOWN, detail)


def _idle(observation: Observation, record: DatabaseRecord, policy: Policy, now: datetime) -> Decision:
    cause = "AWS started it automatically after seven days. " if record.started_by_aws else ""
    last = last_activity(observation, record)
    if last is None:
        return Decision(Action.STOP, Reason.IDLE, f"{cause}No activity is known.")
    ago, timeout = format_duration(now - last.at), format_duration(policy.idle_timeout)
    detail = f"{cause}Idle for {ago}: {last.description} at {format_time(last.at)}; the idle timeout is {timeout}."
    return Decision(Action.STOP, Reason.IDLE, detail)


_RULES: Final[tuple[Rule, ...]] = (
    _failed,
    _in_transition,
    _stopped,
    _held,
    _activity_unreadable,
    _recently_active,
    _metric_forbids_stop,
    _idle,
)
