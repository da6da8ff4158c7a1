"""A trace, replayed with one contender: what is billed, and what people live through."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from benchmarks.minders import AlwaysOn, Minder, OfficeHours
from benchmarks.people import IDLE, People
from benchmarks.plain_pair import PlainPair
from benchmarks.real_app import App
from benchmarks.world import Fated, Span, World
from dev.local.rds_behavior import Cause
from dev.local.rds_timing import RdsTiming

BEFORE: Final = timedelta(hours=1)
AFTER: Final = timedelta(hours=3)
"""The replay begins and ends so long before the first and after the last moment, so that all have stopped by then."""


class Contender(StrEnum):
    """Who minds the database."""

    ALWAYS_ON = "always on"
    OFFICE_HOURS = "office hours"
    PLAIN_PAIR = "plain pair of Lambdas, every 15 min"
    APP_15 = "rds-lifecycle, every 15 min"
    APP_5 = "rds-lifecycle, every 5 min"
    APP_1 = "rds-lifecycle, every minute"
    BOUND = "lower bound"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one contender. ``up`` is when the database was available, and so billed."""

    contender: Contender
    span: Span
    up: tuple[Span, ...]
    queries: tuple[datetime, ...]
    """When people really queried: at the moments of the trace, or as soon as they found it up."""
    starts: int
    starts_by_aws: int = 0
    waited: timedelta = timedelta(0)
    clicks: int = 0
    clicks_in_vain: int = 0
    early_stops: tuple[datetime, ...] = ()
    """Stops while somebody was working: within the idle window of a query, or while somebody waited."""
    checks: int = 0

    @property
    def hours(self) -> float:
        """Database-hours billed."""
        return _hours(self.up)

    @property
    def hours_per_month(self) -> float:
        """The same for a month of 730 hours."""
        return self.hours / (self.span.length / timedelta(hours=730))

    @property
    def needed_hours(self) -> float:
        """The least for the queries as they were really made: each keeps it up for the idle window."""
        return _hours(merge(self.queries))

    def cumulated(self) -> tuple[tuple[datetime, float], ...]:
        """Points of the line that says how many hours had been billed by when."""
        points, total = [(self.span.start, 0.0)], 0.0
        for span in self.up:
            points.append((span.start, total))
            total += _hours([span])
            points.append((span.end, total))
        return (*points, (self.span.end, total))


def make_minder(contender: Contender, world: World, *, spares: bool = True) -> Minder:
    """Whoever minds the database for this contender; ``spares`` as in Schedule.

    Raises ValueError for the bound, which nobody can keep.
    """
    match contender:
        case Contender.ALWAYS_ON:
            return AlwaysOn()
        case Contender.OFFICE_HOURS:
            return OfficeHours(world)
        case Contender.PLAIN_PAIR:
            return PlainPair(world, spares=spares)
        case Contender.APP_15:
            return App(world, 15, spares=spares)
        case Contender.APP_5:
            return App(world, 5, spares=spares)
        case Contender.APP_1:
            return App(world, 1, spares=spares)
        case Contender.BOUND:
            raise ValueError("The lower bound is computed, not replayed: call replay.")
        case unexpected:
            assert_never(unexpected)


def replay(contender: Contender, trace: Sequence[datetime]) -> Outcome:
    """Live through the whole trace. Raises RuntimeError where a function of the app fails."""
    if contender is Contender.BOUND:
        up = merge(trace)
        return Outcome(contender, _span_of(trace), up, tuple(trace), starts=len(up))
    return replay_with(contender, lambda world: make_minder(contender, world), trace)


def replay_with(
    contender: Contender, make: Callable[[World], Minder], trace: Sequence[datetime], timing: RdsTiming | None = None
) -> Outcome:
    """The same with any minder in the contender's place, and any RDS. Raises RuntimeError where the app fails."""
    span = _span_of(trace)
    status = "available" if contender is Contender.ALWAYS_ON else "stopped"
    world = World(span.start, status, lambda clock: timing or Fated(clock, trace))
    minder = make(world)
    people = People(world, minder)
    people.live(trace)
    minder.begin()
    world.passes(span.end)
    minder.end()
    if isinstance(minder, App) and minder.failures:
        failure = minder.failures[0]
        raise RuntimeError(f"{contender}: a function failed though AWS did not. Mend that first.") from failure
    return Outcome(
        contender=contender,
        span=span,
        up=world.up(),
        queries=tuple(people.queries),
        starts=world.starts(Cause.REQUESTED),
        starts_by_aws=world.starts(Cause.SEVEN_DAYS),
        waited=people.waited(),
        clicks=people.clicks,
        clicks_in_vain=people.clicks_in_vain,
        early_stops=tuple(people.early_stops),
        checks=minder.checks,
    )


def merge(queries: Sequence[datetime]) -> tuple[Span, ...]:
    """When it has to be up at least, so that each query is followed by the idle window."""
    spans: list[Span] = []
    for query in sorted(queries):
        if spans and query <= spans[-1].end:
            spans[-1] = Span(spans[-1].start, query + IDLE)
        else:
            spans.append(Span(query, query + IDLE))
    return tuple(spans)


def _span_of(trace: Sequence[datetime]) -> Span:
    return Span(trace[0] - BEFORE, trace[-1] + AFTER)


def _hours(spans: Sequence[Span]) -> float:
    return sum((span.length for span in spans), timedelta(0)) / timedelta(hours=1)
