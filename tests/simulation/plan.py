"""A seed → what users, AWS and the network will do: a list of steps, each of which can be left out."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chalicelib.domain.model import DatabaseRef, Kind
from tests.simulation.faults import CALL_FAULTS, CHECK_FAULTS, EVENT_FAULTS, Fault
from tests.simulation.network import CallPoint

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR


class ActivityReporting(StrEnum):
    """How the backend reports its queries."""

    IMMEDIATE = "immediate"
    DELAYED = "delayed"
    VIA_ROUTE = "via the activity route"
    NONE = "none"


class Operation(StrEnum):
    """What can happen at any time, also during another operation."""

    RESTART = "restart"
    START_DATABASE = "start_database"
    HOLD = "hold"
    END_HOLD = "end hold"
    REPORT_ACTIVITY = "report activity"
    WRITE_ACTIVITY_ITEM = "write activity item"
    DESCRIBE = "describe"
    CHECK = "check"
    EVENT = "event"
    WARM_UP = "warm-up"
    CONSOLE_START = "console start"
    CONSOLE_STOP = "console stop"
    CONSOLE_START_BEFORE_AWS = "console start shortly before AWS would start it"
    REPLACE = "delete, and restore under the same id"


@dataclass(frozen=True, slots=True)
class Session:
    """A user queries the database, and requests a restart first if it is not available."""

    at: float
    ref: DatabaseRef
    seconds: float
    query_interval: float
    reporting: ActivityReporting
    clock_skew: float
    restart_requests: int
    keeps_connection: bool
    """One connection for the whole session, instead of one for each query."""


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A client stays connected without a query, and connects again whenever the database becomes available."""

    at: float
    ref: DatabaseRef
    seconds: float


@dataclass(frozen=True, slots=True)
class MissingDatapoints:
    """CloudWatch publishes no datapoints of a while, or publishes them only later."""

    at: float
    ref: DatabaseRef
    seconds: float
    published_later: bool


@dataclass(frozen=True, slots=True)
class BusyMember:
    """An operation is in progress on a member of the cluster, which is available itself."""

    at: float
    ref: DatabaseRef
    seconds: float


@dataclass(frozen=True, slots=True)
class PendingModification:
    """Somebody modifies the database when it is available next. That waits for the maintenance window."""

    at: float
    ref: DatabaseRef
    seconds: float


@dataclass(frozen=True, slots=True)
class SingleOperation:
    """One operation at its time."""

    at: float
    ref: DatabaseRef
    operation: Operation


@dataclass(frozen=True, slots=True)
class Triggered:
    """One operation, triggered by the app's next call of this kind for the database."""

    at: float
    ref: DatabaseRef
    call_point: CallPoint
    operation: Operation
    delay: float


@dataclass(frozen=True, slots=True)
class TemporaryStatus:
    """The database has another status for a while: an RDS operation is in progress, or the database has failed."""

    at: float
    ref: DatabaseRef
    status: str
    seconds: float
    can_start: bool = True
    """Whether RDS starts the database from this status, if it starts any from it."""


@dataclass(frozen=True, slots=True)
class CapacityShortage:
    """AWS has no capacity for the database."""

    at: float
    ref: DatabaseRef
    seconds: float


@dataclass(frozen=True, slots=True)
class IneffectiveStart:
    """The next start that RDS accepts ends in the status stopped."""

    at: float
    ref: DatabaseRef


@dataclass(frozen=True, slots=True)
class FaultBurst:
    """One fault occurs for a while."""

    at: float
    seconds: float
    fault: Fault
    rate: float
    service: str | None


DatabaseStep = BusyMember | PendingModification | TemporaryStatus | CapacityShortage | IneffectiveStart
Step = Session | OpenConnection | SingleOperation | Triggered | FaultBurst | MissingDatapoints | DatabaseStep


class PermanentFault(StrEnum):
    """What can be wrong with one database during the whole run; the app manages the others nevertheless."""

    STOP_UNSUPPORTED = "RDS cannot stop it"
    INVALID_ACTIVITY = "its activity item holds no time"
    NOT_FOUND = "RDS does not find it"


