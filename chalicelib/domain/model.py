"""The data types of the domain: what is observed, stored, decided and recorded.

Everything here is immutable. Times are aware UTC datetimes.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.activity import Activity, LastActivity, Metric, MetricRule
from chalicelib.domain.errors import Problem
from chalicelib.domain.record import DatabaseRecord

APP_ACTOR = "rds-lifecycle"
AWS_ACTOR = "AWS"
EXTERNAL_ACTOR = "somebody outside rds-lifecycle"


class Kind(StrEnum):
    """The RDS resource type: a DB instance, or an Aurora or Multi-AZ DB cluster."""

    INSTANCE = "instance"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class DatabaseRef:
    """One managed database. ``id`` is in lower case, as RDS stores it; ``spelling`` is the id in ``DATABASES``.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
    """

    kind: Kind
    id: str
    spelling: str = field(default="", compare=False, repr=False)

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
    """What an RDS status means: the state, and whether the database accepts connections.

    ``startable``: RDS accepts a start.
    """

    state: State
    ready: bool = False
    startable: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """What RDS returned for a database.

    ``resource_id`` identifies the database itself: another database of the same id has another one. With
    ``stop_unsupported``, RDS cannot stop such a database; it is the reason, and follows "because". The
    ``pending_modifications`` wait for the maintenance window. ``automatic_start_announced``: an RDS event has announced
    that AWS starts the database itself.
    """

    ref: DatabaseRef
    status: str
    automatic_restart_at: datetime | None = None
    resource_id: str | None = None
    stop_unsupported: str | None = None
    pending_modifications: tuple[str, ...] = ()
    automatic_start_announced: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one deployment that decisions depend on. ``restart_ttl``: when a pending restart expires."""

    idle_timeout: timedelta
    restart_ttl: timedelta
    activity_rule: MetricRule | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """The input of one pass: data from RDS, the metadata table and, where needed, CloudWatch.

    ``at`` is the one time of the pass: what it decides and records is as of then, except for the stop intent and the
    results of calls. ``description`` is the problem where RDS could not describe the database. ``metric`` is None until
    it is read.
    """

    ref: DatabaseRef
    at: datetime
    description: Description | Problem
    record: DatabaseRecord
    activity: Activity
    metric: Metric | None = None

    @property
    def described(self) -> Description:
        """The description. Raises the problem where there is none."""
        if isinstance(self.description, Problem):
            raise self.description
        return self.description


class Action(StrEnum):
    """What to do to the database."""

    NONE = "none"
    START = "start"
    STOP = "stop"


class Reason(StrEnum):
    """Why, as a slug. A decision also has a sentence for users."""

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
    CANNOT_STOP = "cannot-stop"
    METRIC_ACTIVE = "metric-active"
    UNREPORTED_CONNECTIONS = "unreported-connections"
    METRIC_UNKNOWN = "metric-unknown"
    PENDING_MODIFICATIONS = "pending-modifications"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, why, and the activity from which the idle timer runs.

    ``check_fails``: somebody has to act, so the check reports a failure. ``open_connections`` is their number where the
    activity metric shows that some are open.
    """

    action: Action
    reason: Reason
    detail: str
    last_activity: LastActivity | None = None
    check_fails: bool = False
    open_connections: int | None = None


class EventName(StrEnum):
    """What the history records."""

    FIRST_SEEN = "first-seen"
    REPLACED = "replaced"
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
    """One entry of a database's history.

    ``status`` is the RDS status at that moment, None where it was not observed. ``seconds`` is set in ``available``
    events: the time from the request until the database was available. ``open_connections`` is set in ``stopping``
    events: their number before the stop, if some were open.
    """

    at: datetime
    name: EventName
    by: str | None
    detail: str
    status: str | None = None
    seconds: int | None = None
    open_connections: int | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """A new record and the events that belong to it. Both are stored in one transaction."""

    record: DatabaseRecord
    events: tuple[Event, ...] = ()

    def then(self, after: "Transition") -> "Transition":
        """Both transitions as one; ``after`` starts from this one's record."""
        return Transition(after.record, self.events + after.events)
