"""The actual state of each database in the simulated AWS, and what was requested, written and done."""

import functools
import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from chalicelib.domain.model import DatabaseRef, State
from chalicelib.domain.record import DatabaseRecord
from chalicelib.domain.statuses import classify_status
from tests.simulation.network import Invocation

NEVER = -math.inf
DESCRIPTION_LAG: Final = 60.0

status_info = functools.cache(classify_status)
"""There are few statuses, and the checker reads them very often."""


class Initiator(Enum):
    """Who started or stopped a database."""

    APP = "the app"
    CONSOLE = "a user in the console"
    AWS = "AWS, after seven days"


@dataclass(eq=False)
class RestartRequest:
    """A requested restart, or a hold that came too late to prevent a stop."""

    requested_at: float
    invocation: Invocation | None
    answered_at: float = NEVER

    @property
    def latest_effect_at(self) -> float:
        """The end of its processing. Without a response it may be stored at any time until the function's limit."""
        if self.answered_at > NEVER:
            return self.answered_at
        return self.requested_at + (self.invocation.limit if self.invocation is not None else 0)


@dataclass
class GroundTruth:
    """One database. Times are in seconds of the simulation."""

    ref: DatabaseRef
    status: str
    status_changed_at: float = 0.0
    started_by: Initiator = Initiator.CONSOLE
    started_at: float = NEVER
    available_since: float | None = None
    """When it became available, by a start, a restore or before the simulation began. Later operations keep it."""
    is_replaced: bool = False
    """It was restored under the same id, and has not become available since."""
    announced_at: float = NEVER
    """When an event last announced that AWS starts it."""
    was_announcement_handled: bool = False
    aws_start_was_expected: bool = False
    """The record had the time of the start by AWS, and nothing else could have started the database."""
    start_was_observable: bool = False
    """The app had recorded the database as not available before this start, which AWS did not make."""
    observed_available_at: float = NEVER

    record: DatabaseRecord = field(default_factory=DatabaseRecord)
    stop_intent_set_at: float = NEVER
    activity: list[tuple[float, str, float | None]] = field(default_factory=list)
    """When an item was written, its key, and the time in it; None where it holds no time."""
    open_connections: int = 0
    connected_at: float = NEVER
    """When the last connection was closed."""
    metric_gap_ends_at: float = NEVER
    metric_unknown_since: float | None = None
    """By the record."""
    pending_modification_since: float | None = None
    modified_at: float = NEVER
    member_busy_until: float = NEVER
    holds: list[tuple[float, float]] = field(default_factory=list)
    """When the hold was written, and its end."""

    queried_at: float = NEVER
    recorded_restart_at: float = NEVER
    requests: list[RestartRequest] = field(default_factory=list)
    outstanding: list[RestartRequest] = field(default_factory=list)
    """Accepted restarts that have not taken effect."""
    answered_available: list[RestartRequest] = field(default_factory=list)
    unrecorded: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    """When something happened, and the names of the events that may record it."""

    stopped_by_app_at: float = NEVER
    stopped_in_console_at: float = NEVER
    was_observed_available_before_stop: bool = False
    last_fault_at: float = NEVER
    no_capacity_until: float = NEVER
    is_missing: bool = False
    has_permanent_fault: bool = False
    check_failed_at: float = NEVER

    @property
    def is_ready(self) -> bool:
        """Whether the database accepts connections."""
        return status_info(self.status).ready

    @property
    def is_recorded_as_ready(self) -> bool:
        """Whether the record has a status in which the database accepts connections."""
        return self.record.status is not None and status_info(self.record.status).ready

    @property
    def is_settled(self) -> bool:
        """Whether a check has nothing to do until something else happens."""
        record = self.record
        return (
            record.status == self.status
            and status_info(self.status).state in (State.STOPPED, State.BUSY, State.FAILED)
            and not self.outstanding
            and not self.unrecorded
            and not (record.pending_restart or record.stop_intent or record.accepted_start)
        )

    def activity_as_of(self, at: float) -> tuple[float | None] | None:
        """The latest time in the activity items at that time; None within the tuple where one of them holds no time."""
        newest = {key: time for written, key, time in self.activity if written <= at}
        if not newest:
            return None
        times = [time for time in newest.values() if time is not None]
        return (max(times),) if len(times) == len(newest) else (None,)

    def held_until_as_of(self, at: float) -> float:
        """The end of the hold that was stored at that time."""
        return next((until for written, until in reversed(self.holds) if written <= at), NEVER)

    def expect_event(self, now: float, *names: str) -> None:
        """The history has to contain one of these events."""
        self.unrecorded.append((now, names))

    def close_outstanding(self, observed_at: float) -> None:
        """Neither a stop nor a start is about to happen, by a record that is based on an observation of that time.

        If the database is available, or was then, restarts during a cancelled stop have taken effect. A user may have
        stopped it since then.
        """
        if self.is_ready:
            self.outstanding.clear()
        elif observed_at <= self.stopped_in_console_at and self.is_recorded_as_ready:
            earliest = self.stopped_in_console_at - DESCRIPTION_LAG
            self.outstanding = [request for request in self.outstanding if request.requested_at > earliest]

    def is_report_trusted(self, now: float, at: float, age: float) -> bool:
        """Whether the activity items at that time show a report that is at most ``age`` seconds old."""
        activity = self.activity_as_of(at)
        return activity is not None and activity[0] is not None and now - activity[0] <= age

    def forget_unobservable_changes(self) -> None:
        """The database was stopped and is available again: after a fault, the app cannot detect either change."""
        by_others = [entry for entry in self.unrecorded if "first-seen" in entry[1]]
        if by_others and self.last_fault_at >= by_others[0][0]:
            self.unrecorded = [entry for entry in self.unrecorded if entry not in by_others]