@dataclass(frozen=True, slots=True)
class Plan:
    """One run."""

    seed: int
    days: float
    refs: tuple[DatabaseRef, ...]
    starts_stopped: tuple[bool, ...]
    idle_minutes: int
    interval_minutes: int
    activity_metric: str
    has_capitals: bool
    """DATABASES, requests and the keys of activity items have the ids in upper case."""
    backend_uses_own_key: bool
    """The default database's activity item has a key with its id, too."""
    lags: bool
    permanent_fault: PermanentFault | None
    steps: tuple[Step, ...]


_STATUSES: Final = (
    "backing-up",
    "modifying",
    "maintenance",
    "storage-full",
    "inaccessible-encryption-credentials-recoverable",
    "incompatible-network",
    "rebooting",
    "scaling-compute",
    "never-heard-of",
)
_CALL_POINTS: Final = (*CallPoint, *(2 * (CallPoint.SET_STOP_INTENT, CallPoint.RECHECK, CallPoint.STOP)))


def draw_plan(seed: int) -> Plan:
    """The same seed gives the same plan."""
    rng = random.Random(seed)
    refs = tuple(_ref(number, rng) for number in range(rng.choice((1, 1, 2, 2, 3))))
    days = rng.choice((14.0, 30.0, 50.0, 60.0, 90.0))
    is_fault_free = rng.random() < 0.25
    permanent_fault = None if len(refs) == 1 or rng.random() < 0.85 else rng.choice(tuple(PermanentFault))
    days = days if permanent_fault is None else 1.0  # each check does something, so a day is expensive
    interval = rng.choice((5, 15, 15, 15, 30, 60, 60, 60, 60))
    idle = rng.choice((20, 30, 60, 60, 90))
    steps: list[Step] = []
    for ref in refs:
        usage = _usage(ref, days * DAY, rng)
        steps += [
            *usage,
            *_surroundings(ref, [step.at for step in usage if isinstance(step, Session)], days * DAY, rng),
        ]
    steps += _triggered(refs, days * DAY, rng)
    if not is_fault_free:
        steps += _fault_bursts([step.at for step in steps if isinstance(step, Session)], days * DAY, rng)
        steps += _start_problems(refs, days * DAY, rng)
    return Plan(
        seed=seed,
        days=days,
        refs=refs,
        starts_stopped=tuple(rng.random() < 0.7 for _ in refs),
        idle_minutes=idle,
        interval_minutes=interval,
        activity_metric=rng.choice((*(3 * ("auto",)), *(2 * ("none",)), "DatabaseConnections>0", "DBLoad>0.05")),
        has_capitals=rng.random() < 0.3,
        backend_uses_own_key=rng.random() < 0.5,
        lags=not is_fault_free,
        permanent_fault=permanent_fault,
        steps=tuple(sorted(steps, key=lambda step: step.at)),
    )


def _ref(number: int, rng: random.Random) -> DatabaseRef:
    kind = Kind.CLUSTER if rng.random() < 0.3 else Kind.INSTANCE
    return DatabaseRef(kind, f"db-{number}")


