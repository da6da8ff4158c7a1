"""The activity metric: a CloudWatch metric that can forbid a stop."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from chalicelib.aws.clients import aws_call
from chalicelib.domain.activity import Metric, MetricActive, MetricIdle, MetricRule, MetricUnknown
from chalicelib.domain.errors import Problem
from chalicelib.domain.model import DatabaseRef, Kind

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_QUERIES_PER_CALL: Final = 500
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""

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
        """The metric of each database within the idle timeout. A missing response is a MetricUnknown, not an error.

        The period is a minute: longer periods do not show short connections.
        """
        metrics: dict[DatabaseRef, Metric] = {}
        for first in range(0, len(refs), _QUERIES_PER_CALL):
            some = refs[first : first + _QUERIES_PER_CALL]
            try:
                series = self._series(some, now - idle, now)
            except Problem as problem:
                metrics.update(dict.fromkeys(some, MetricUnknown(problem.detail)))
            else:
                metrics.update({ref: self._classify(series[number]) for number, ref in enumerate(some)})
        return metrics

    def _series(
        self, refs: Sequence[DatabaseRef], start: datetime, end: datetime
    ) -> list[list[tuple[datetime, float]]]:
        queries: Any = [self._query(number, ref) for number, ref in enumerate(refs)]
        points: list[list[tuple[datetime, float]]] = [[] for _ in refs]
        failed: set[int] = set()
        with aws_call("cloudwatch:GetMetricData"):
            pages = self._client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampDescending"
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    number = int(result["Id"].removeprefix("m"))
                    if result.get("StatusCode") in ("InternalError", "Forbidden"):
                        failed.add(number)
                    points[number] += zip(result["Timestamps"], result["Values"], strict=True)
        return [[] if number in failed else series for number, series in enumerate(points)]

    def _query(self, number: int, ref: DatabaseRef) -> dict[str, Any]:
        metric = {
            "Namespace": "AWS/RDS",
            "MetricName": self._rule.name,
            "Dimensions": [{"Name": _DIMENSIONS[ref.kind], "Value": ref.id}],
        }
        return {"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}

    def _classify(self, points: list[tuple[datetime, float]]) -> Metric:
        if not points:
            return MetricUnknown(f"CloudWatch has no datapoints of {self._rule.name} within the idle timeout")
        above = [at for at, value in points if value > self._rule.threshold]
        return MetricActive(max(above).astimezone(UTC)) if above else MetricIdle()
