"""What counts as activity: the activity item, the activity metric, and the latest of all that is known."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class MetricActive:
    """The activity metric was above its threshold, last at this time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class MetricIdle:
    """The activity metric has datapoints, none of them above its threshold."""


@dataclass(frozen=True, slots=True)
class MetricUnknown:
    """The activity metric has no data."""

    why: str


Metric = MetricActive | MetricIdle | MetricUnknown


@dataclass(frozen=True, slots=True)
class MetricRule:
    """A datapoint of this AWS/RDS metric above the threshold is activity."""

    name: str
    threshold: float


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
