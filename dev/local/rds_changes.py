"""Changes of the status of a simulated database, and the RDS events that AWS sends about them."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from chalicelib.domain.model import DatabaseRef, Kind


class Cause(Enum):
    """Why a status changed."""

    REQUESTED = "requested"  # StartDBInstance, StopDBInstance, StartDBCluster, StopDBCluster
    COMPLETED = "completed"
    SEVEN_DAYS = "seven days"
    REPLACED = "replaced"  # deleted, and restored under the same id
    NO_EFFECT = "no effect"
    MAINTENANCE = "maintenance"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RdsEvent:
    """An event that RDS sends to EventBridge."""

    at: datetime
    ref: DatabaseRef
    event_id: str
    message: str


# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.Messages.html
_EVENTS: Final = {
    (Kind.INSTANCE, "stopped"): ("RDS-EVENT-0087", "DB instance stopped."),
    (Kind.INSTANCE, "available"): ("RDS-EVENT-0088", "DB instance started."),
    (Kind.INSTANCE, "starting"): (
        "RDS-EVENT-0154",
        "DB instance is being started due to it exceeding the maximum allowed time being stopped.",
    ),
    (Kind.CLUSTER, "stopped"): ("RDS-EVENT-0150", "DB cluster stopped."),
    (Kind.CLUSTER, "available"): ("RDS-EVENT-0151", "DB cluster started."),
    (Kind.CLUSTER, "starting"): (
        "RDS-EVENT-0153",
        "DB cluster is being started due to it exceeding the maximum allowed time being stopped.",
    ),
}


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A change of status. ``at`` is when it took place, which may be before it was carried out or described."""

    at: datetime
    ref: DatabaseRef
    before: str
    after: str
    cause: Cause
    detail: str = ""

    @property
    def event(self) -> RdsEvent | None:
        """The RDS event of this change; None where RDS sends none."""
        if self.after not in ("available", "stopped") and self.cause is not Cause.SEVEN_DAYS:
            return None
        return RdsEvent(self.at, self.ref, *_EVENTS[self.ref.kind, self.after])
