"""What has happened to a database while nobody looked, or while nothing could be written down. Pure."""

from datetime import datetime

from chalicelib.decision import RDS_LAGS
from chalicelib.model import (
    APP_ACTOR,
    AWS_ACTOR,
    SOMEBODY_ELSE,
    Condition,
    Event,
    EventName,
    Record,
    Sighting,
    State,
)
from chalicelib.statuses import condition_of


def missed_between(
    record: Record, sighting: Sighting, condition: Condition, now: datetime, *, by_aws: bool
) -> tuple[Event, ...]:
    """The start and the stop that must lie between what the record knows and what is seen now.

    ``by_aws`` says whether a start would have been AWS's own, after seven days.
    """
    if record.status is None:
        return ()
    match (condition_of(record.status).state, condition.state):
        case (State.STOPPED, State.STOPPED) if _is_later_stop(record, sighting):
            return (_start(record, sighting, now, by_aws=by_aws), _stop(record, sighting, now))
        case (State.STOPPED, State.STOPPING):
            return (_start(record, sighting, now, by_aws=by_aws),)
        case (State.RUNNING, State.STARTING):
            return (_stop(record, sighting, now),)
        case _:
            return ()


def _start(record: Record, sighting: Sighting, now: datetime, *, by_aws: bool) -> Event:
    by = record.restart.by if record.restart else AWS_ACTOR if by_aws else SOMEBODY_ELSE
    detail = "It was started since the last look that could be noted."
    return Event(now, EventName.STARTING, by, detail, sighting.status)


def _stop(record: Record, sighting: Sighting, now: datetime) -> Event:
    by = APP_ACTOR if record.fence is not None else SOMEBODY_ELSE
    detail = "It was stopped since the last look that could be noted."
    return Event(now, EventName.STOPPED, by, detail, sighting.status)


def _is_later_stop(record: Record, sighting: Sighting) -> bool:
    """AWS sets the time of its own restart when a database is stopped: a later one tells of a later stop."""
    before, after = record.automatic_restart_at, sighting.automatic_restart_at
    return before is not None and after is not None and after - before >= RDS_LAGS
