"""What has happened to a database while nobody looked, or while nothing could be written down. Pure."""

from datetime import datetime
from typing import Final

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

_STARTED: Final = "It was started since the last look that could be noted."
_STOPPED: Final = "It was stopped since the last look that could be noted."


def missed_between(
    record: Record, sighting: Sighting, condition: Condition, now: datetime, *, by_aws: bool
) -> tuple[Event, ...]:
    """The start and the stop that must lie between what the record knows and what is seen now.

    ``by_aws`` says whether a start would have been AWS's own, after seven days.
    """
    if record.status is None:
        return ()
    starter = record.restart.by if record.restart else AWS_ACTOR if by_aws else SOMEBODY_ELSE
    stopper = APP_ACTOR if record.fence is not None else SOMEBODY_ELSE
    started = Event(now, EventName.STARTING, starter, _STARTED, sighting.status)
    stopped = Event(now, EventName.STOPPED, stopper, _STOPPED, sighting.status)
    match (condition_of(record.status).state, condition.state):
        case (State.STOPPED, State.STOPPED) if _is_later_stop(record, sighting):
            return (started, stopped)
        case (State.STOPPED, State.STOPPING):
            return (started,)
        case (State.RUNNING, State.STARTING):
            return (stopped,)
        case _:
            return ()


def _is_later_stop(record: Record, sighting: Sighting) -> bool:
    """AWS sets the time of its own restart when a database is stopped: a later one tells of a later stop."""
    before, after = record.automatic_restart_at, sighting.automatic_restart_at
    return before is not None and after is not None and after - before >= RDS_LAGS
