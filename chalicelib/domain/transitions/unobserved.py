"""What has happened to a database while nobody looked, or while nothing could be written down. Pure."""

from datetime import datetime

from chalicelib.domain.decision import CONSISTENCY_WINDOW
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
from chalicelib.domain.statuses import classify_status


def infer_unobserved_events(
    record: DatabaseRecord, sighting: Description, condition: StatusInfo, now: datetime, *, by_aws: bool
) -> tuple[Event, ...]:
    """The start and the stop that must lie between what the record knows and what is seen now.

    ``by_aws`` says whether a start would have been AWS's own, after seven days.
    """
    if record.status is None:
        return ()
    match (classify_status(record.status).state, condition.state):
        case (State.STOPPED, State.STOPPED) if _is_later_stop(record, sighting):
            return (_start(record, sighting, now, by_aws=by_aws), _stop(record, sighting, now))
        case (State.STOPPED, State.STOPPING):
            return (_start(record, sighting, now, by_aws=by_aws),)
        case (State.RUNNING, State.STARTING):
            return (_stop(record, sighting, now),)
        case _:
            return ()


def _start(record: DatabaseRecord, sighting: Description, now: datetime, *, by_aws: bool) -> Event:
    by = record.pending_restart.by if record.pending_restart else AWS_ACTOR if by_aws else EXTERNAL_ACTOR
    detail = "It was started since the last look that could be noted."
    return Event(now, EventName.STARTING, by, detail, sighting.status)


def _stop(record: DatabaseRecord, sighting: Description, now: datetime) -> Event:
    by = APP_ACTOR if record.stop_intent is not None else EXTERNAL_ACTOR
    detail = "It was stopped since the last look that could be noted."
    return Event(now, EventName.STOPPED, by, detail, sighting.status)


def _is_later_stop(record: DatabaseRecord, sighting: Description) -> bool:
    """AWS sets the time of its own restart when a database is stopped: a later one tells of a later stop."""
    before, after = record.automatic_restart_at, sighting.automatic_restart_at
    return before is not None and after is not None and after - before >= CONSISTENCY_WINDOW
