"""Client for rds-lifecycle: reports database activity and starts the database on demand."""

from rds_lifecycle_client.activity import ActivityReporter
from rds_lifecycle_client.activity_item import ActivityItem
from rds_lifecycle_client.api import Api
from rds_lifecycle_client.connection_errors import is_connection_failure
from rds_lifecycle_client.errors import (
    CannotStart,
    LifecycleError,
    NotConfigured,
    RequestRejected,
    Unavailable,
    WaitTimeout,
)
from rds_lifecycle_client.lifecycle import LifecycleClient
from rds_lifecycle_client.model import Database, State
from rds_lifecycle_client.start_function import StartFunction
from rds_lifecycle_client.wait import Progress

__all__ = [
    "ActivityItem",
    "ActivityReporter",
    "Api",
    "CannotStart",
    "Database",
    "LifecycleClient",
    "LifecycleError",
    "NotConfigured",
    "Progress",
    "RequestRejected",
    "StartFunction",
    "State",
    "Unavailable",
    "WaitTimeout",
    "is_connection_failure",
]
