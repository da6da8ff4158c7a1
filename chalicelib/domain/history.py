"""Converts history events into the periods between two times, and their sums."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from chalicelib.domain.model import Event, EventName, State
from chalicelib.domain.statuses import classify_status

_DAY: Final = timedelta(days=1)

_NOT_BILLED: Final = (State.STOPPED, State.STARTING, State.STOPPING)
"""AWS bills only storage in these: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html"""


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which a database's state did not change; None where it was not observed."""

    start: datetime
    end: datetime
    state: State | None


@dataclass(frozen=True, slots=True)
class History:
    """What happened to a database between two times, oldest first. ``periods`` leave no gap."""

    start: datetime
    end: datetime
    events: tuple[Event, ...]
    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """How long it was running, stopped and not billed. ``start_latency``: median from the request until available.

    A failed or busy database counts as running, although AWS does not bill every failed status: savings are never
    overstated.
    """

    running: timedelta
    stopped: timedelta
    saved: timedelta
    unobserved: timedelta
    starts: int
    start_latency: timedelta | None


def days_of(start: datetime, end: datetime) -> list[date]:
    """The days (UTC) whose events describe this span: its own, and the one before, for the status at its start."""
    first = start.date() - _DAY
    return [first + number * _DAY for number in range((end.date() - first).days + 1)]


def build_history(events: Sequence[Event], start: datetime, end: datetime) -> History:
    """What happened between the two times. ``events`` are in chronological order and may begin earlier.

    The first observation of each day is recorded. So a status lasts until the next event if that is of the same day or
    the next one; otherwise until the end of its day, and after that the state is unknown.
    """
    known = [event for event in events if event.at <= end]
    periods = [
        Period(max(period.start, start), min(period.end, end), period.state)
        for period in _periods(known, start, end)
        if period.end > start and period.start < end
    ]
    within = tuple(event for event in known if event.at >= start and event.name is not EventName.DAILY_STATUS)
    return History(start, end, within, tuple(_merged(periods)))


def summarize(history: History) -> Summary:
    """The sums of a history."""
    latencies = [event.seconds for event in history.events if event.seconds is not None]
    return Summary(
        running=_time_in(history, (State.RUNNING, State.BUSY, State.FAILED)),
        stopped=_time_in(history, (State.STOPPED,)),
        saved=_time_in(history, _NOT_BILLED),
        unobserved=_time_in(history, (None,)),
        starts=_starts(history),
        start_latency=timedelta(seconds=median(latencies)) if latencies else None,
    )


def _starts(history: History) -> int:
    """How often it became available. An RDS operation, such as a backup, may come before the status available."""
    states = [period.state for period in history.periods if period.state is not State.BUSY]
    return sum(after is State.RUNNING and before in _NOT_BILLED for before, after in pairwise(states))


def _periods(events: Iterable[Event], start: datetime, end: datetime) -> Iterator[Period]:
    known_since, state = start, None
    for event in events:
        if event.status is None:
            continue
        yield from _until(known_since, state, event.at)
        known_since, state = event.at, classify_status(event.status).state
    yield from _until(known_since, state, end)


def _until(since: datetime, state: State | None, end: datetime) -> Iterator[Period]:
    known_until = end
    if end.date() - since.date() > _DAY:
        known_until = since.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
    yield Period(since, known_until, state)
    yield Period(known_until, end, None)


def _merged(periods: Iterable[Period]) -> Iterator[Period]:
    """Adjacent periods of the same state as one, without empty ones."""
    last: Period | None = None
    for period in periods:
        if period.start >= period.end:
            continue
        if last is not None and last.state is period.state:
            last = Period(last.start, period.end, period.state)
            continue
        if last is not None:
            yield last
        last = period
    if last is not None:
        yield last


def _time_in(history: History, states: Sequence[State | None]) -> timedelta:
    spans = (period.end - period.start for period in history.periods if period.state in states)
    return sum(spans, timedelta(0))
