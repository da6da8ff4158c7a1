"""Observations: the transition from the recorded status to the one that RDS describes now."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.errors import CannotStop
from chalicelib.domain.model import Description, Event, EventName, Policy, State, StatusInfo, Transition
from chalicelib.domain.record import DatabaseRecord
from chalicelib.domain.restart_expiry import is_restart_expired, last_requested_at
from chalicelib.domain.statuses import (
    CONSISTENCY_WINDOW,
    classify_status,
    effective_status,
    has_stop_intent,
    is_replaced,
    remedy_for,
)
from chalicelib.domain.timestamps import format_duration
from chalicelib.domain.transitions.status_changes import apply_status


def apply_observation(record: DatabaseRecord, description: Description, policy: Policy, now: datetime) -> Transition:
    """Apply what RDS describes now: what changed since the last observation, the initiator, and what has expired.

    Returns the same record and no events where nothing has changed.
    """
    transition = _assign_resource(record, description, now)
    record = transition.record
    info = effective_status(description, record, now)
    was_ready = record.status is not None and classify_status(record.status).ready
    transition = transition.then(_expire_hold(record, now))
    transition = transition.then(_resume_after_gap(transition.record, info, now))
    transition = transition.then(apply_status(transition.record, description, info, now))
    transition = transition.then(
        _resolve_pending_restart(
            transition.record, description, info, policy, now, became_ready=info.ready and not was_ready
        )
    )
    transition = transition.then(_expire_stop_intent(transition.record, info, now))
    return _add_daily_status(transition, now)


def _assign_resource(record: DatabaseRecord, description: Description, now: datetime) -> Transition:
    """The record of another database of the same id starts empty.

    Holds and restarts were requested for the id, so they stay: a restart that RDS accepted is pending again.
    """
    if is_replaced(record, description):
        start = record.accepted_start
        fresh = DatabaseRecord(
            revision=record.revision,
            resource_id=description.resource_id,
            hold=record.hold,
            pending_restart=record.pending_restart or (start.restart if start else None),
            last_restart_requested_at=record.last_restart_requested_at if record.pending_restart or start else None,
            last_daily_status_on=record.last_daily_status_on,
        )
        detail = "Another database has this id now, for example a restored one. It gets a full idle timeout."
        return Transition(fresh, (Event(now, EventName.REPLACED, None, detail),))
    if record.resource_id is None and description.resource_id is not None:
        return Transition(replace(record, resource_id=description.resource_id))
    return Transition(record)


def _resume_after_gap(record: DatabaseRecord, info: StatusInfo, now: datetime) -> Transition:
    """A running database that was not observed for a whole day gets a full idle timeout.

    It may have been removed from ``DATABASES`` and added again, and nobody knows who used it meanwhile.
    """
    day = record.last_daily_status_on
    was_ready = record.status is not None and classify_status(record.status).ready
    if day is None or not (was_ready and info.ready) or now.date() - day <= timedelta(days=1):
        return Transition(record)
    return Transition(replace(record, first_observed_at=now))


def _expire_hold(record: DatabaseRecord, now: datetime) -> Transition:
    if record.hold is None or record.hold.until > now:
        return Transition(record)
    event = Event(now, EventName.HOLD_ENDED, record.hold.by, "The hold has expired.")
    return Transition(replace(record, hold=None), (event,))


def _expire_stop_intent(record: DatabaseRecord, info: StatusInfo, now: datetime) -> Transition:
    if record.stop_intent is None or info.state is State.STOPPING or has_stop_intent(record, now):
        return Transition(record)
    return Transition(replace(record, stop_intent=None))


def _resolve_pending_restart(
    record: DatabaseRecord,
    description: Description,
    info: StatusInfo,
    policy: Policy,
    now: datetime,
    *,
    became_ready: bool,
) -> Transition:
    """What the description means for a pending restart: carried out, impossible, expired, or still pending."""
    restart = record.pending_restart
    if restart is None:
        return Transition(record)
    resolved = replace(record, pending_restart=None)
    match info.state:
        case State.STARTING if record.accepted_start is None:
            return Transition(record.with_external_start(restart, now))
        case State.STARTING:
            return Transition(resolved)
        case State.FAILED if not info.startable:
            status = description.status
            detail = f"A restart is impossible while RDS reports {status}. {remedy_for(status)}"
            return Transition(resolved, (Event(now, EventName.RESTART_CANCELLED, restart.by, detail, status),))
        case _ if info.ready:
            return Transition(resolved if became_ready or not _is_requested_recently(record, now) else record)
        case _ if is_restart_expired(record, policy, now):
            waited = format_duration(policy.restart_ttl)
            detail = f"It was not carried out within {waited} and has expired. Request it again if you need it."
            event = Event(now, EventName.RESTART_EXPIRED, restart.by, detail)
            return Transition(replace(resolved, last_error=None), (event,))
        case _:
            return Transition(record)


def _is_requested_recently(record: DatabaseRecord, now: datetime) -> bool:
    """Whether the restart was requested so recently that a description as available may be stale.

    The restart is pending because the database was stopping. It is kept until a later description confirms the status.
    """
    restart = record.pending_restart
    return restart is not None and now - last_requested_at(restart, record) < CONSISTENCY_WINDOW


def _add_daily_status(transition: Transition, now: datetime) -> Transition:
    """Each day's history contains the status at the day's first observation.

    So a day without history is one without an observation, not one without a change. A stop that RDS refused
    permanently is tried again each day.
    """
    record = transition.record
    if record.last_daily_status_on == now.date() or record.status is None:
        return transition
    error = None if record.last_error == CannotStop.__name__ else record.last_error
    dated = Transition(replace(record, last_daily_status_on=now.date(), last_error=error))
    if not any(event.status for event in transition.events):
        detail = f"The first observation of the day; RDS reports {record.status}."
        dated = Transition(dated.record, (Event(now, EventName.DAILY_STATUS, None, detail, record.status),))
    return transition.then(dated)
