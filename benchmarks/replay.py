"""A trace, replayed with one strategy: what is billed, and how the users fare."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from benchmarks.baseline_pair import BaselinePair
from benchmarks.real_app import App
from benchmarks.strategies import AlwaysOn, OfficeHours, Strategy
from benchmarks.users import IDLE, Users
from benchmarks.world import Span, TraceTiming, World
from dev.local.rds_changes import Cause
from dev.local.rds_timing import RdsTiming

BEFORE: Final = timedelta(hours=1)
AFTER: Final = timedelta(hours=3)
"""The replay begins this long before the first time of the trace and ends this long after the last one."""


class StrategyName(StrEnum):
    """What starts and stops the database."""

    ALWAYS_ON = "always on"
    OFFICE_HOURS = "office hours"
    BASELINE_PAIR = "baseline pair of Lambdas, every 15 min"
    APP_15 = "rds-lifecycle, every 15 min"
    APP_5 = "rds-lifecycle, every 5 min"
    APP_1 = "rds-lifecycle, every minute"
    BOUND = "lower bound"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one strategy. ``available`` is when the database was available, and so billed."""

    strategy: StrategyName
    span: Span
    available: tuple[Span, ...]
    queries: tuple[datetime, ...]
    """When the users queried: at the times of the trace, or as soon as they found the database available."""
    starts: int
    starts_by_aws: int = 0
    waited: timedelta = timedelta(0)
    clicks: int = 0
    repeated_clicks: int = 0
    stops_in_use: tuple[datetime, ...] = ()
    """Stops within the idle timeout of a query, or while a user waited."""
    checks: int = 0

    @property
    def hours(self) -> float:
        """Database-hours billed."""
        return _hours(self.available)

    @property
    def hours_per_month(self) -> float:
        """Database-hours billed in a month of 730 hours."""
        return self.hours / (self.span.length / timedelta(hours=730))

    @property
    def needed_hours(self) -> float:
        """The minimum for these queries: each keeps the database available for the idle timeout."""
        return _hours(merge(self.queries))

    def cumulated(self) -> tuple[tuple[datetime, float], ...]:
        """How many hours were billed by which time, as the points of a line."""
        points, total = [(self.span.start, 0.0)], 0.0
        for span in self.available:
            points.append((span.start, total))
            total += _hours([span])
            points.append((span.end, total))
        return (*points, (self.span.end, total))


def make_strategy(name: StrategyName, world: World, *, skip_checks: bool = True) -> Strategy:
    """The strategy of this name; ``skip_checks`` as in Schedule.

    Raises ValueError for the lower bound, which is no strategy.
    """
    match name:
        case StrategyName.ALWAYS_ON:
            return AlwaysOn()
        case StrategyName.OFFICE_HOURS:
            return OfficeHours(world)
        case StrategyName.BASELINE_PAIR:
            return BaselinePair(world, skip_checks=skip_checks)
        case StrategyName.APP_15:
            return App(world, 15, skip_checks=skip_checks)
        case StrategyName.APP_5:
            return App(world, 5, skip_checks=skip_checks)
        case StrategyName.APP_1:
            return App(world, 1, skip_checks=skip_checks)
        case StrategyName.BOUND:
            raise ValueError("The lower bound is computed, not replayed: call replay.")
        case unexpected:
            assert_never(unexpected)


def replay(name: StrategyName, trace: Sequence[datetime]) -> Outcome:
    """Replay the whole trace. Raises RuntimeError if a function of the app fails."""
    if name is StrategyName.BOUND:
        spans = merge(trace)
        return Outcome(name, _span_of(trace), spans, tuple(trace), starts=len(spans))
    return replay_with(name, lambda world: make_strategy(name, world), trace)


def replay_with(
    name: StrategyName, make: Callable[[World], Strategy], trace: Sequence[datetime], timing: RdsTiming | None = None
) -> Outcome:
    """Replay the trace with any strategy and any RDS. Raises RuntimeError if the app fails."""
    span = _span_of(trace)
    status = "available" if name is StrategyName.ALWAYS_ON else "stopped"
    world = World(span.start, status, lambda clock: timing or TraceTiming(clock, trace))
    strategy = make(world)
    users = Users(world, strategy)
    users.schedule(trace)
    strategy.begin()
    world.advance(span.end)
    strategy.end()
    if isinstance(strategy, App) and strategy.failures:
        failure = strategy.failures[0]
        raise RuntimeError(f"{name}: a function failed without a fault of AWS. Fix that first.") from failure
    return Outcome(
        strategy=name,
        span=span,
        available=world.available_spans(),
        queries=tuple(users.queries),
        starts=world.starts(Cause.REQUESTED),
        starts_by_aws=world.starts(Cause.SEVEN_DAYS),
        waited=users.waited(),
        clicks=users.clicks,
        repeated_clicks=users.repeated_clicks,
        stops_in_use=tuple(users.stops_in_use),
        checks=strategy.checks,
    )


def merge(queries: Sequence[datetime]) -> tuple[Span, ...]:
    """When the database has to be available at least: after each query for the idle timeout."""
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
