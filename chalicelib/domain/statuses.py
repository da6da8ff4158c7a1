"""The meaning of each RDS status, also after the app's own actions, and the remedy for each failure.

The statuses are those of
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html and
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/accessing-monitoring.html.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from chalicelib.domain.model import Description, State, StatusInfo
from chalicelib.domain.record import DatabaseRecord

STOP_INTENT_TTL: Final = timedelta(seconds=120)
"""A stop with an older intent is no longer in progress: no function runs longer than 90 s."""

CONSISTENCY_WINDOW: Final = timedelta(seconds=60)
"""For this long after a change of status, a description may still show the status before it.

AWS documents no bound. The window is an assumption.
"""

_READY_BUT_BUSY: Final = (
    "backing-up",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "configuring-log-exports",
    "modifying",
    "resetting-master-credentials",
    "scaling-capacity",
    "scaling-compute",
    "scaling-storage",
    "storage-config-upgrade",
    "storage-initialization",
    "storage-optimization",
    "update-iam-db-auth",
)
_BUSY: Final = (
    "backtracking",
    "converting-to-vpc",
    "creating",
    "delete-precheck",
    "failing-over",
    "maintenance",
    "migrating",
    "moving-to-vpc",
    "preparing-data-migration",
    "promoting",
    "rebooting",
    "renaming",
    "upgrading",
)
_REMEDIES: Final = {
    "automation-paused": "Resume the automation of RDS Custom, or wait until the pause ends.",
    "cloning-failed": "Delete this clone and create a new one.",
    "deleting": "It is being deleted. Restore it from a snapshot if it is still needed.",
    "failed": "RDS could not recover it. Restore it to a point in time, or contact AWS Support.",
    "inaccessible-encryption-credentials": (
        "RDS cannot use its KMS key. Enable the key and the grant for RDS, then restore from a backup."
    ),
    "inaccessible-encryption-credentials-recoverable": (
        "RDS cannot use its KMS key. Enable the key again, then request a restart."
    ),
    "incompatible-create": "RDS cannot create it with these settings. Delete it, and create it with other ones.",
    "incompatible-network": (
        "RDS cannot recover its network. Check the free addresses and the DNS settings of its VPC, then request a "
        "restart."
    ),
    "incompatible-option-group": "Undo the last change to its option group.",
    "incompatible-parameters": "Reset its parameter group in the RDS console, then reboot it.",
    "incompatible-restore": "RDS cannot restore to that point in time. Restore to another one.",
    "insufficient-capacity": (
        "AWS has no capacity for its instance class. Choose another class, or start it later in the RDS console."
    ),
    "migration-failed": "See its events in the RDS console for the cause of the failed migration.",
    "restore-error": "Restore it again, to another point in time or from another snapshot.",
    "storage-full": "Allocate more storage in the RDS console.",
    "unsupported-configuration": "RDS Custom does not support a setting of it. See its events for the setting.",
    "upgrade-failed": "See its events in the RDS console for the cause of the failed upgrade.",
}
_STARTABLE: Final = ("inaccessible-encryption-credentials-recoverable", "incompatible-network")
"""Failed databases that RDS starts once the cause is fixed.

https://repost.aws/knowledge-center/rds-aurora-inaccessible-state
AWS does not document it for incompatible-network; public code relies on it:
https://github.com/sqlxpert/stay-stopped-aws-rds-aurora
"""

_STATUSES: Final[dict[str, StatusInfo]] = {
    "stopped": StatusInfo(State.STOPPED, startable=True),
    "starting": StatusInfo(State.STARTING),
    "stopping": StatusInfo(State.STOPPING),
    "available": StatusInfo(State.RUNNING, ready=True),
    **{status: StatusInfo(State.BUSY, ready=True) for status in _READY_BUT_BUSY},
    **{status: StatusInfo(State.BUSY) for status in _BUSY},
    **{status: StatusInfo(State.FAILED, startable=status in _STARTABLE) for status in _REMEDIES},
}


_UNKNOWN: Final = StatusInfo(State.BUSY)
_NEXT_STATE: Final = {
    State.STOPPED: State.STARTING,
    State.STARTING: State.RUNNING,
    State.RUNNING: State.STOPPING,
    State.STOPPING: State.STOPPED,
}


def classify_status(status: str) -> StatusInfo:
    """What the status means. An unknown status is busy and not ready, so the app neither starts nor stops it."""
    return _STATUSES.get(status, _UNKNOWN)


def is_known(status: str) -> bool:
    """Whether the status is in the table of this version."""
    return status in _STATUSES


def remedy_for(status: str) -> str:
    """What a person can do about a failed database, as a sentence."""
    return _REMEDIES.get(status, "See its events in the RDS console.")


def effective_status(description: Description, record: DatabaseRecord, now: datetime) -> StatusInfo:
    """What the description means, given the app's own stop in progress.

    While a stop intent is set, a database that still accepts connections counts as stopping: it may stop at any moment.
    """
    info = classify_status(description.status)
    if info.ready and has_stop_intent(record, now):
        return StatusInfo(State.STOPPING)
    return info


def has_stop_intent(record: DatabaseRecord, now: datetime) -> bool:
    """Whether a function may be about to stop the database, or has just done so."""
    return record.stop_intent is not None and abs(now - record.stop_intent.set_at) < STOP_INTENT_TTL


def ignore_stale_description(description: Description, record: DatabaseRecord, now: datetime) -> Description:
    """The description, or the recorded status if the description shows an earlier one.

    RDS's descriptions are eventually consistent: after one that shows a change, another may show the status before it.
    A database goes through a cycle: stopped, starting, running, stopping. Soon after a change, only the next state of
    that cycle can be new. A description of another database of the same id is never ignored.
    """
    changed_at = record.status_changed_at
    if record.status is None or changed_at is None or abs(now - changed_at) >= CONSISTENCY_WINDOW:
        return description
    if is_replaced(record, description):
        return description
    known, described = _cycle_state(record.status), _cycle_state(description.status)
    if known is None or described in (None, known, _NEXT_STATE[known]):
        return description
    restart_at = record.automatic_restart_at if known is State.STOPPED else None
    return replace(description, status=record.status, automatic_restart_at=restart_at)


def is_replaced(record: DatabaseRecord, description: Description) -> bool:
    """Whether the description is of another database than the record.

    A resource id never changes, and a restored database has a new one:
    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html
    """
    known = record.resource_id is not None and description.resource_id is not None
    return known and record.resource_id != description.resource_id


def _cycle_state(status: str) -> State | None:
    """The state within the cycle; None for a status outside of it."""
    info = classify_status(status)
    match info.state:
        case State.BUSY:
            return State.RUNNING if info.ready else None
        case State.FAILED:
            return State.STOPPED if info.startable else None
        case state:
            return state
