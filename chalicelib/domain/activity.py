"""What counts as activity: the activity item, the activity metric, and the latest of all that is known."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

REPORTS_TRUSTED_FOR: Final = timedelta(days=30)
"""For this long after the last report, a database without new reports counts as unused."""

LARGEST_DATAPOINT_AGE: Final = timedelta(minutes=10)
"""If the newest datapoint is older, the activity metric is unknown. RDS publishes its metrics every minute.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
"""


@dataclass(frozen=True, slots=True)
class LastQuery:
    """The activity item contains the time of the last query."""

    at: datetime


@dataclass(frozen=True, slots=True)
class NoActivity:
    """There is no activity item."""


@dataclass(frozen=True, slots=True)
class InvalidActivity:
    """There is an activity item, but its value is not a time."""

    why: str


Activity = LastQuery | NoActivity | InvalidActivity


def are_reports_trusted(activity: Activity, now: datetime) -> bool:
    """Whether somebody reports queries, so that a database without recent reports is unused."""
    return isinstance(activity, LastQuery) and now - activity.at <= REPORTS_TRUSTED_FOR


@dataclass(frozen=True, slots=True)
class MetricActive:
    """The activity metric was above its threshold, last at this time. ``latest`` is the value of the last datapoint."""

    at: datetime
    latest: float


@dataclass(frozen=True, slots=True)
class MetricIdle:
    """The activity metric has recent datapoints, none of them above its threshold."""


@dataclass(frozen=True, slots=True)
class MetricUnknown:
    """The activity metric has no recent datapoint, or could not be read."""

    why: str


Metric = MetricActive | MetricIdle | MetricUnknown


@dataclass(frozen=True, slots=True)
class MetricRule:
    """A datapoint of this AWS/RDS metric above the threshold is activity.

    ``only_without_reports``: it is activity only while reports of queries are not trusted.
    """

    name: str
    threshold: float
    only_without_reports: bool = False


AUTO: Final = MetricRule("DatabaseConnections", 0.0, only_without_reports=True)
"""Open connections are activity where nobody reports queries."""


class ActivitySource(StrEnum):
    """The source of the last activity."""

    QUERY = "query"
    RESTART = "restart"
    STARTED = "started"
    METRIC = "metric"


@dataclass(frozen=True, slots=True)
class LastActivity:
    """The latest known activity; the idle timer runs from it. ``description`` precedes ``at <time>`` in sentences."""

    at: datetime
    source: ActivitySource
    description: str
