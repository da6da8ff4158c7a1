"""For the backend of a database that rds-lifecycle minds: reports its queries, and wakes it when it sleeps."""

from rds_lifecycle_client.activity import ActivityReporter
from rds_lifecycle_client.api import Api
from rds_lifecycle_client.errors import (
    CannotStart,
    LifecycleError,
    NotConfigured,
    Refused,
    TookTooLong,
    Unavailable,
)
from rds_lifecycle_client.failures import means_down
from rds_lifecycle_client.function import StartFunction
from rds_lifecycle_client.item import ActivityItem
from rds_lifecycle_client.lifecycle import Lifecycle
from rds_lifecycle_client.model import Database, State
from rds_lifecycle_client.ready import Progress

__all__ = [
    "ActivityItem",
    "ActivityReporter",
    "Api",
    "CannotStart",
    "Database",
    "Lifecycle",
    "LifecycleError",
    "NotConfigured",
    "Progress",
    "Refused",
    "StartFunction",
    "State",
    "TookTooLong",
    "Unavailable",
    "means_down",
]
