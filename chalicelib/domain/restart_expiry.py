"""When a pending restart expires: after it could have been carried out for some time, and was not."""

from datetime import datetime

from chalicelib.domain.model import Policy
from chalicelib.domain.record import DatabaseRecord, PendingRestart
from chalicelib.domain.statuses import classify_status


def is_restart_expired(record: DatabaseRecord, policy: Policy, now: datetime) -> bool:
    """Whether RDS could have started the database for so long that the pending restart expires.

    Only time in which it was stopped counts, and it begins again whenever AWS prevents the start: by no response, by
    throttling, or by a lack of capacity.
    """
    restart = record.pending_restart
    if restart is None or record.status is None or not classify_status(record.status).startable:
        return False
    moments = (last_requested_at(restart, record), record.status_changed_at, record.start_prevented_at)
    return now - max(at for at in moments if at is not None) > policy.restart_ttl


def last_requested_at(restart: PendingRestart, record: DatabaseRecord) -> datetime:
    """When the pending restart was last requested: the first time, or a later one."""
    return max(restart.requested_at, record.last_restart_requested_at or restart.requested_at)
