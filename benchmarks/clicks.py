"""One click at a random time of a database's cycle: how long the user waits in addition to the time that RDS needs."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from benchmarks.replay import StrategyName, make_strategy
from benchmarks.strategies import Reply, Strategy
from benchmarks.users import Users
from benchmarks.world import ACTIVITY_KEY, DATABASE, SEED, START_MINUTES, STOP_MINUTES, TABLE, World
from dev.local.rds_changes import StatusChange
from dev.local.rds_timing import FixedTiming

SHORTAGE_MINUTES: Final = (1.0, 30.0)
"""How long AWS has no capacity after the click."""

_BEGIN: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_QUARTER: Final = 900.0
_MAX_HOURS: Final = 6


class Phase(StrEnum):
    """The state of the database when a user clicks."""

    STOPPED = "stopped"
    STOPPING = "stopping"
    STARTING = "starting"
    NO_CAPACITY = "no capacity at first"


@dataclass(frozen=True, slots=True)
class Wait:
    """The result of one click. ``added``: the seconds until the database is available, less the time that RDS needs."""

    strategy: StrategyName
    phase: Phase
    added: float
    was_repeated: bool


@dataclass(frozen=True, slots=True)
class RandomNumbers:
    """The random numbers of the n-th click in this phase, the same for every strategy. ``fraction`` is below 1."""

    start: float
    stop: float
    shortage: float
    fraction: float
    schedule: float


def draw_numbers(phase: Phase, number: int) -> RandomNumbers:
    """The same phase and number give the same random numbers."""
    rng = random.Random(f"{SEED}/{phase}/{number}")
    return RandomNumbers(
        start=rng.uniform(*START_MINUTES) * 60,
        stop=rng.uniform(*STOP_MINUTES) * 60,
        shortage=rng.uniform(*SHORTAGE_MINUTES) * 60,
        fraction=rng.random(),
        schedule=_QUARTER * rng.random(),
    )


def click(name: StrategyName, phase: Phase, number: int) -> Wait:
    """Simulate one click. Raises RuntimeError if the database is not available after some hours."""
    drawn = draw_numbers(phase, number)
    world = World(
        _BEGIN, "available" if phase is Phase.STOPPING else "stopped", lambda _: FixedTiming(drawn.start, drawn.stop)
    )
    strategy = make_strategy(name, world)
    users = Users(world, strategy)
    user = _User(world, users)
    rds_seconds = _schedule_click(phase, drawn, world, strategy, user)
    world.scheduler.call_at(drawn.schedule, strategy.begin)
    for hour in range(_MAX_HOURS):
        if user.available_at is not None:
            break
        world.advance(_BEGIN + timedelta(hours=hour + 1))
    strategy.end()
    if user.clicked_at is None or user.available_at is None:
        raise RuntimeError(f"{name}, {phase}, click {number}: not available after {_MAX_HOURS} hours.")
    return Wait(name, phase, user.available_at - user.clicked_at - rds_seconds, users.repeated_clicks > 0)


def _schedule_click(phase: Phase, drawn: RandomNumbers, world: World, strategy: Strategy, user: "_User") -> float:
    """Let a user click in this phase. Returns how many seconds RDS needs after the click."""
    at = _QUARTER * (1 + drawn.fraction)  # after the first check
    match phase:
        case Phase.STOPPED:
            world.scheduler.call_at(at, user.need_database)
            return drawn.start
        case Phase.NO_CAPACITY:
            world.scheduler.call_at(at, user.need_database)
            world.rds.databases[DATABASE].no_capacity_until = world.scheduler.time_of(at + drawn.shortage)
            return drawn.shortage + drawn.start
        case Phase.STARTING:
            world.scheduler.call_at(at, lambda: strategy.click(_ignore))
            user.need_database_after("starting", drawn.start * drawn.fraction)
            return drawn.start * (1 - drawn.fraction)
        case Phase.STOPPING:
            queried_at = world.scheduler.time_of(at - 3600).isoformat()
            world.table.put_item(TABLE, {"key": {"S": ACTIVITY_KEY}, "value": {"S": queried_at}})
            user.need_database_after("stopping", drawn.stop * drawn.fraction)
            return drawn.stop * (1 - drawn.fraction) + drawn.start
        case unexpected:
            assert_never(unexpected)


def _ignore(_: Reply) -> None:
    """The first user is not measured."""


@dataclass
class _User:
    """The measured user, who needs the database once."""

    world: World
    users: Users
    clicked_at: float | None = None
    available_at: float | None = None
    delays: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world.on_change.append(self._on_change)

    def need_database(self) -> None:
        """The user needs the database now."""
        self.clicked_at = self.world.scheduler.now
        self.users.need_database()

    def need_database_after(self, status: str, seconds: float) -> None:
        """The user needs the database this many seconds after it first reaches the status."""
        self.delays[status] = seconds

    def _on_change(self, change: StatusChange) -> None:
        seconds = self.delays.pop(change.after, None)
        if seconds is not None:
            self.world.scheduler.call_later(seconds, self.need_database)
        if change.after == "available" and self.clicked_at is not None and self.available_at is None:
            self.available_at = self.world.scheduler.seconds_of(change.at)
