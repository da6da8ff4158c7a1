"""moto's CloudWatch with the metric DatabaseConnections of the simulated RDS. moto keeps all other metrics."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from moto.cloudwatch.models import CloudWatchBackend, MetricDatum

from chalicelib.domain.model import DatabaseRef, Kind
from dev.local.rds import LocalRds

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/dimensions.html
_DIMENSIONS: Final = {Kind.INSTANCE: "DBInstanceIdentifier", Kind.CLUSTER: "DBClusterIdentifier"}
_EVER: Final = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def publish_connections(backend: CloudWatchBackend, rds: LocalRds) -> None:
    """Let this backend return the datapoints of the simulated RDS in all its responses about metrics."""
    every_metric = backend.get_all_metrics

    def with_connections() -> list[Any]:
        found = rds.connection_datapoints(*_EVER)
        return [*every_metric(), *(_datum(ref, *point) for ref, points in found.items() for point in points)]

    replaced: Any = backend
    replaced.get_all_metrics = with_connections
    replaced.get_metric_data = _from_whole_minutes(backend.get_metric_data)


def _datum(ref: DatabaseRef, at: datetime, value: float) -> MetricDatum:
    dimensions = [{"Name": _DIMENSIONS[ref.kind], "Value": ref.id}]
    # moto keeps UTC without an offset.
    return MetricDatum("AWS/RDS", "DatabaseConnections", value, dimensions, at.replace(tzinfo=None), "Count")


def _from_whole_minutes(get_metric_data: Callable[..., Any]) -> Callable[..., Any]:
    """Round StartTime down to the minute, as CloudWatch does; moto lets periods begin at any second.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
    """

    def rounded(*, start_time: datetime, **request: Any) -> Any:
        return get_metric_data(start_time=start_time.replace(second=0, microsecond=0), **request)

    return rounded
