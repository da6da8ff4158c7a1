"""A seed → what people, AWS and the network will do: a list of steps, each of which can be left out."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chalicelib.domain.model import DatabaseRef, Kind
from tests.simulation.network import Moment
from tests.simulation.weather import OF_CALLS, OF_CHECKS, OF_EVENTS, Fault

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR


class Reports(StrEnum):
    """How the backend tells of its queries."""

    AT_ONCE = "at once"
    LATE = "late"
    THROUGH_ROUTE = "through the activity route"
    NEVER = "never"


class Deed(StrEnum):
    """What can happen right in the middle of something else."""

    RESTART = "restart"
    DIRECT_RESTART = "start_database"
    HOLD = "hold"
    END_HOLD = "end hold"
    ACTIVITY = "activity"
    WRITTEN_ACTIVITY = "activity item"
    LOOK = "look"
    CHECK = "check"
    EVENT = "event"
    WARM_UP = "warm-up"
    CONSOLE_START = "console start"
    CONSOLE_STOP = "console stop"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody works with the database, and wakes it if it sleeps."""

    at: float
    ref: DatabaseRef
    seconds: float
    between_queries: float
    reports: Reports
    clock_is_off: float
    clicks: int


@dataclass(frozen=True, slots=True)
class Once:
    """One deed, at its time."""

    at: float
    ref: DatabaseRef
    deed: Deed


@dataclass(frozen=True, slots=True)
class Trap:
    """One deed, when the app next makes this call for the database."""

    at: float
    ref: DatabaseRef
    moment: Moment
    deed: Deed
    after: float


@dataclass(frozen=True, slots=True)
class OwnWork:
    """RDS is busy with the database, or it fails for a while."""

    at: float
    ref: DatabaseRef
    status: str
    seconds: float


@dataclass(frozen=True, slots=True)
class NoRoom:
    """AWS has no capacity for the database."""

    at: float
    ref: DatabaseRef
    seconds: float


@dataclass(frozen=True, slots=True)
class InVain:
    """The next start that RDS accepts comes to nothing."""

    at: float
    ref: DatabaseRef


@dataclass(frozen=True, slots=True)
class Storm:
    """One fault strikes for a while."""

    at: float
    seconds: float
    fault: Fault
    rate: float
    service: str | None


Step = Session | Once | Trap | OwnWork | NoRoom | InVain | Storm


class Illness(StrEnum):
    """What can be wrong with a database for good; it is no reason to neglect the others."""

    NEVER_STOPS = "RDS never stops it"
    GARBAGE = "its activity item holds no time"
    GONE = "RDS does not know it"


@dataclass(frozen=True, slots=True)
class Plan:
    """One run."""

    seed: int
    days: float
    refs: tuple[DatabaseRef, ...]
    asleep: tuple[bool, ...]
    idle_minutes: int
    interval_minutes: int
    has_metric: bool
    lags: bool
    ill: Illness | None
    steps: tuple[Step, ...]


_STATUSES: Final = (
    "backing-up",
    "modifying",
    "maintenance",
    "storage-full",
    "inaccessible-encryption-credentials-recoverable",
    "rebooting",
    "never-heard-of",
)
_MOMENTS: Final = (*Moment, *(2 * (Moment.FENCE, Moment.SECOND_LOOK, Moment.STOP)))


