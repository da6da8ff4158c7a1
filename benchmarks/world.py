"""One database on a simulated AWS without faults: virtual time, an RDS that takes minutes, a table, a network."""

import bisect
import io
import logging
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from unittest.mock import patch

from chalicelib.domain.model import DatabaseRef, Kind
from dev.local.connections import DatabaseConnections
from dev.local.rds_changes import Cause, StatusChange
from dev.local.rds_timing import FixedTiming, RdsTiming
from tests.simulation.client import SimulatedClient
from tests.simulation.faults import FaultInjector
from tests.simulation.log_capture import capture_log
from tests.simulation.metric import PUBLICATION_DELAY, SimulatedMetric
from tests.simulation.network import Invocation, Network, RandomLatency
from tests.simulation.rds import SimulatedRds
from tests.simulation.scheduler import Scheduler
from tests.simulation.table import SimulatedTable

DATABASE: Final = DatabaseRef(Kind.INSTANCE, "ss-financial-prod")
TABLE: Final = "system-metadata"
ACTIVITY_KEY: Final = "last_rds_query_time"
SEED: Final = 2026
START_MINUTES: Final = (2.0, 10.0)
STOP_MINUTES: Final = (2.0, 8.0)


@dataclass(frozen=True, slots=True)
class Span:
    """The time from ``start`` to ``end``."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


class TraceTiming(FixedTiming):
    """Durations depend only on the previous time of the trace, so they are the same for all strategies."""

    def __init__(self, clock: Callable[[], datetime], trace: Sequence[datetime]) -> None:
        super().__init__()
        self._clock = clock
        self._trace = trace
        self._drawn: Counter[tuple[str, int]] = Counter()

    def start_duration(self) -> float:
        """Seconds."""
        return self._draw("start", START_MINUTES)

    def stop_duration(self) -> float:
        """Seconds."""
        return self._draw("stop", STOP_MINUTES)

    def _draw(self, verb: str, minutes: tuple[float, float]) -> float:
        key = verb, bisect.bisect_right(self._trace, self._clock())
        self._drawn[key] += 1
        return random.Random(f"{SEED}/{key}/{self._drawn[key]}").uniform(*minutes) * 60


class World:
    """The simulated AWS, and when the database was available."""

    def __init__(self, start: datetime, status: str, timing: Callable[[Callable[[], datetime]], RdsTiming]) -> None:
        self.scheduler = Scheduler(start)
        self.start = start
        self.environ: dict[str, str] = {}
        self.writes = 0
        self.changes: list[StatusChange] = []
        self.on_change: list[Callable[[StatusChange], None]] = []
        self.rds = SimulatedRds(
            self.scheduler.clock, timing(self.scheduler.clock), self._on_status_change, self._schedule_rds
        )
        self.table = SimulatedTable(TABLE, self._on_write)
        self._connections = DatabaseConnections(self.scheduler.clock, PUBLICATION_DELAY)
        metric = SimulatedMetric(self._connections.datapoints)
        self._services = {"rds": self.rds, "dynamodb": self.table, "cloudwatch": metric}
        self.latency = RandomLatency(self.scheduler)
        self._network = Network(
            self.scheduler, FaultInjector(lambda: self.scheduler.now), self.latency, _NullObserver(), (DATABASE,)
        )
        self._first_status = status
        self.rds.add(DATABASE, status)
        if status == "available":
            self._connections.set_available(DATABASE)

    @property
    def status(self) -> str:
        """The actual status of the database."""
        self.rds.advance()
        return self.rds.databases[DATABASE].status

    def client(self, service: str, **_: Any) -> Any:
        """Stands in for a boto3 client. Its calls take some milliseconds."""
        return SimulatedClient(service, self._services[service], self._network)

    def rng(self, stream: str) -> random.Random:
        """Random numbers of one stream, the same in every run."""
        return random.Random(f"{SEED}/{stream}")

    def invoke(self, function: str, work: Callable[[], None]) -> None:
        """Run the work as one invocation of a Lambda function."""
        invocation = Invocation(
            function, (DATABASE,), self.scheduler.now, 90.0, rng=self.rng(f"{function}/{self.scheduler.now}")
        )
        self.scheduler.spawn(work, invocation)

    def advance(self, until: datetime) -> None:
        """Let virtual time pass. The app's log is discarded."""
        random.seed(SEED)
        with patch.dict(os.environ, self.environ), discard_output():
            self.scheduler.run(self.scheduler.seconds_of(until))

    def available_spans(self) -> tuple[Span, ...]:
        """When the database was available, and so billed, up to now."""
        spans, since = [], self.start if self._first_status == "available" else None
        for change in self.changes:
            if change.after == "available":
                since = change.at
            elif since is not None:
                spans.append(Span(since, change.at))
                since = None
        if since is not None:
            spans.append(Span(since, self.scheduler.clock()))
        return tuple(spans)

    def starts(self, cause: Cause) -> int:
        """How many starts have this cause."""
        return sum(change.after == "starting" and change.cause is cause for change in self.changes)

    def _on_status_change(self, change: StatusChange) -> None:
        self.changes.append(change)
        if change.after == "available":
            self._connections.set_available(DATABASE)
        else:
            self._connections.set_unavailable(DATABASE)
        for notify in self.on_change:
            notify(change)

    def _on_write(self, *_: Any) -> None:
        self.writes += 1

    def _schedule_rds(self, at: datetime) -> None:
        self.scheduler.call_at(self.scheduler.seconds_of(at), self.rds.advance)


class _NullObserver:
    """Ignores all calls."""

    def on_call(self, *_: Any) -> None:
        """A call took effect."""

    def on_fault(self, *_: Any) -> None:
        """There are no faults."""


@contextmanager
def discard_output() -> Iterator[None]:
    """The app writes its log and metrics as usual, and both are discarded."""

    def ignore(_: logging.LogRecord) -> None:
        """Does nothing."""

    with capture_log(ignore), redirect_stdout(io.StringIO()):
        yield
