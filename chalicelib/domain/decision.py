"""What to do about one database: a pure function of what was observed, the record, the policy and the time.

The rules have the effect of the table in README.md. A new rule is one function and its place in
``_RULES``. What a rule says about activity comes from ``idle_timer``.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from chalicelib.domain.activity import (
    AUTO,
    ActivitySource,
    InvalidActivity,
    LastActivity,
    LastQuery,
    MetricActive,
    MetricIdle,
    MetricUnknown,
    NoActivity,
    are_reports_trusted,
)
from chalicelib.domain.errors import CannotStop
from chalicelib.domain.idle_timer import last_activity, runs_from_first_observation
from chalicelib.domain.model import Action, Decision, Observation, Policy, Reason, State
from chalicelib.domain.record import STOP_UNSUPPORTED, DatabaseRecord
from chalicelib.domain.restart_expiry import is_restart_expired
from chalicelib.domain.statuses import classify_status, effective_status, remedy_for
from chalicelib.domain.timestamps import format_duration, format_time

MAX_CLOCK_SKEW: Final = timedelta(minutes=5)
"""An activity time further in the future than this is an error of its writer."""

METRIC_GRACE: Final = timedelta(minutes=30)
"""An activity metric that is unknown for the idle timeout and this time fails the check."""

_STOP_REFUSED: Final = (
    "RDS has refused to stop it, because of its state or, in a cluster, of a member's, or because it had accepted an "
    "earlier request to stop it. The stop is tried again at a later check."
)

_LAST_OPEN: Final = "connections were last open"

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


def _state(observation: Observation, record: DatabaseRecord, now: datetime) -> State:
    return effective_status(observation.described, record, now).state


def _restart_requested(
    observation: Observation, record: DatabaseRecord, policy: Policy, now: datetime
) -> Decision | None:
    restart = record.pending_restart
    is_startable = effective_status(observation.described, record, now).startable
    if restart is None or not is_startable or is_restart_expired(record, policy, now):
        return None
    detail = f"{restart.by} requested a restart at {format_time(restart.requested_at)}."
    return Decision(Action.START, Reason.RESTART_REQUESTED, detail)


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
        case State.STOPPING if record.was_stop_refused and classify_status(observation.described.status).ready:
            return Decision(Action.NONE, Reason.STOPPING, _STOP_REFUSED)
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


def _stopped(observation: Observation, record: DatabaseRecord, _: Policy, now: datetime) -> Decision | None:
    if _state(observation, record, now) is not State.STOPPED:
        return None
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
    detail = (
        f"The time of the last query is unknown, because the activity item is not valid: {cause}. "
        "It is not stopped until the item is fixed."
    )
    return Decision(Action.NONE, Reason.ACTIVITY_UNREADABLE, detail, check_fails=True)


def _recently_active(
    observation: Observation, record: DatabaseRecord, policy: Policy, now: datetime
) -> Decision | None:
    last = last_activity(observation, record)
    if last is None or now - last.at > policy.idle_timeout:
        return None
    at, timeout = format_time(last.at), format_duration(policy.idle_timeout)
    if runs_from_first_observation(last, record):
        detail = f"No activity since then is known, so the idle timeout of {timeout} runs from {at}, when "
        return Decision(Action.NONE, Reason.NO_ACTIVITY_DATA, detail + f"{last.description}.")
    detail = f"In use: {last.description} at {at}, within the idle timeout of {timeout}."
    return Decision(Action.NONE, Reason.RECENT_ACTIVITY, detail)


def _cannot_stop(observation: Observation, record: DatabaseRecord, _: Policy, __: datetime) -> Decision | None:
    unsupported = observation.described.stop_unsupported
    if unsupported is not None:
        detail = f"It is idle, but RDS cannot stop it, because {unsupported}. Remove it from DATABASES, or hold it."
        return Decision(Action.NONE, Reason.CANNOT_STOP, detail, check_fails=record.last_error != STOP_UNSUPPORTED)
    if record.last_error != CannotStop.__name__:
        return None
    detail = (
        "It is idle, but RDS has refused to stop a database of its engine or deployment type. Remove it from "
        "DATABASES, or hold it. The stop is tried again on the next day (UTC)."
    )
    return Decision(Action.NONE, Reason.CANNOT_STOP, detail)


def _metric_active(observation: Observation, _: DatabaseRecord, policy: Policy, now: datetime) -> Decision | None:
    rule, metric = policy.activity_rule, observation.metric
    if rule is None or not isinstance(metric, MetricActive) or now - metric.at > policy.idle_timeout:
        return None
    at = format_time(metric.at)
    if not rule.only_without_reports:
        last = LastActivity(metric.at, ActivitySource.METRIC, f"{rule.name} was last above {rule.threshold:g}")
        detail = f"There was no query within the idle timeout, but {last.description} at {at}."
        return Decision(Action.NONE, Reason.METRIC_ACTIVE, detail, last)
    if are_reports_trusted(observation.activity, now):
        return None
    number = _open_connections(observation, policy)
    opened = f"Connections were open until {at}" if number is None else f"{_connections(number)} open"
    detail = (
        f"{opened}, and nobody has reported a query in the last 30 days. So open connections count as activity: it is "
        f"stopped {format_duration(policy.idle_timeout)} after the last of them is closed. If they are idle, close "
        "them, or let the backend report its queries."
    )
    last = LastActivity(metric.at, ActivitySource.METRIC, _LAST_OPEN)
    return Decision(Action.NONE, Reason.UNREPORTED_CONNECTIONS, detail, last, open_connections=number)


def _metric_unknown(observation: Observation, record: DatabaseRecord, policy: Policy, now: datetime) -> Decision | None:
    rule = policy.activity_rule
    if rule is None:
        return None
    match observation.metric:
        case MetricActive() | MetricIdle():
            return None
        case MetricUnknown() if rule.only_without_reports and are_reports_trusted(observation.activity, now):
            return None
        case MetricUnknown(why):
            cause = why.rstrip(".")
        case None:
            cause = "it was not read"
        case unexpected:
            assert_never(unexpected)
    since = record.metric_unknown_since or now
    fails = now - since > policy.idle_timeout + METRIC_GRACE
    detail = f"It is not stopped, because the metric {rule.name} has been unknown since {format_time(since)}: {cause}."
    if fails:
        detail += " Action required: check ACTIVITY_METRIC and the permission cloudwatch:GetMetricData."
    return Decision(Action.NONE, Reason.METRIC_UNKNOWN, detail, check_fails=fails)


def _pending_modifications(observation: Observation, _: DatabaseRecord, __: Policy, ___: datetime) -> Decision | None:
    pending = observation.described.pending_modifications
    if not pending:
        return None
    detail = (
        "It is idle, but a stop would discard modifications that wait for the maintenance window: "
        f"{', '.join(pending)}. It is stopped once they are applied. To stop it earlier, apply or revoke them now."
    )
    return Decision(Action.NONE, Reason.PENDING_MODIFICATIONS, detail)


def _idle(observation: Observation, record: DatabaseRecord, policy: Policy, now: datetime) -> Decision:
    detail = "AWS started it automatically after seven days. " if record.started_by_aws else ""
    last, metric = last_activity(observation, record), observation.metric
    counts = not are_reports_trusted(observation.activity, now) and policy.activity_rule == AUTO
    if counts and isinstance(metric, MetricActive) and (last is None or metric.at > last.at):
        last = LastActivity(metric.at, ActivitySource.METRIC, _LAST_OPEN)
    if last is None:
        detail += "No activity is known."
    else:
        detail += f"Idle for {format_duration(now - last.at)}: {last.description} at {format_time(last.at)}; "
        detail += f"the idle timeout is {format_duration(policy.idle_timeout)}."
    connections = _open_connections(observation, policy)
    if connections is not None:
        detail += f" {_connections(connections)} open, which does not count, because queries are reported."
    elif counts and isinstance(metric, MetricIdle):
        detail += " No connection was open in that time."
    return Decision(Action.STOP, Reason.IDLE, detail, open_connections=connections)


def _open_connections(observation: Observation, policy: Policy) -> int | None:
    """How many were open most recently; None where none were, and where it is not known."""
    is_number = policy.activity_rule is not None and policy.activity_rule.only_without_reports
    if is_number and isinstance(observation.metric, MetricActive) and observation.metric.latest >= 1:
        return round(observation.metric.latest)
    return None


def _connections(number: int) -> str:
    return "1 connection is" if number == 1 else f"{number} connections are"


_RULES: Final[tuple[Rule, ...]] = (
    _restart_requested,
    _failed,
    _in_transition,
    _stopped,
    _held,
    _activity_unreadable,
    _recently_active,
    _cannot_stop,
    _metric_active,
    _metric_unknown,
    _pending_modifications,
    _idle,
)
