"""CloudWatch's metric DatabaseConnections: one model, for `make run` and for the tests.

A caller sets when each database accepts connections and how many are open; `datapoints` returns what CloudWatch has
published by now: the maximum of each minute, for minutes in which the database accepted connections.
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from chalicelib.domain.model import DatabaseRef

_MINUTE: Final = timedelta(minutes=1)
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention
RETENTION: Final = timedelta(days=15)


class _Change(NamedTuple):
    """From this time on, that many connections are open; None where nothing is published."""

    at: datetime
    connections: int | None


@dataclass(frozen=True, eq=False)
class Connection:
    """One open connection. Two connections are never equal."""

    ref: DatabaseRef


@dataclass(frozen=True, slots=True)
class _Gap:
    ref: DatabaseRef | None
    start: datetime
    end: datetime
    published_at: datetime | None

    def hides(self, ref: DatabaseRef, minute: datetime, now: datetime) -> bool:
        covered = self.ref in (None, ref) and self.start <= minute < self.end
        return covered and (self.published_at is None or now < self.published_at)


@dataclass
class _Database:
    available: bool = False
    reported: int | None = 0
    opened: set[Connection] = field(default_factory=set)
    changes: list[_Change] = field(default_factory=list)

    @property
    def count(self) -> int | None:
        """The connections that are open now; None where there are no datapoints."""
        return self.reported + len(self.opened) if self.available and self.reported is not None else None


class DatabaseConnections:
    """The metric of all databases of one account. Not thread-safe.

    ``delay`` is the time from the beginning of a minute to its publication. AWS publishes a minute after it has ended;
    a shorter delay shows the maximum so far.
    """

    def __init__(self, clock: Callable[[], datetime], delay: timedelta) -> None:
        self._clock = clock
        self._delay = delay
        self._databases: dict[DatabaseRef, _Database] = {}
        self._gaps: list[_Gap] = []

    @property
    def databases(self) -> list[DatabaseRef]:
        """The databases that have ever been available."""
        return list(self._databases)

    def set_available(self, ref: DatabaseRef, at: datetime | None = None, count: int | None = 0) -> None:
        """The database accepts connections from now on, or from ``at`` on. ``count`` as in `set_connections`."""
        database = self._databases.setdefault(ref, _Database())
        if not database.available:
            database.available, database.reported = True, count
            self._record(database, at)

    def set_unavailable(self, ref: DatabaseRef, at: datetime | None = None) -> None:
        """The database accepts no connections from now on, or from ``at`` on, and has closed all."""
        if (database := self._databases.get(ref)) is not None:
            database.available = False
            database.opened.clear()
            self._record(database, at)

    def set_connections(self, ref: DatabaseRef, count: int | None) -> None:
        """That many connections are open beside those of `open`; None: their number is not known.

        Without effect while the database is unavailable.
        """
        if (database := self._databases.get(ref)) is not None:
            database.reported = count
            self._record(database)

    def open(self, ref: DatabaseRef) -> Connection:
        """Open a connection. Raises ConnectionRefusedError while the database is unavailable."""
        database = self._databases.get(ref)
        if database is None or not database.available:
            raise ConnectionRefusedError(f"{ref.id} accepts no connections.")
        connection = Connection(ref)
        database.opened.add(connection)
        self._record(database)
        return connection

    def is_open(self, connection: Connection | None) -> bool:
        """Whether this connection was opened and has not been closed since."""
        return connection is not None and connection in self._databases[connection.ref].opened

    def close(self, connection: Connection) -> bool:
        """Close the connection. Returns whether it was open."""
        was_open = self.is_open(connection)
        if was_open:
            database = self._databases[connection.ref]
            database.opened.discard(connection)
            self._record(database)
        return was_open

    def hide(
        self, start: datetime, end: datetime, published_at: datetime | None = None, ref: DatabaseRef | None = None
    ) -> None:
        """Publish the minutes that begin from ``start`` to before ``end`` at ``published_at``, or never (None).

        ``ref`` limits this to one database.
        """
        self._gaps.append(_Gap(ref, start, end, published_at))

    def datapoints(self, ref: DatabaseRef, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
        """The published datapoints, newest first, each with the beginning of its minute.

        ``start`` is rounded down to the minute, and ``end`` is exclusive:
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
        """
        database, now = self._databases.get(ref), self._clock()
        if database is None or not database.changes:
            return []
        first = _floor(max(start, now - RETENTION, database.changes[0].at))
        # A later minute is neither requested nor published.
        last = min(end, now - self._delay + timedelta.resolution)
        found = [
            (minute, float(maximum))
            for minute, maximum in _maxima(database.changes, first, last)
            if not any(gap.hides(ref, minute, now) for gap in self._gaps)
        ]
        return found[::-1]

    def _record(self, database: _Database, at: datetime | None = None) -> None:
        """Keep the present number, if it has changed. Time never goes back."""
        changes, count = database.changes, database.count
        if (changes[-1].connections if changes else None) == count:
            return
        at = at or self._clock()
        changes.append(_Change(max(at, changes[-1].at) if changes else at, count))
        expired = bisect_left(changes, at - RETENTION, key=_time_of) - 1
        if expired > len(changes) // 2:
            del changes[:expired]


def _maxima(changes: list[_Change], first: datetime, end: datetime) -> Iterator[tuple[datetime, int]]:
    """The maximum of each minute that begins from ``first`` to before ``end``, oldest first."""
    following = bisect_left(changes, first, key=_time_of)
    current = changes[following - 1].connections if following else None
    minute = first
    while minute < end:
        counts = []
        if following == len(changes) or changes[following].at > minute:
            counts.append(current)
        while following < len(changes) and changes[following].at < minute + _MINUTE:
            current = changes[following].connections
            counts.append(current)
            following += 1
        known = [count for count in counts if count is not None]
        if known:
            yield minute, max(known)
        minute += _MINUTE


def _time_of(change: _Change) -> datetime:
    return change.at


def _floor(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
