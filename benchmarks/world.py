"""One database on a simulated AWS in fair weather: virtual time, an RDS that takes minutes, a table, a network."""

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
from dev.local.rds_behavior import Cause, StatusChange
from dev.local.rds_timing import FixedTiming, RdsTiming
from tests.simulation.client import SimulatedClient
from tests.simulation.clockwork import Clockwork
from tests.simulation.listening import listening
from tests.simulation.network import Invocation, Network, Random
from tests.simulation.rds import SimulatedRds
from tests.simulation.table import SimulatedTable
from tests.simulation.weather import Weather

DATABASE: Final = DatabaseRef(Kind.INSTANCE, "ss-financial-prod")
TABLE: Final = "system-metadata"
ACTIVITY_KEY: Final = "last_rds_query_time"
SEED: Final = 2026
START_MINUTES: Final = (2.0, 10.0)
STOP_MINUTES: Final = (2.0, 8.0)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, from ``start`` up to ``end``."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


class Fated(FixedTiming):
    """Starts and stops take what is fated for them: the same after the same moment of the trace, whoever asks."""

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
        matter = verb, bisect.bisect_right(self._trace, self._clock())
        self._drawn[matter] += 1
        return random.Random(f"{SEED}/{matter}/{self._drawn[matter]}").uniform(*minutes) * 60


class World:
    """The simulated AWS, and an account of when the database was up."""

    def __init__(self, start: datetime, status: str, timing: Callable[[Callable[[], datetime]], RdsTiming]) -> None:
        self.clockwork = Clockwork(start)
        self.start = start
        self.environ: dict[str, str] = {}
        self.writes = 0
        self.transitions: list[StatusChange] = []
        self.watchers: list[Callable[[StatusChange], None]] = []
        self.rds = SimulatedRds(self.clockwork.clock, timing(self.clockwork.clock), self._changed, self._wake)
        self.table = SimulatedTable(TABLE, self._wrote)
        self.pace = Random(self.clockwork)
        self._network = Network(self.clockwork, Weather(lambda: self.clockwork.now), self.pace, _Nobody(), (DATABASE,))
        self._first_status = status
        self.rds.add(DATABASE, status)

    @property
    def status(self) -> str:
        """RDS's word for the database, as it truly is."""
        self.rds.advance()
        return self.rds.databases[DATABASE].status

    def client(self, service: str, **_: Any) -> Any:
        """What stands in a boto3 client's place. Its calls take some milliseconds."""
        return SimulatedClient(service, {"rds": self.rds, "dynamodb": self.table}[service], self._network)

    def chance(self, what: str) -> random.Random:
        """Chance for one matter, the same in every run."""
        return random.Random(f"{SEED}/{what}")

    def invoke(self, function: str, work: Callable[[], None]) -> None:
        """Run it as a Lambda function of its own."""
        invocation = Invocation(
            function, (DATABASE,), self.clockwork.now, 90.0, chance=self.chance(f"{function}/{self.clockwork.now}")
        )
        self.clockwork.spawn(work, invocation)

    def passes(self, until: datetime) -> None:
        """Let time pass; what the app logs meanwhile is heard by nobody."""
        random.seed(SEED)
        with patch.dict(os.environ, self.environ), silence():
            self.clockwork.run(self.clockwork.seconds_of(until))

    def up(self) -> tuple[Span, ...]:
        """When it was available, and so billed, up to now."""
        spans, since = [], self.start if self._first_status == "available" else None
        for transition in self.transitions:
            if transition.after == "available":
                since = transition.at
            elif since is not None:
                spans.append(Span(since, transition.at))
                since = None
        if since is not None:
            spans.append(Span(since, self.clockwork.clock()))
        return tuple(spans)

    def starts(self, cause: Cause) -> int:
        """How often it was started, by whoever asked or by AWS after seven days."""
        return sum(transition.after == "starting" and transition.cause is cause for transition in self.transitions)

    def _changed(self, transition: StatusChange) -> None:
        self.transitions.append(transition)
        for watch in self.watchers:
            watch(transition)

    def _wrote(self, *_: Any) -> None:
        self.writes += 1

    def _wake(self, at: datetime) -> None:
        self.clockwork.at(self.clockwork.seconds_of(at), self.rds.advance)


class _Nobody:
    """Watches the network, and has nothing to say."""

    def called(self, *_: Any) -> None:
        """A call took effect."""

    def disturbed(self, *_: Any) -> None:
        """Something went wrong: never, in fair weather."""


@contextmanager
def silence() -> Iterator[None]:
    """The app logs and sends metrics as ever, but nobody hears it."""

    def ignore(_: logging.LogRecord) -> None:
        """Nobody reads it."""

    with listening(ignore), redirect_stdout(io.StringIO()):
        yield
