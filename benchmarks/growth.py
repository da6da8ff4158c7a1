"""One check of many databases, compared with one check for each of them, with AWS calls that take some time."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from benchmarks.results import Progress, Result, Section, Table
from benchmarks.world import discard_output
from chalicelib.bootstrap import build
from chalicelib.domain.model import Action, DatabaseRef, Kind
from chalicelib.service.lifecycle import Lifecycle
from chalicelib.settings import Settings, read_settings
from dev.local.connections import DatabaseConnections
from dev.local.rds_timing import FixedTiming
from tests.simulation.client import Call, SimulatedClient
from tests.simulation.metric import SimulatedMetric
from tests.simulation.rds import SimulatedRds
from tests.simulation.table import SimulatedTable

SIZES: Final = (1, 10, 100)
LATENCY: Final = 0.02
_ROUNDS: Final = 5
_MAX_WAITS: Final = 1
_MAX_GROWTH_IDLE: Final = 6.0
_MAX_GROWTH_STOPPING: Final = 15.0
_NOON: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_TABLE: Final = "system-metadata"


class SlowTransport:
    """Carries concurrent calls with a real delay, and counts them."""

    def __init__(self, seconds: float) -> None:
        self.calls = 0
        self._seconds = seconds
        self._service = threading.Lock()

    def __call__(self, _: Call, effect: Callable[[], Any]) -> Any:
        time.sleep(self._seconds)
        with self._service:
            self.calls += 1
            return effect()


@dataclass(frozen=True, slots=True)
class Measurement:
    """The seconds and AWS calls of one check."""

    seconds: float
    calls: int


@dataclass(frozen=True, slots=True)
class Sample:
    """This many databases: one check of all of them, and one check for each."""

    size: int
    is_stopping: bool
    together: Measurement
    one_by_one: Measurement


class Fleet:
    """Available databases, all in use or all idle, behind clients with latency."""

    def __init__(self, size: int, *, idle: bool, latency: float) -> None:
        self.refs = tuple(DatabaseRef(Kind.INSTANCE, f"db-{number}") for number in range(size))
        self.now = _NOON
        self._transport = SlowTransport(0.0)
        self._rds = SimulatedRds(lambda: self.now, FixedTiming())
        self._table = SimulatedTable(_TABLE, lambda *_: None)
        connections = DatabaseConnections(lambda: self.now, timedelta(0))
        self._metric = SimulatedMetric(connections.datapoints)
        for ref in self.refs:
            self._rds.add(ref, "available")
            connections.set_available(ref)
        self._record_status()
        self.now += timedelta(hours=2)
        if not idle:
            self._report_activity()
            self._record_status()
        self._transport = SlowTransport(latency)

    def check(self, refs: Sequence[DatabaseRef], expected: Action) -> Measurement:
        """One check of these databases. Raises AssertionError if it does not take the expected action."""
        lifecycle = self._lifecycle(refs)
        calls_before, began = self._transport.calls, time.perf_counter()
        results = lifecycle.check()
        measurement = Measurement(time.perf_counter() - began, self._transport.calls - calls_before)
        assert [result.action for result in results] == [expected] * len(refs)
        return measurement

    def _record_status(self) -> None:
        self._lifecycle(self.refs).check()

    def _report_activity(self) -> None:
        settings = _settings(self.refs)
        for ref in self.refs:
            value = f"{self.now:%Y-%m-%dT%H:%M:%SZ}"
            self._table.put_item(_TABLE, {"key": {"S": settings.activity_keys_of(ref)[0]}, "value": {"S": value}})

    def _lifecycle(self, refs: Sequence[DatabaseRef]) -> Lifecycle:
        settings = _settings(refs)
        services = {"rds": self._rds, "dynamodb": self._table, "cloudwatch": self._metric}

        def client(name: str) -> Any:
            return SimulatedClient(name, services[name], self._transport)

        return build(settings, client("rds"), client("dynamodb"), lambda: client("cloudwatch"), lambda: self.now)


def _settings(refs: Sequence[DatabaseRef]) -> Settings:
    return read_settings({"DATABASES": ",".join(ref.id for ref in refs), "METADATA_TABLE": _TABLE})


def measure(progress: Progress, sizes: Sequence[int] = SIZES, latency: float = LATENCY) -> list[Sample]:
    """The medians of some rounds each. This takes about half a minute."""
    samples = []
    for is_stopping in (False, True):
        for size in sizes:
            progress(f"growth: {size} databases, {'everything to stop' if is_stopping else 'nothing to do'}")
            samples.append(_sample(size, latency, is_stopping=is_stopping))
    return samples


def _sample(size: int, latency: float, *, is_stopping: bool) -> Sample:
    expected = Action.STOP if is_stopping else Action.NONE

    def together() -> Measurement:
        fleet = Fleet(size, idle=is_stopping, latency=latency)
        return fleet.check(fleet.refs, expected)

    def one_by_one() -> Measurement:
        fleet = Fleet(size, idle=is_stopping, latency=latency)
        measurements = [fleet.check([ref], expected) for ref in fleet.refs]
        return Measurement(
            sum(measurement.seconds for measurement in measurements),
            sum(measurement.calls for measurement in measurements),
        )

    with discard_output():
        return Sample(size, is_stopping, _median([together() for _ in range(_ROUNDS)]), one_by_one())


def _median(measurements: Sequence[Measurement]) -> Measurement:
    return sorted(measurements, key=lambda measurement: measurement.seconds)[len(measurements) // 2]


def section(samples: Sequence[Sample]) -> Section:
    """The seconds and calls, and the growth from one database to the largest number of them."""
    rows = tuple(
        (
            f"{sample.size}, {'everything to stop' if sample.is_stopping else 'nothing to do'}",
            f"{sample.together.calls}",
            f"{sample.together.seconds:.3f}",
            f"{sample.one_by_one.calls}",
            f"{sample.one_by_one.seconds:.3f}",
        )
        for sample in samples
    )
    head = ("databases", "AWS calls", "seconds", "AWS calls, one by one", "seconds, one by one")
    return Section(
        title="One check of many databases",
        method=(
            f"The app's check on the simulated RDS and table. Every AWS call takes {LATENCY * 1000:.0f} ms of real "
            f"time; medians of {_ROUNDS} checks. *One by one* is one check for each database, one after the other."
        ),
        tables=(Table(head, rows),),
        results=(
            _waits(samples[0]),
            *(_growth(samples, most, is_stopping=is_stopping) for is_stopping, most in _GOALS),
        ),
    )


def _waits(one: Sample) -> Result:
    """Two concurrent calls are one wait; the check's own time is much shorter than a wait."""
    waits = one.together.seconds // LATENCY
    return Result("1 database, nothing to do: consecutive waits for AWS calls", waits, "waits", _MAX_WAITS)


def _growth(samples: Sequence[Sample], most: float, *, is_stopping: bool) -> Result:
    times = {sample.size: sample.together.seconds for sample in samples if sample.is_stopping is is_stopping}
    what = "everything to stop" if is_stopping else "nothing to do"
    return Result(f"{max(times)} databases, {what}", times[max(times)] / times[min(times)], "× the time of one", most)


_GOALS: Final = ((False, _MAX_GROWTH_IDLE), (True, _MAX_GROWTH_STOPPING))
