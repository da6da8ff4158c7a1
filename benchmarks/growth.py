"""One check over more and more databases: its AWS calls, and its seconds where each takes 20 ms.

``python -m benchmarks.growth`` runs it alone.
"""

import io
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from benchmarks.alone import show
from benchmarks.figures import Chapter, Figure, Progress, Table
from chalicelib.lifecycle import Lifecycle
from chalicelib.model import DatabaseRef, Kind
from chalicelib.rds import Rds
from chalicelib.settings import Settings
from chalicelib.table import Table as MetadataTable
from chalicelib.telemetry import logger
from chalicelib.timestamps import format_time
from tests.simulation.client import Call, SimulatedClient
from tests.simulation.natures import Steady
from tests.simulation.rds import SimulatedRds
from tests.simulation.table import SimulatedTable

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SIZES: Final = (1, 10, 100)
LATENCY: Final = 0.02
ROUNDS: Final = 5
CALLS: Final = 2
GOAL_QUIET: Final = 6.0
GOAL_STOPS: Final = 15.0


class SlowWire:
    """Carries calls to a simulated AWS, each of which takes a while, however many are on their way."""

    def __init__(self, latency: float) -> None:
        self.calls = 0
        self.most_at_once = 0
        self._latency = latency
        self._on_their_way = 0
        self._turn = threading.Lock()

    def __call__(self, _: Call, effect: Callable[[], Any]) -> Any:
        """The wire of SimulatedClient."""
        with self._turn:
            self.calls += 1
            self._on_their_way += 1
            self.most_at_once = max(self.most_at_once, self._on_their_way)
        time.sleep(self._latency)
        with self._turn:
            self._on_their_way -= 1
            return effect()


@dataclass(frozen=True, slots=True)
class Checked:
    """Checks over so many databases: seconds of the median one, calls of each, and the most of them at one time."""

    databases: int
    seconds: float
    calls: int
    most_at_once: int


@dataclass(frozen=True, slots=True)
class Growth:
    """Checks that find the same in ever more databases, and one of its own for each of the most of them, in a row."""

    what: str
    goal: float
    checks: tuple[Checked, ...]
    one_by_one: Checked

    @property
    def ratio(self) -> float:
        """Seconds of the check of the most databases, by those of the fewest."""
        return self.checks[-1].seconds / self.checks[0].seconds


@dataclass(frozen=True, slots=True)
class Growths:
    """What was measured."""

    quiet: Growth
    stops: Growth


def measure(
    progress: Progress, sizes: Sequence[int] = SIZES, rounds: int = ROUNDS, latency: float = LATENCY
) -> Growths:
    """The real app with its real threads, on a simulated RDS and table. ``latency`` in seconds, of each AWS call."""

    def grow(what: str, goal: float, unused: timedelta) -> Growth:
        checks = []
        for size in sizes:
            progress(f"growth: {what}, {size} databases")
            some = [check([_database(n) for n in range(size)], unused, latency) for _ in range(rounds)]
            checks.append(sorted(some, key=lambda checked: checked.seconds)[rounds // 2])
        progress(f"growth: {what}, {sizes[-1]} databases one by one")
        alone = [check([_database(n)], unused, latency) for n in range(sizes[-1])]
        return Growth(what, goal, tuple(checks), _in_a_row(alone))

    with _log_kept_off_the_screen():
        quiet = grow("nothing to do", GOAL_QUIET, timedelta(minutes=1))
        return Growths(quiet, grow("everything to stop", GOAL_STOPS, timedelta(hours=2)))


def _in_a_row(checks: Sequence[Checked]) -> Checked:
    seconds, calls = sum(checked.seconds for checked in checks), sum(checked.calls for checked in checks)
    return Checked(len(checks), seconds, calls, max(checked.most_at_once for checked in checks))


def check(refs: Sequence[DatabaseRef], unused: timedelta, latency: float) -> Checked:
    """One check of running databases that the app knows already; all were last queried so long ago."""
    settings = Settings(tuple(refs))
    rds, table = SimulatedRds(_clock, Steady()), SimulatedTable(settings.metadata_table)
    for ref in refs:
        rds.add(ref, "available")
    _query(table, settings, NOW)
    _lifecycle(settings, rds, table, SlowWire(0)).check()
    _query(table, settings, NOW - unused)
    wire = SlowWire(latency)
    lifecycle = _lifecycle(settings, rds, table, wire)
    began = time.perf_counter()
    lifecycle.check()
    return Checked(len(refs), time.perf_counter() - began, wire.calls, wire.most_at_once)


def _query(table: SimulatedTable, settings: Settings, at: datetime) -> None:
    for ref in settings.databases:
        key = settings.activity_key_of(ref)
        table.items[key] = {"key": {"S": key}, "value": {"S": format_time(at)}}


def _lifecycle(settings: Settings, rds: SimulatedRds, table: SimulatedTable, wire: SlowWire) -> Lifecycle:
    rds_client: Any = SimulatedClient("rds", rds, wire)
    dynamodb_client: Any = SimulatedClient("dynamodb", table, wire)
    return Lifecycle(settings, Rds(rds_client), MetadataTable(dynamodb_client, settings), None, _clock)


def _clock() -> datetime:
    return NOW


def _database(number: int) -> DatabaseRef:
    return DatabaseRef(Kind.INSTANCE, f"database-{number}")


@contextmanager
def _log_kept_off_the_screen() -> Iterator[None]:
    """The lines are made all the same."""
    [handler] = logger.handlers
    assert isinstance(handler, logging.StreamHandler)
    with redirect_stdout(io.StringIO()) as kept:
        screen = handler.setStream(kept)
        try:
            yield
        finally:
            handler.setStream(screen or sys.stdout)


def chapter(growths: Growths) -> Chapter:
    """The growth as a reader sees it."""
    one = growths.quiet.checks[0]
    figures = [
        Figure("A check with nothing to do, of one database: AWS calls", one.calls, "calls", CALLS),
        Figure("The same: calls that wait for another one", one.calls - one.most_at_once, "calls", 0),
    ]
    for growth in (growths.quiet, growths.stops):
        name = f"A check of {growth.checks[-1].databases} databases, {growth.what}, beside a check of one"
        figures.append(Figure(name, growth.ratio, "×", growth.goal))
    return Chapter(
        "More databases",
        f"One check of the real app with its real threads, on a simulated RDS and table each call of which takes "
        f"{LATENCY * 1000:.0f} ms; medians of {ROUNDS}. boto3's own time for a call is not in it. One by one: a "
        f"check of its own for each database, in a row.",
        (_table(growths),),
        tuple(figures),
    )


def _table(growths: Growths) -> Table:
    rows = []
    for growth in (growths.quiet, growths.stops):
        for checked, how in [*((checked, "") for checked in growth.checks), (growth.one_by_one, ", one by one")]:
            beside_one = checked.seconds / growth.checks[0].seconds
            name = f"{checked.databases}, {growth.what}{how}"
            figures = (f"{checked.calls}", f"{checked.most_at_once}", f"{checked.seconds:.3f}", f"{beside_one:.1f}")
            rows.append((name, *figures))
    return Table(("databases", "AWS calls", "at once, at most", "seconds", "× one database"), tuple(rows))


if __name__ == "__main__":
    show(chapter(measure(print)))
