"""The words of the product: what is observed, remembered, decided and told.

Everything here is a frozen value. Times are aware UTC datetimes.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

APP_ACTOR = "rds-lifecycle"
AWS_ACTOR = "AWS"
EXTERNAL_ACTOR = "somebody outside rds-lifecycle"


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
class StatusInfo:
    """What an RDS status means: its state, and whether the database takes connections."""

    state: State
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """What RDS says of a database right now. ``stop_unsupported``: RDS documents that it cannot stop one of this make."""

    ref: DatabaseRef
    status: str
    automatic_restart_at: datetime | None = None
    stop_unsupported: bool = False


@dataclass(frozen=True, slots=True)
class LastQuery:
    """The activity item holds the time of the last query."""

    at: datetime


@dataclass(frozen=True, slots=True)
class NoActivity:
    """There is no activity item."""


@dataclass(frozen=True, slots=True)
class InvalidActivity:
    """There is an activity item, but it holds no time."""

    why: str


Activity = LastQuery | NoActivity | InvalidActivity


@dataclass(frozen=True, slots=True)
class MetricActive:
    """The second opinion: the metric was above its number, last at this time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class MetricIdle:
    """The second opinion: datapoints, none of them above the number."""


@dataclass(frozen=True, slots=True)
class MetricUnknown:
    """The second opinion is missing."""

    why: str


Metric = MetricActive | MetricIdle | MetricUnknown


@dataclass(frozen=True, slots=True)
class Observation:
    """All that a decision about one database looks at, besides the record. ``metric`` is None until asked for."""

    sighting: Description
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
class StopIntent:
    """A stop is under way: raised before RDS is told to stop, with the reason for the stop."""

    raised_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class AcceptedStart:
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
class DatabaseRecord:
    """What the app remembers of one database between runs. ``revision`` 0 means that nothing is stored yet.

    ``available_since`` is when it was first seen up after it had not been, ``started_on_request`` whether a restart brought it up;
    ``first_observed_at`` is when it was found running by an app that knew nothing of it, which says little: it counts
    only where no other sign of use is known. ``last_daily_status_on`` is the last day (UTC) whose history says how it stood.
    """

    revision: int = 0
    status: str | None = None
    status_changed_at: datetime | None = None
    available_since: datetime | None = None
    started_on_request: bool = False
    first_observed_at: datetime | None = None
    last_restart_requested_at: datetime | None = None
    pending_restart: PendingRestart | None = None
    hold: Hold | None = None
    stop_intent: StopIntent | None = None
    accepted_start: AcceptedStart | None = None
    start_durations: tuple[int, ...] = ()
    automatic_restart_at: datetime | None = None
    started_by_aws: bool = False
    last_error: str | None = None
    last_daily_status_on: date | None = None

    def with_external_start(self, by: str, requested_at: datetime, now: datetime) -> "DatabaseRecord":
        """The record of a database that another hand has started, and that somebody has asked for all the same."""
        launch = AcceptedStart(self.status_changed_at or now, by, requested_at, joined=True)
        return replace(self, pending_restart=None, accepted_start=launch, started_by_aws=False)

    def with_uptime_cleared(self) -> "DatabaseRecord":
        """The record of a database that no longer runs: nothing of its last time up counts any more."""
        return replace(
            self,
            accepted_start=None,
            available_since=None,
            started_on_request=False,
            first_observed_at=None,
            started_by_aws=False,
            last_error=None,
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
class LastActivity:
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
    last_activity: LastActivity | None = None


class EventName(StrEnum):
    """What the history tells of."""

    FIRST_SEEN = "first-seen"
    DAILY_STATUS = "daily-status"
    RESTART_REQUESTED = "restart-requested"
    RESTART_EXPIRED = "restart-expired"
    RESTART_CANCELLED = "restart-cancelled"
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
class Transition:
    """A new record and the history that belongs to it: the two are stored together or not at all."""

    record: DatabaseRecord
    events: tuple[Event, ...] = ()
