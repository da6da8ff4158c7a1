"""The observations, records and policies that the tests of the decision begin with."""

from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.activity import AUTO, Activity, InvalidActivity, LastQuery, Metric, MetricRule
from chalicelib.domain.model import Description, Observation, Policy
from chalicelib.domain.record import DatabaseRecord
from tests.support import NOW, PROD

HOUR = timedelta(hours=1)
POLICY = Policy(idle_timeout=HOUR, restart_ttl=HOUR)
WITH_RULE = Policy(HOUR, HOUR, MetricRule("DatabaseConnections", 0))
WITH_AUTO = Policy(HOUR, HOUR, AUTO)
YESTERDAY = LastQuery(NOW - timedelta(days=1))
INVALID = InvalidActivity("it is text, but not an ISO 8601 time")
NO_RECORD = DatabaseRecord()


def minutes_ago(minutes: float) -> datetime:
    """This number of minutes before NOW."""
    return NOW - timedelta(minutes=minutes)


def observed(
    status: str, activity: Activity = YESTERDAY, metric: Metric | None = None, **description: Any
) -> Observation:
    """An observation of a database with this status; ``description`` are further fields of its Description."""
    return Observation(PROD, NOW, Description(PROD, status, **description), NO_RECORD, activity, metric)
