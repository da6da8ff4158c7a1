"""Starts and stops that took place between two observations, or that could not be recorded."""

from datetime import datetime

from chalicelib.domain.model import (
    APP_ACTOR,
    AWS_ACTOR,
    EXTERNAL_ACTOR,
    DatabaseRecord,
    Description,
    Event,
    EventName,
    State,
    StatusInfo,
)
from chalicelib.domain.statuses import CONSISTENCY_WINDOW, classify_status


def infer_unobserved_events(
    record: DatabaseRecord, description: Description, info: StatusInfo, now: datetime, *, by_aws: bool
) -> tuple[Event, ...]:
    """The start and the stop that must lie between what the record knows and what RDS describes now.

    ``by_aws``: whether a start would have been the automatic one after seven days.
    """
    if record.status is None:
        return ()
    match (classify_status(record.status).state, info.state):
        case (State.STOPPED, State.STOPPED) if is_later_stop(record, description):
            return (_start(record, description, now, by_aws=by_aws), _stop(record, description, now))
        case (State.STOPPED, State.STOPPING):
            return (_start(record, description, now, by_aws=by_aws),)
        case (State.RUNNING, State.STARTING):
            return (_stop(record, description, now),)
        case _:
            return ()


def is_later_stop(record: DatabaseRecord, description: Description) -> bool:
    """Whether the database has been stopped again since the stop that the record knows.

    AWS sets AutomaticRestartTime when a database stops, so a later time belongs to a later stop:
    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html
    """
    before, after = record.automatic_restart_at, description.automatic_restart_at
    return before is not None and after is not None and after - before >= CONSISTENCY_WINDOW


def _start(record: DatabaseRecord, description: Description, now: datetime, *, by_aws: bool) -> Event:
    by = record.pending_restart.by if record.pending_restart else AWS_ACTOR if by_aws else EXTERNAL_ACTOR
    return Event(now, EventName.STARTING, by, "It was started since the last observation.", description.status)


def _stop(record: DatabaseRecord, description: Description, now: datetime) -> Event:
    by = APP_ACTOR if record.stop_intent is not None else EXTERNAL_ACTOR
    return Event(now, EventName.STOPPED, by, "It was stopped since the last observation.", description.status)
