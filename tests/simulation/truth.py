"""What is truly so, database by database: seen from above, not through the app's eyes."""

import math
from dataclasses import dataclass, field
from enum import Enum

from chalicelib.domain.model import DatabaseRecord, DatabaseRef
from chalicelib.domain.statuses import classify_status
from tests.simulation.network import Invocation

NEVER = -math.inf


class Hand(Enum):
    """Who started or stopped a database."""

    APP = "the app"
    SOMEBODY = "somebody in the console"
    AWS = "AWS, after seven days"


@dataclass(eq=False)
class Asked:
    """A restart that somebody asked for, or a hold that came too late to prevent a stop."""

    began: float
    invocation: Invocation | None
    answered: float = NEVER

    @property
    def last_moment(self) -> float:
        """Until when it may have been under way. One without an answer may be stored at any time until its limit."""
        if self.answered > NEVER:
            return self.answered
        return self.began + (self.invocation.limit if self.invocation is not None else 0)


@dataclass
class Truth:
    """One database, and what was asked, written and done about it. Times in seconds of the simulation."""

    ref: DatabaseRef
    status: str
    status_since: float = 0.0
    starter: Hand = Hand.SOMEBODY
    started_at: float = NEVER
    ready_since: float | None = None
    aws_start_was_foreseen: bool = False
    was_known_down: bool = False
    known_up_at: float = NEVER

    record: DatabaseRecord = field(default_factory=DatabaseRecord)
    fenced_at: float = NEVER
    activity: list[tuple[float, float | None]] = field(default_factory=list)
    """When it was written, and the time that it says; None where it says none."""
    holds: list[tuple[float, float]] = field(default_factory=list)
    """When it was written, and until when."""

    queried_at: float = NEVER
    restart_counted_at: float = NEVER
    asked: list[Asked] = field(default_factory=list)
    owed: list[Asked] = field(default_factory=list)
    """Restarts that were promised and have not come true yet."""
    told_ready: list[Asked] = field(default_factory=list)
    untold: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    """What the app did, and how the history may call it."""

    stopped_by_app_at: float = NEVER
    stopped_by_somebody_at: float = NEVER
    was_known_up_then: bool = False
    disturbed_at: float = NEVER
    no_room_until: float = NEVER
    is_gone: bool = False
    is_ill: bool = False
    """In permanent trouble: RDS never stops it, or its activity item holds no time."""

    @property
    def is_ready(self) -> bool:
        """Whether it takes connections."""
        return classify_status(self.status).ready

    def activity_as_of(self, moment: float) -> tuple[float, float | None] | None:
        """What the activity item said then."""
        return next((entry for entry in reversed(self.activity) if entry[0] <= moment), None)

    def held_until_as_of(self, moment: float) -> float:
        """Until when it was held, as written then."""
        return next((until for at, until in reversed(self.holds) if at <= moment), NEVER)
