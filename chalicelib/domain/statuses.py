"""RDS status → condition, and what a person can do where the app cannot.

Source of the words: "Viewing Amazon RDS DB instance status" and "Viewing DB cluster status" in the RDS and
Aurora user guides.
"""

from typing import Final

from chalicelib.domain.model import State, StatusInfo

_READY_BUT_BUSY: Final = (
    "backing-up",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "configuring-log-exports",
    "modifying",
    "resetting-master-credentials",
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
    "promoting",
    "rebooting",
    "renaming",
    "upgrading",
)
_REMEDIES: Final = {
    "cloning-failed": "Delete this clone and make a new one.",
    "deleting": "It is being deleted. Restore it from a snapshot if it is still needed.",
    "failed": "RDS could not recover it. Restore it to a point in time, or call AWS Support.",
    "inaccessible-encryption-credentials": (
        "RDS cannot use its KMS key. Enable the key and the grant for RDS, then restore from a backup."
    ),
    "inaccessible-encryption-credentials-recoverable": (
        "RDS cannot use its KMS key. Enable the key again and start the database in the RDS console."
    ),
    "incompatible-network": "RDS cannot recover its network. Check the free addresses and the DNS settings of its VPC.",
    "incompatible-option-group": "Undo the last change to its option group.",
    "incompatible-parameters": "Reset its parameter group in the RDS console, then reboot it.",
    "incompatible-restore": "RDS cannot restore to that point in time. Restore to another one.",
    "insufficient-capacity": "AWS lacks room for its instance class. Choose another class, or wait and start it later.",
    "migration-failed": "Look into its events in the RDS console for the cause of the failed migration.",
    "restore-error": "Restore it again, to another point in time or from another snapshot.",
    "storage-full": "Give it more storage in the RDS console.",
}

_TABLE: Final[dict[str, StatusInfo]] = {
    "stopped": StatusInfo(State.STOPPED),
    "starting": StatusInfo(State.STARTING),
    "stopping": StatusInfo(State.STOPPING),
    "available": StatusInfo(State.RUNNING, ready=True),
    **{status: StatusInfo(State.BUSY, ready=True) for status in _READY_BUT_BUSY},
    **{status: StatusInfo(State.BUSY) for status in _BUSY},
    **{status: StatusInfo(State.FAILED) for status in _REMEDIES},
}


def classify_status(status: str) -> StatusInfo:
    """What the status means. A status that the app has never heard of is busy and not ready: hands off."""
    return _TABLE.get(status, StatusInfo(State.BUSY))


def is_known(status: str) -> bool:
    """Whether the status is in the table."""
    return status in _TABLE


def remedy_for(status: str) -> str:
    """What a person can do about a failed database, as a sentence."""
    return _REMEDIES.get(status, "Look into its events in the RDS console.")
