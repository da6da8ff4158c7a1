"""Decisions and results of actions: the transitions that follow from them and from the response of RDS."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.errors import CannotStart, InsufficientCapacity, Problem
from chalicelib.domain.model import APP_ACTOR, Decision, Event, EventName, Reason, Transition
from chalicelib.domain.record import (
    STOP_REFUSED,
    STOP_REFUSED_AGAIN,
    STOP_UNSUPPORTED,
    AcceptedStart,
    DatabaseRecord,
    StopIntent,
)


def apply_decision(record: DatabaseRecord, decision: Decision, now: datetime) -> Transition:
    """Record what the next decision has to know: since when the metric is unknown, and that RDS cannot stop it."""
    is_unknown = decision.reason is Reason.METRIC_UNKNOWN
    transition = Transition(
        replace(record, metric_unknown_since=(record.metric_unknown_since or now) if is_unknown else None)
    )
    if decision.reason is Reason.CANNOT_STOP and decision.check_fails:
        return transition.then(_stop_failed(transition.record, STOP_UNSUPPORTED, decision.detail, now))
    return transition


def set_stop_intent(record: DatabaseRecord, decision: Decision, now: datetime) -> Transition:
    """Set the stop intent: the database counts as stopping from now on."""
    return Transition(replace(record, stop_intent=StopIntent(now, decision.detail, decision.open_connections)))


def clear_stop_intent(record: DatabaseRecord) -> Transition:
    """Clear the stop intent, because the stop was not carried out."""
    return Transition(replace(record, stop_intent=None))


def start_accepted(record: DatabaseRecord, now: datetime) -> Transition:
    """RDS accepted a start. Another function may have observed and recorded it already."""
    restart = record.pending_restart
    if restart is None:
        return Transition(record)
    # A database that had failed was not observed as stopped, which would have cleared its last uptime.
    started = replace(
        record.with_uptime_cleared(),
        pending_restart=None,
        accepted_start=AcceptedStart(now, restart),
        stop_intent=None,
        start_prevented_at=None,
        status="starting",
        status_changed_at=now,
    )
    detail = "RDS starts it, as requested."
    return Transition(started, (Event(now, EventName.STARTING, restart.by, detail, "starting"),))


def stop_accepted(record: DatabaseRecord, decision: Decision, now: datetime) -> Transition:
    """RDS accepted a stop. The stop intent stays set until the database is observed to have stopped."""
    if record.status in ("stopping", "stopped"):
        return Transition(record)
    stopping = replace(record.with_uptime_cleared(), status="stopping", status_changed_at=now)
    event = Event(
        now, EventName.STOPPING, APP_ACTOR, decision.detail, "stopping", open_connections=decision.open_connections
    )
    return Transition(stopping, (event,))


def start_prevented(record: DatabaseRecord, now: datetime) -> Transition:
    """AWS did not respond, so it is not known whether the database can be started."""
    if record.pending_restart is None:
        return Transition(record)
    return Transition(replace(record, start_prevented_at=now))


def start_failed(record: DatabaseRecord, problem: Problem, now: datetime) -> Transition:
    """RDS refused a start. CannotStart cancels the restart; after any other problem the next pass tries again.

    A problem that repeats is recorded once.
    """
    restart, error, permanent = record.pending_restart, type(problem).__name__, isinstance(problem, CannotStart)
    if restart is None:
        return Transition(record)
    failed = replace(record, pending_restart=None if permanent else restart, last_error=error)
    if isinstance(problem, InsufficientCapacity):
        failed = replace(failed, start_prevented_at=now)
    if record.last_error == error and not permanent:
        return Transition(failed)
    name = EventName.RESTART_CANCELLED if permanent else EventName.START_FAILED
    return Transition(failed, (Event(now, name, restart.by, problem.detail, record.status),))


def stop_failed(record: DatabaseRecord, problem: Problem, now: datetime) -> Transition:
    """RDS refused a stop for a reason other than the database's state. A problem that repeats is recorded once."""
    return _stop_failed(replace(record, stop_intent=None), type(problem).__name__, problem.detail, now)


def stop_refused_while_running(record: DatabaseRecord, now: datetime) -> Transition:
    """RDS refused a stop for the database's state, but describes it as available.

    The stop intent stays set: an earlier attempt, whose response was lost, may have been accepted. If RDS refuses again
    after that, no attempt was accepted, and the history records it once.
    """
    if not record.was_stop_refused:
        return Transition(replace(record, last_error=STOP_REFUSED))
    detail = (
        "RDS has refused a stop twice, because of the state of the database or, in a cluster, of a member. The stop is "
        "tried again at later checks."
    )
    return _stop_failed(record, STOP_REFUSED_AGAIN, detail, now)


def _stop_failed(record: DatabaseRecord, error: str, detail: str, now: datetime) -> Transition:
    failed = replace(record, last_error=error)
    if record.last_error == error:
        return Transition(failed)
    return Transition(failed, (Event(now, EventName.STOP_FAILED, APP_ACTOR, detail, record.status),))
