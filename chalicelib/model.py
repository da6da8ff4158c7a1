"""The words of the product: what is observed, remembered, decided and told.

Everything here is a frozen value. Times are aware UTC datetimes.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

APP_ACTOR = "rds-lifecycle"
AWS_ACTOR = "AWS"
SOMEBODY_ELSE = "somebody outside rds-lifecycle"


class Kind(StrEnum):
    """What RDS calls the thing: an instance, or an Aurora or Multi-AZ DB cluster."""

    INSTANCE = "instance"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True, order=True)
class DatabaseRef:
    """One minded database, as named in ``DATABASES``."""

    kind: Kind
    id: str

    @property
    def label(self) -> str:
        """``RDS instance`` or ``RDS cluster``."""
        return f"RDS {self.kind}"


class State(StrEnum):
    """The few states that matter for starting and stopping."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    BUSY = "busy"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Condition:
    """What an RDS status means: its state, and whether the database takes connections."""

    state: State
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Sighting:
    """What RDS says of a database right now. ``never_stops``: RDS documents that it cannot stop one of this make."""

    ref: DatabaseRef
    status: str
    automatic_restart_at: datetime | None = None
    never_stops: bool = False


@dataclass(frozen=True, slots=True)
class LastQuery:
    """The activity item holds the time of the last query."""

    at: datetime


@dataclass(frozen=True, slots=True)
class NoActivity:
    """There is no activity item."""


@dataclass(frozen=True, slots=True)
class UnreadableActivity:
    """There is an activity item, but it holds no time."""

    why: str


Activity = LastQuery | NoActivity | UnreadableActivity


@dataclass(frozen=True, slots=True)
class MetricAbove:
    """The second opinion: the metric was above its number, last at this time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class MetricQuiet:
    """The second opinion: datapoints, none of them above the number."""


@dataclass(frozen=True, slots=True)
class MetricSilent:
    """The second opinion is missing."""

    why: str


Metric = MetricAbove | MetricQuiet | MetricSilent


@dataclass(frozen=True, slots=True)
class Observation:
    """All that a decision about one database looks at, besides the record. ``metric`` is None until asked for."""

    sighting: Sighting
    activity: Activity
    metric: Metric | None = None


@dataclass(frozen=True, slots=True)
class PendingRestart:
    """A restart that was asked for and has not been carried out."""

    requested_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Do not stop before ``until``."""

    until: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Fence:
    """A stop is under way: raised before RDS is told to stop, with the reason for the stop."""

    raised_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Launch:
    """A start that RDS accepted from the app, or another's start, ``joined`` by somebody who asks for a restart."""

    at: datetime
    by: str
    requested_at: datetime
    joined: bool = False


class Source(StrEnum):
    """Where the latest sign of use came from."""

    QUERY = "query"
    RESTART = "restart"
    STARTED = "started"
    METRIC = "metric"


@dataclass(frozen=True, slots=True)
class Record:
    """What the app remembers of one database between runs. ``rev`` 0 means that nothing is stored yet.

    ``up_since`` is when it was first seen up after it had not been, ``up_as_asked`` whether a restart brought it up;
    ``first_seen_at`` is when it was found running by an app that knew nothing of it, which says little: it counts
    only where no other sign of use is known. ``told_on`` is the last day (UTC) whose history says how it stood.
    """

    rev: int = 0
    status: str | None = None
    since: datetime | None = None
    up_since: datetime | None = None
    up_as_asked: bool = False
    first_seen_at: datetime | None = None
    restart_asked_at: datetime | None = None
    restart: PendingRestart | None = None
    hold: Hold | None = None
    fence: Fence | None = None
    launch: Launch | None = None
    start_seconds: tuple[int, ...] = ()
    automatic_restart_at: datetime | None = None
    started_by_aws: bool = False
    failure: str | None = None
    told_on: date | None = None

    def joined_by(self, by: str, requested_at: datetime, now: datetime) -> "Record":
        """The record of a database that another hand has started, and that somebody has asked for all the same."""
        launch = Launch(self.since or now, by, requested_at, joined=True)
        return replace(self, restart=None, launch=launch, started_by_aws=False)

    def gone_down(self) -> "Record":
        """The record of a database that no longer runs: nothing of its last time up counts any more."""
        return replace(
            self,
            launch=None,
            up_since=None,
            up_as_asked=False,
            first_seen_at=None,
            started_by_aws=False,
            failure=None,
        )


class Action(StrEnum):
    """What to do to the database."""

    NONE = "none"
    START = "start"
    STOP = "stop"


class Reason(StrEnum):
    """Why, as a slug. A decision also carries a sentence for people."""

    FAILED = "failed"
    STARTING = "starting"
    STOPPING = "stopping"
    BUSY = "busy"
    RESTART_REQUESTED = "restart-requested"
    STOPPED = "stopped"
    HELD = "held"
    ACTIVITY_UNREADABLE = "activity-unreadable"
    RECENT_ACTIVITY = "recent-activity"
    NO_ACTIVITY_DATA = "no-activity-data"
    METRIC_ACTIVE = "metric-active"
    METRIC_UNKNOWN = "metric-unknown"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class SignOfUse:
    """The latest sign that somebody uses the database; idle time runs from it. ``what`` tells it, before ``at …``."""

    at: datetime
    source: Source
    what: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, why, and from when the idle time was counted."""

    action: Action
    reason: Reason
    detail: str
    last_use: SignOfUse | None = None


class EventName(StrEnum):
    """What the history tells of."""

    FIRST_SEEN = "first-seen"
    SEEN = "seen"
    RESTART_REQUESTED = "restart-requested"
    RESTART_EXPIRED = "restart-expired"
    RESTART_DROPPED = "restart-dropped"
    STARTING = "starting"
    START_FAILED = "start-failed"
    AVAILABLE = "available"
    STOPPING = "stopping"
    STOP_FAILED = "stop-failed"
    STOPPED = "stopped"
    BUSY = "busy"
    FAILED = "failed"
    HOLD_SET = "hold-set"
    HOLD_ENDED = "hold-ended"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a database's history.

    ``status`` is RDS's word at that moment, None where none was seen. ``seconds`` stands in ``available`` events:
    the time from the request to the database being available.
    """

    at: datetime
    name: EventName
    by: str | None
    detail: str
    status: str | None = None
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which a database's state did not change; None where nobody looked."""

    start: datetime
    end: datetime
    state: State | None


@dataclass(frozen=True, slots=True)
class History:
    """What happened to a database between two moments, oldest first. ``periods`` leave no gap."""

    start: datetime
    end: datetime
    events: tuple[Event, ...]
    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A new record and the history that belongs to it: the two are stored together or not at all."""

    record: Record
    events: tuple[Event, ...] = ()
