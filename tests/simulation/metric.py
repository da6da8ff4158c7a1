"""A simulated CloudWatch, at the level of a boto3 client's calls: DatabaseConnections of the simulated databases."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from chalicelib.domain.model import DatabaseRef, Kind

Datapoints = Callable[[DatabaseRef, datetime, datetime], list[tuple[datetime, float]]]
"""The datapoints of DatabaseConnections of a database between two times, newest first."""

PUBLICATION_DELAY: Final = timedelta(seconds=150)
"""From the beginning of a minute to the publication of its datapoint."""


class SimulatedMetric:
    """GetMetricData. Every other metric has no datapoints, as DBLoad of an idle database."""

    def __init__(self, datapoints: Datapoints) -> None:
        self._datapoints = datapoints

    def get_metric_data(self, **request: Any) -> dict[str, Any]:
        """The newest datapoint first."""
        return {"MetricDataResults": [self._result(query, request) for query in request["MetricDataQueries"]]}

    def _result(self, query: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
        points = []
        if query["MetricStat"]["Metric"]["MetricName"] == "DatabaseConnections":
            points = self._datapoints(ref_of(query), request["StartTime"], request["EndTime"])
        times, values = [at for at, _ in points], [value for _, value in points]
        return {"Id": query["Id"], "StatusCode": "Complete", "Timestamps": times, "Values": values}


def ref_of(query: dict[str, Any]) -> DatabaseRef:
    """The database of a metric query."""
    [dimension] = query["MetricStat"]["Metric"]["Dimensions"]
    kind = Kind.CLUSTER if dimension["Name"] == "DBClusterIdentifier" else Kind.INSTANCE
    return DatabaseRef(kind, dimension["Value"])
