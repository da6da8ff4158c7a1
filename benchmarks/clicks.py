"""One click at a random moment of a database's cycle: how long it takes beyond what RDS itself needs."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from benchmarks.minders import Minder, Reply
from benchmarks.people import People
from benchmarks.replay import Contender, make_minder
from benchmarks.world import ACTIVITY_KEY, DATABASE, SEED, START_MINUTES, STOP_MINUTES, TABLE, World
from dev.local.rds_behavior import StatusChange
from dev.local.rds_timing import FixedTiming

ROOM_MINUTES: Final = (1.0, 30.0)
"""For so long AWS has no capacity after the click."""

_BEGINNING: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_QUARTER: Final = 900.0
_MOST_HOURS: Final = 6


class Phase(StrEnum):
    """Where in its cycle the database is when somebody clicks."""

    ASLEEP = "asleep"
    STOPPING = "stopping"
    STARTING = "starting"
    NO_ROOM = "no capacity at first"


@dataclass(frozen=True, slots=True)
class Wait:
    """What came of one click. ``beyond``: seconds from it to available, less what RDS itself needs from there."""

    contender: Contender
    phase: Phase
    beyond: float
    needed_again: bool


@dataclass(frozen=True, slots=True)
class Fate:
    """What is drawn for the n-th click in this phase, the same for every contender. Seconds, and ``part`` of 1."""

    start: float
    stop: float
    room: float
    part: float
    schedule: float


def draw_fate(phase: Phase, number: int) -> Fate:
    """The same phase and number give the same fate."""
    chance = random.Random(f"{SEED}/{phase}/{number}")
    return Fate(
        start=chance.uniform(*START_MINUTES) * 60,
        stop=chance.uniform(*STOP_MINUTES) * 60,
        room=chance.uniform(*ROOM_MINUTES) * 60,
        part=chance.random(),
        schedule=_QUARTER * chance.random(),
    )


def click(contender: Contender, phase: Phase, number: int) -> Wait:
    """Play it. Raises RuntimeError where the database has not come up after hours."""
    fate = draw_fate(phase, number)
    world = World(
        _BEGINNING, "available" if phase is Phase.STOPPING else "stopped", lambda _: FixedTiming(fate.start, fate.stop)
    )
    minder = make_minder(contender, world)
    people = People(world, minder)
    person = _Person(world, people)
    own = _arrange(phase, fate, world, minder, person)
    world.clockwork.at(fate.schedule, minder.begin)
    for hour in range(_MOST_HOURS):
        if person.available_at is not None:
            break
        world.passes(_BEGINNING + timedelta(hours=hour + 1))
    minder.end()
    if person.clicked_at is None or person.available_at is None:
        raise RuntimeError(f"{contender}, {phase}, click {number}: not available after {_MOST_HOURS} hours.")
    return Wait(contender, phase, person.available_at - person.clicked_at - own, people.clicks_in_vain > 0)


def _arrange(phase: Phase, fate: Fate, world: World, minder: Minder, person: "_Person") -> float:
    """Bring about that somebody clicks in this phase. Returns how long RDS itself needs from there, in seconds."""
    at = _QUARTER * (1 + fate.part)  # by then its schedule has run
    match phase:
        case Phase.ASLEEP:
            world.clockwork.at(at, person.needs_it)
            return fate.start
        case Phase.NO_ROOM:
            world.clockwork.at(at, person.needs_it)
            world.rds.databases[DATABASE].no_capacity_until = world.clockwork.time_of(at + fate.room)
            return fate.room + fate.start
        case Phase.STARTING:
            world.clockwork.at(at, lambda: minder.click(_ignore))
            person.comes_after("starting", fate.start * fate.part)
            return fate.start * (1 - fate.part)
        case Phase.STOPPING:
            queried_at = world.clockwork.time_of(at - 3600).isoformat()
            world.table.put_item(TABLE, {"key": {"S": ACTIVITY_KEY}, "value": {"S": queried_at}})
            person.comes_after("stopping", fate.stop * fate.part)
            return fate.stop * (1 - fate.part) + fate.start
        case unexpected:
            assert_never(unexpected)


def _ignore(_: Reply) -> None:
    """Whoever clicked first does not matter here."""


@dataclass
class _Person:
    """Whoever needs the database, once."""

    world: World
    people: People
    clicked_at: float | None = None
    available_at: float | None = None
    waits_for: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world.watchers.append(self._see)

    def needs_it(self) -> None:
        """Now."""
        self.clicked_at = self.world.clockwork.now
        self.people.need()

    def comes_after(self, status: str, seconds: float) -> None:
        """So many seconds after the database has first reached that status."""
        self.waits_for[status] = seconds

    def _see(self, transition: StatusChange) -> None:
        seconds = self.waits_for.pop(transition.after, None)
        if seconds is not None:
            self.world.clockwork.later(seconds, self.needs_it)
        if transition.after == "available" and self.clicked_at is not None and self.available_at is None:
            self.available_at = self.world.clockwork.seconds_of(transition.at)