def draw_plan(seed: int) -> Plan:
    """The same seed gives the same plan."""
    chance = random.Random(seed)
    refs = tuple(_ref(number, chance) for number in range(chance.choice((1, 1, 2, 2, 3))))
    days = chance.choice((14.0, 30.0, 50.0, 60.0, 90.0))
    is_fair = chance.random() < 0.25
    ill = None if len(refs) == 1 or chance.random() < 0.85 else chance.choice(tuple(Illness))
    days = days if ill is None else 1.0  # it never sleeps: each check has work to do
    interval = chance.choice((5, 15, 15, 15, 30, 60, 60, 60, 60))
    idle = chance.choice((20, 30, 60, 60, 90))
    steps: list[Step] = []
    for ref in refs:
        steps += _lives(ref, days * DAY, chance)
    steps += _traps(refs, days * DAY, chance)
    if not is_fair:
        steps += _storms(days * DAY, chance)
        steps += _troubles(refs, days * DAY, chance)
    return Plan(
        seed=seed,
        days=days,
        refs=refs,
        asleep=tuple(chance.random() < 0.7 for _ in refs),
        idle_minutes=idle,
        interval_minutes=interval,
        has_metric=chance.random() < 0.2,
        lags=not is_fair,
        ill=ill,
        steps=tuple(sorted(steps, key=lambda step: step.at)),
    )


def _ref(number: int, chance: random.Random) -> DatabaseRef:
    kind = Kind.CLUSTER if chance.random() < 0.3 else Kind.INSTANCE
    return DatabaseRef(kind, f"db-{number}")


def _lives(ref: DatabaseRef, length: float, chance: random.Random) -> list[Step]:
    """The people of one database: sessions, clicks, holds, and somebody with access to the console."""
    steps: list[Step] = []
    holiday = chance.uniform(0, length)
    reports = chance.choice((*Reports, Reports.AT_ONCE, Reports.AT_ONCE, Reports.THROUGH_ROUTE))
    between_sessions = chance.choice((3, 8, 14)) * DAY
    at = chance.uniform(0, between_sessions)
    while at < length:
        if not holiday < at < holiday + 9 * DAY:
            steps.append(
                Session(
                    at,
                    ref,
                    seconds=chance.choice((0, 0, 0.3, 0.7, 1.5)) * HOUR,
                    between_queries=chance.choice((60, 300, 900, 2400)),
                    reports=reports,
                    clock_is_off=chance.uniform(-30, 30),
                    clicks=chance.choice((1, 1, 2, 5)),
                )
            )
        at += chance.expovariate(1 / between_sessions)
    often = round(length / DAY / 6) + 1
    deeds = tuple(Deed)
    steps += [Once(chance.uniform(0, length), ref, chance.choice(deeds)) for _ in range(chance.randint(0, often))]
    for _ in range(chance.randint(0, often // 2)):
        seconds = chance.choice((1, 10, 60, 300)) * 60.0
        steps.append(OwnWork(chance.uniform(0, length), ref, chance.choice(_STATUSES), seconds))
    return steps


def _traps(refs: tuple[DatabaseRef, ...], length: float, chance: random.Random) -> list[Step]:
    """Deeds that fall right into the middle of a start or a stop."""
    return [
        Trap(
            chance.uniform(0, length),
            chance.choice(refs),
            chance.choice(_MOMENTS),
            chance.choice(tuple(Deed)),
            chance.choice((0, 0.002, 0.01, 0.02, 0.05, 0.3)),
        )
        for _ in range(chance.randint(0, round(0.6 * length / DAY)))
    ]


def _storms(length: float, chance: random.Random) -> list[Step]:
    steps: list[Step] = []
    for _ in range(chance.randint(1, round(length / DAY / 3) + 1)):
        faults = chance.choice((OF_CALLS, OF_CALLS, OF_CHECKS + OF_EVENTS))
        steps.append(
            Storm(
                chance.uniform(0, length),
                chance.choice((0.2, 1, 3, 12)) * HOUR,
                chance.choice(faults),
                chance.choice((0.05, 0.2, 0.5, 1)),
                chance.choice((None, None, "rds", "dynamodb")),
            )
        )
    return steps


def _troubles(refs: tuple[DatabaseRef, ...], length: float, chance: random.Random) -> list[Step]:
    steps: list[Step] = []
    for _ in range(chance.randint(0, round(length / DAY / 10) + 1)):
        ref = chance.choice(refs)
        steps.append(NoRoom(chance.uniform(0, length), ref, chance.choice((0.1, 0.5, 3)) * HOUR))
        steps.append(InVain(chance.uniform(0, length), ref))
    return steps
