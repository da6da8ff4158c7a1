"""The record: what the app stores about one database.

Everything here is immutable. Times are aware UTC datetimes.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Self

STOP_UNSUPPORTED: Final = "StopUnsupported"
"""``last_error`` once it is recorded that RDS cannot stop the database, by its description."""

STOP_REFUSED: Final = "InvalidState"
"""``last_error`` after a stop that RDS refused for the database's state."""

STOP_REFUSED_AGAIN: Final = "InvalidStateAgain"
"""``last_error`` after a further one."""


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
    a restart started it, ``started_by_aws`` whether AWS announced the start as its own. While it is stopped,
    ``automatic_start_announced_at`` is when such an announcement came. ``automatic_restart_at`` is from the last
    observation as stopped. ``start_prevented_at`` is when AWS last prevented a pending restart: by no response,
    or by a lack of capacity. Since ``metric_unknown_since``, only an unknown activity metric has prevented a
    stop. ``last_error`` is the error recorded last, so that a repeated error is recorded once.
    ``last_daily_status_on`` is the last day (UTC) whose history contains a ``daily-status``.
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
    automatic_start_announced_at: datetime | None = None
    started_by_aws: bool = False
    start_prevented_at: datetime | None = None
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
            automatic_start_announced_at=None,
            started_by_aws=False,
            metric_unknown_since=None,
            last_error=None,
        )