def _usage(ref: DatabaseRef, length: float, rng: random.Random) -> list[Step]:
    """What the users of one database do: sessions, restarts, holds, and changes in the console."""
    steps: list[Step] = []
    holiday = rng.uniform(0, length)
    reporting = rng.choice(
        (*ActivityReporting, *(2 * (ActivityReporting.IMMEDIATE,)), ActivityReporting.VIA_ROUTE),
    )
    reports_end_at = rng.choice((1, 1, 1, rng.random())) * length
    between_sessions = rng.choice((3, 8, 14)) * DAY
    at = rng.uniform(0, between_sessions)
    while at < length:
        if not holiday < at < holiday + 9 * DAY:
            steps.append(
                Session(
                    at,
                    ref,
                    seconds=rng.choice((0, 0, 0.3, 0.7, 1.5)) * HOUR,
                    query_interval=rng.choice((60, 300, 900, 2400)),
                    reporting=reporting if at < reports_end_at else ActivityReporting.NONE,
                    clock_skew=rng.uniform(-30, 30),
                    restart_requests=rng.choice((1, 1, 2, 5)),
                    keeps_connection=rng.random() < 0.5,
                )
            )
        at += rng.expovariate(1 / between_sessions)
    most = round(length / DAY / 6) + 1
    operations = tuple(Operation)
    steps += [SingleOperation(rng.uniform(0, length), ref, rng.choice(operations)) for _ in range(rng.randint(0, most))]
    for _ in range(rng.randint(0, most // 2)):
        seconds = rng.choice((1, 10, 60, 300)) * 60.0
        status, can_start = rng.choice(_STATUSES), rng.random() < 0.5
        steps.append(TemporaryStatus(rng.uniform(0, length), ref, status, seconds, can_start))
    return steps


def _surroundings(ref: DatabaseRef, session_times: list[float], length: float, rng: random.Random) -> list[Step]:
    """What else happens to one database without a fault: open connections, missing datapoints, other operations."""
    steps: list[Step] = []
    most = round(length / DAY / 15) + 1
    for _ in range(rng.randint(0, most)):
        at, seconds = rng.uniform(0, length), rng.choice((0.1, 0.5, 1, 2, 5)) * HOUR
        steps.append(OpenConnection(at, ref, rng.choice((seconds, seconds, 4 * seconds))))
        # About when a stop is due.
        gap_at = rng.choice(session_times or [at]) + rng.uniform(0, 2.5) * HOUR
        steps.append(MissingDatapoints(gap_at, ref, seconds, rng.random() < 0.3))
    for _ in range(rng.randint(0, most)):
        at, seconds = rng.uniform(0, length), rng.choice((0.1, 0.5, 1, 2, 5)) * HOUR
        steps.append(SingleOperation(rng.uniform(0, length), ref, Operation.CONSOLE_START_BEFORE_AWS))
        # At the next time it is available.
        steps.append(PendingModification(at, ref, rng.choice((seconds, 20 * seconds))))
        if ref.kind is Kind.CLUSTER:
            steps.append(BusyMember(at, ref, 4 * seconds))
    return steps


def _triggered(refs: tuple[DatabaseRef, ...], length: float, rng: random.Random) -> list[Step]:
    """Operations that happen during a start or a stop."""
    return [
        Triggered(
            rng.uniform(0, length),
            rng.choice(refs),
            rng.choice(_CALL_POINTS),
            rng.choice(tuple(Operation)),
            rng.choice((0, 0.002, 0.01, 0.02, 0.05, 0.3)),
        )
        for _ in range(rng.randint(0, round(0.6 * length / DAY)))
    ]


def _fault_bursts(session_times: list[float], length: float, rng: random.Random) -> list[Step]:
    steps: list[Step] = []
    for _ in range(rng.randint(1, round(length / DAY / 3) + 1)):
        faults = rng.choice((CALL_FAULTS, CALL_FAULTS, CHECK_FAULTS + EVENT_FAULTS))
        # Every other one begins with a session, so that restarts are requested while it lasts.
        at = rng.choice(session_times) if session_times and rng.random() < 0.5 else rng.uniform(0, length)
        steps.append(
            FaultBurst(
                at,
                rng.choice((0.2, 1, 3, 12)) * HOUR,
                rng.choice(faults),
                rng.choice((0.05, 0.2, 0.5, 1)),
                rng.choice((None, None, "rds", "dynamodb", "cloudwatch")),
            )
        )
    return steps


def _start_problems(refs: tuple[DatabaseRef, ...], length: float, rng: random.Random) -> list[Step]:
    steps: list[Step] = []
    for _ in range(rng.randint(0, round(length / DAY / 10) + 1)):
        ref = rng.choice(refs)
        steps.append(CapacityShortage(rng.uniform(0, length), ref, rng.choice((0.1, 0.5, 3)) * HOUR))
        steps.append(IneffectiveStart(rng.uniform(0, length), ref))
    return steps
