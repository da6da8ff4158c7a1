"""A simulated CloudWatch: DatabaseConnections by the minute, published some time after the minute is over."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from chalicelib.domain.model import DatabaseRef, Kind

_PUBLISHED_AFTER: Final = 90.0
_MINUTE: Final = 60.0


class SimulatedMetric:
    """A datapoint for each minute in which the database took connections; 3 where somebody queried it, otherwise 0."""

    def __init__(self, now: Callable[[], float], seconds_of: Callable[[datetime], float], start: datetime) -> None:
        self._now = now
        self._seconds_of = seconds_of
        self._start = start
        self._up: dict[DatabaseRef, list[tuple[float, float | None]]] = {}
        self._queried: dict[DatabaseRef, set[int]] = {}

    def came_up(self, ref: DatabaseRef) -> None:
        """It takes connections from now on."""
        self._up.setdefault(ref, []).append((self._now(), None))

    def went_down(self, ref: DatabaseRef) -> None:
        """It takes none any more."""
        if self._up.get(ref):
            self._up[ref][-1] = (self._up[ref][-1][0], self._now())

    def queried(self, ref: DatabaseRef) -> None:
        """Somebody is connected."""
        self._queried.setdefault(ref, set()).add(int(self._now() // _MINUTE))

    def get_metric_data(self, **request: Any) -> dict[str, Any]:
        """Newest first."""
        start, end = self._seconds_of(request["StartTime"]), self._seconds_of(request["EndTime"])
        results = [
            {"Id": query["Id"], "StatusCode": "Complete", **self._series(ref_of(query), start, end)}
            for query in request["MetricDataQueries"]
        ]
        return {"MetricDataResults": results}

    def _series(self, ref: DatabaseRef, start: float, end: float) -> dict[str, Any]:
        published = min(end, self._now() - _PUBLISHED_AFTER)
        minutes = range(int(start // _MINUTE) + 1, int(published // _MINUTE))
        up = [minute for minute in reversed(minutes) if self._was_up(ref, minute * _MINUTE)]
        busy = self._queried.get(ref, set())
        return {
            "Timestamps": [self._start + timedelta(minutes=minute) for minute in up],
            "Values": [3.0 if minute in busy else 0.0 for minute in up],
        }

    def _was_up(self, ref: DatabaseRef, at: float) -> bool:
        return any(since <= at and (until is None or at < until) for since, until in self._up.get(ref, [])[-3:])


def ref_of(query: dict[str, Any]) -> DatabaseRef:
    """The database that a query of the metric asks about."""
    [dimension] = query["MetricStat"]["Metric"]["Dimensions"]
    kind = Kind.CLUSTER if dimension["Name"] == "DBClusterIdentifier" else Kind.INSTANCE
    return DatabaseRef(kind, dimension["Value"])
