"""The activity metric: a CloudWatch metric that can forbid a stop."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from chalicelib.aws.clients import aws_call
from chalicelib.domain.activity import (
    AUTO,
    LARGEST_DATAPOINT_AGE,
    Metric,
    MetricActive,
    MetricIdle,
    MetricRule,
    MetricUnknown,
)
from chalicelib.domain.errors import Problem
from chalicelib.domain.model import DatabaseRef, Kind

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_QUERIES_PER_CALL: Final = 500
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""

_PERIOD: Final = timedelta(minutes=1)
"""Longer periods do not show short connections."""

_ONLY_UNDER_LOAD: Final = frozenset({"DBLoad", "DBLoadCPU", "DBLoadNonCPU", "DBLoadRelativeToNumVCPUs"})
"""https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PerfInsights.Cloudwatch.html"""

_RETENTION: Final = timedelta(days=15) - timedelta(hours=1)
"""CloudWatch has datapoints by the minute for 15 days.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

Series = Sequence[tuple[datetime, float]]
"""Datapoints: the beginning of each period, and its value."""

_DIMENSIONS: Final = {Kind.INSTANCE: "DBInstanceIdentifier", Kind.CLUSTER: "DBClusterIdentifier"}


class ActivityMetric:
    """CloudWatch, through a boto3 client made at the first call."""

    def __init__(self, connect: Callable[[], CloudWatchClient], rule: MetricRule) -> None:
        self._connect = connect
        self._rule = rule

    @functools.cached_property
    def _client(self) -> CloudWatchClient:
        return self._connect()

    def read(self, refs: Sequence[DatabaseRef], idle: timedelta, now: datetime) -> dict[DatabaseRef, Metric]:
        """The metric of each database within the idle timeout. A missing response is a MetricUnknown, not an error."""
        metrics: dict[DatabaseRef, Metric] = {}
        per_call = _QUERIES_PER_CALL // len(self._metric_names)
        for first in range(0, len(refs), per_call):
            some = refs[first : first + per_call]
            try:
                series = self._series(some, now - min(max(idle, LARGEST_DATAPOINT_AGE), _RETENTION) - _PERIOD, now)
            except Problem as problem:
                metrics.update(dict.fromkeys(some, MetricUnknown(problem.detail)))
            else:
                metrics.update({ref: self._classify(series[ref], now) for ref in some})
        return metrics

    @functools.cached_property
    def _metric_names(self) -> tuple[str, ...]:
        """The rule's metric, and the one that shows that CloudWatch has recent datapoints of the database.

        Without load, some metrics have no datapoints.
        """
        return (self._rule.name, AUTO.name) if self._rule.name in _ONLY_UNDER_LOAD else (self._rule.name,)

    def _series(
        self, refs: Sequence[DatabaseRef], start: datetime, end: datetime
    ) -> dict[DatabaseRef, dict[str, Series]]:
        """The series of each database by metric. If a query failed, all are empty: the database might be in use."""
        asked = [(ref, name) for ref in refs for name in self._metric_names]
        queries: Any = [_query(f"m{number}", ref, name) for number, (ref, name) in enumerate(asked)]
        points: list[list[tuple[datetime, float]]] = [[] for _ in asked]
        failed: set[DatabaseRef] = set()
        with aws_call("cloudwatch:GetMetricData"):
            pages = self._client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampDescending"
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    number = int(result["Id"].removeprefix("m"))
                    if result.get("StatusCode") in ("InternalError", "Forbidden"):
                        failed.add(asked[number][0])
                    points[number] += zip(result["Timestamps"], result["Values"], strict=True)
        series: dict[DatabaseRef, dict[str, Series]] = {ref: {} for ref in refs}
        for number, (ref, name) in enumerate(asked):
            series[ref][name] = [] if ref in failed else points[number]
        return series

    def _classify(self, series: dict[str, Series], now: datetime) -> Metric:
        newest = max((at for points in series.values() for at, _ in points), default=None)
        if newest is None or now - newest > LARGEST_DATAPOINT_AGE:
            minutes = round(LARGEST_DATAPOINT_AGE / timedelta(minutes=1))
            return MetricUnknown(
                f"CloudWatch returned no datapoint of {self._metric_names[-1]} in the last {minutes} minutes"
            )
        points = series[self._rule.name]
        above = [at for at, value in points if value > self._rule.threshold]
        if not above:
            return MetricIdle()
        # A datapoint covers the whole period that begins at its time. After the newest one, nothing has ended yet.
        active_at = now if max(above) == newest else min(max(above) + _PERIOD, now)
        return MetricActive(active_at.astimezone(UTC), max(points)[1])


def _query(query_id: str, ref: DatabaseRef, name: str) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/RDS",
        "MetricName": name,
        "Dimensions": [{"Name": _DIMENSIONS[ref.kind], "Value": ref.id}],
    }
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": int(_PERIOD.total_seconds()), "Stat": "Maximum"}}
