"""The data types of the domain: what is observed, stored, decided and recorded.

Everything here is immutable. Times are aware UTC datetimes.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Self

from chalicelib.domain.activity import Activity, LastActivity, Metric, MetricRule
from chalicelib.domain.errors import Problem

APP_ACTOR = "rds-lifecycle"
AWS_ACTOR = "AWS"
EXTERNAL_ACTOR = "somebody outside rds-lifecycle"


STOP_REFUSED = "InvalidState"
"""``last_error`` after a stop that RDS refused for the database's state."""
STOP_REFUSED_AGAIN = "InvalidStateAgain"
"""``last_error`` after a further one."""


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

    ``resource_id`` identifies the database itself: another database of the same name has another one. With
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
class PendingRestart:
    """A restart that was requested and has not been carried out."""

    requested_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Do not stop the database before ``until``."""

    until: datetime
    by: str


@dataclass(frozen=True, slots=True)
class StopIntent:
    """A stop is in progress. It is stored before RDS is called, with the reason for the stop.

    ``open_connections`` is their number before the stop, None where it is not known.
    """

    set_at: datetime
    reason: str
    open_connections: int | None = None


@dataclass(frozen=True, slots=True)
class AcceptedStart:
    """A start that RDS accepted, and the restart that it carries out.

    ``external``: the database was started outside rds-lifecycle, and the restart was requested while it started.
    """

    accepted_at: datetime
    restart: PendingRestart
    external: bool = False


@dataclass(frozen=True, slots=True)
class DatabaseRecord:
    """What the app stores about one database. ``revision`` 0 means that nothing is stored yet.

    The record belongs to the database with this ``resource_id``, which was observed first at ``first_observed_at``.
    ``available_since`` is when the app observed that the database had become available, ``started_on_request`` whether
    a restart started it, ``started_by_aws`` whether AWS announced the start as its own. ``automatic_restart_at`` is
    from the last observation as stopped. ``capacity_refused_at`` is when RDS last refused a start because AWS had no
    capacity. Since ``metric_unknown_since``, only a missing activity metric has prevented a stop. ``last_error`` is the
    error recorded last, so that a repeated error is recorded once. ``last_daily_status_on`` is the last day (UTC) whose
    history contains a ``daily-status``.
    """

    revision: int = 0
    resource_id: str | None = None
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
    capacity_refused_at: datetime | None = None
    metric_unknown_since: datetime | None = None
    last_error: str | None = None
    last_daily_status_on: date | None = None

    @property
    def was_stop_refused(self) -> bool:
        """Whether RDS has refused the last stop for the database's state."""
        return self.last_error in (STOP_REFUSED, STOP_REFUSED_AGAIN)

    def with_external_start(self, restart: PendingRestart, now: datetime) -> Self:
        """The record where a restart is requested while a start from outside rds-lifecycle is in progress."""
        start = AcceptedStart(self.status_changed_at or now, restart, external=True)
        return replace(self, pending_restart=None, accepted_start=start, started_by_aws=False)

    def with_uptime_cleared(self) -> Self:
        """The record of a database that no longer runs, without what describes its last uptime."""
        return replace(
            self,
            accepted_start=None,
            available_since=None,
            started_on_request=False,
            started_by_aws=False,
            metric_unknown_since=None,
            last_error=None,
        )


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
