"""A simulated CloudWatch: DatabaseConnections by the minute, published some time after the minute has ended."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from chalicelib.domain.model import DatabaseRef, Kind

_PUBLICATION_DELAY: Final = 90.0
_MINUTE: Final = 60.0


class SimulatedMetric:
    """One datapoint for each minute in which the database accepted connections: 3 in a minute with a query, else 0."""

    def __init__(self, now: Callable[[], float], seconds_of: Callable[[datetime], float], start: datetime) -> None:
        self._now = now
        self._seconds_of = seconds_of
        self._start = start
        self._available: dict[DatabaseRef, list[tuple[float, float | None]]] = {}
        self._queried: dict[DatabaseRef, set[int]] = {}

    def set_available(self, ref: DatabaseRef) -> None:
        """The database accepts connections from now on."""
        self._available.setdefault(ref, []).append((self._now(), None))

    def set_unavailable(self, ref: DatabaseRef) -> None:
        """The database no longer accepts connections."""
        if self._available.get(ref):
            self._available[ref][-1] = (self._available[ref][-1][0], self._now())

    def add_query(self, ref: DatabaseRef) -> None:
        """A client is connected in this minute."""
        self._queried.setdefault(ref, set()).add(int(self._now() // _MINUTE))

    def get_metric_data(self, **request: Any) -> dict[str, Any]:
        """The newest datapoint first."""
        start, end = self._seconds_of(request["StartTime"]), self._seconds_of(request["EndTime"])
        results = [
            {"Id": query["Id"], "StatusCode": "Complete", **self._series(ref_of(query), start, end)}
            for query in request["MetricDataQueries"]
        ]
        return {"MetricDataResults": results}

    def _series(self, ref: DatabaseRef, start: float, end: float) -> dict[str, Any]:
        published = min(end, self._now() - _PUBLICATION_DELAY)
        minutes = range(int(start // _MINUTE) + 1, int(published // _MINUTE))
        available = [minute for minute in reversed(minutes) if self._was_available(ref, minute * _MINUTE)]
        queried = self._queried.get(ref, set())
        return {
            "Timestamps": [self._start + timedelta(minutes=minute) for minute in available],
            "Values": [3.0 if minute in queried else 0.0 for minute in available],
        }

    def _was_available(self, ref: DatabaseRef, at: float) -> bool:
        return any(since <= at and (until is None or at < until) for since, until in self._available.get(ref, [])[-3:])


def ref_of(query: dict[str, Any]) -> DatabaseRef:
    """The database of a metric query."""
    [dimension] = query["MetricStat"]["Metric"]["Dimensions"]
    kind = Kind.CLUSTER if dimension["Name"] == "DBClusterIdentifier" else Kind.INSTANCE
    return DatabaseRef(kind, dimension["Value"])
