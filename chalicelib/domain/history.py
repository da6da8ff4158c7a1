"""The entries of the history → what happened in a span of time, and how long the database was awake. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from chalicelib.domain.model import Event, EventName, History, Period, State
from chalicelib.domain.statuses import classify_status

_DAY: Final = timedelta(days=1)

_NOT_BILLED: Final = (State.STOPPED, State.STARTING, State.STOPPING)
"""AWS bills no instance hours in these. Source: "Viewing Amazon RDS DB instance status", RDS user guide."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How long it was up, down, and not billed. ``start_latency``: from the request to being ready, None where unknown.

    Where it failed, or RDS was at work on it, AWS bills most hours: they count as running, so that no saving is claimed
    that is none.
    """

    running: timedelta
    stopped: timedelta
    saved: timedelta
    unobserved: timedelta
    starts: int
    start_latency: timedelta | None


def days_of(start: datetime, end: datetime) -> list[date]:
    """The days (UTC) whose history tells of this span: its own, and the one before, which says how it began."""
    first = start.date() - _DAY
    return [first + number * _DAY for number in range((end.date() - first).days + 1)]


def tell(events: Sequence[Event], start: datetime, end: datetime) -> History:
    """What happened between the two moments. ``events`` are in the order of time, and may begin earlier.

    How the database stood is told at the first look of each day. So the state that an entry tells lasts up to the next
    entry if that is of the same day or the next one; otherwise to the end of its day, and after that nobody knows.
    """
    told = [event for event in events if event.at <= end]
    periods = [
        Period(max(period.start, start), min(period.end, end), period.state)
        for period in _periods(told, start, end)
        if period.end > start and period.start < end
    ]
    within = tuple(event for event in told if event.at >= start and event.name is not EventName.DAILY_STATUS)
    return History(start, end, within, tuple(_joined(periods)))


def summarize(history: History) -> Summary:
    """The sums of a history."""
    wakes = [event.seconds for event in history.events if event.seconds is not None]
    return Summary(
        running=_time_in(history, (State.RUNNING, State.BUSY, State.FAILED)),
        stopped=_time_in(history, (State.STOPPED,)),
        saved=_time_in(history, _NOT_BILLED),
        unobserved=_time_in(history, (None,)),
        starts=_starts(history),
        start_latency=timedelta(seconds=median(wakes)) if wakes else None,
    )


def _starts(history: History) -> int:
    """How often it came up. RDS may be at work on it (a backup, say) before it is seen available."""
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


def _joined(periods: Iterable[Period]) -> Iterator[Period]:
    """Neighbours in the same state as one; empty ones left out."""
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
