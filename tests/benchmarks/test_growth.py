"""The benchmark of growth shows the faults that it is made for."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from benchmarks import growth
from benchmarks.growth import Fleet, Measurement, Sample, SlowTransport
from chalicelib.aws.rds import Rds
from chalicelib.domain.model import Action, DatabaseRef
from tests.simulation.client import Call

SIZE = 8


def test_check__with_nothing_to_do__makes_two_calls_for_any_number_of_databases() -> None:
    for size in (1, SIZE):
        fleet = Fleet(size, idle=False, latency=0.0)
        assert fleet.check(fleet.refs, Action.NONE).calls == 2


def test_check__without_the_expected_action__is_not_measured() -> None:
    fleet = Fleet(1, idle=False, latency=0.0)
    with pytest.raises(AssertionError):
        fleet.check(fleet.refs, Action.STOP)


def test_check__that_describes_one_database_at_a_time__makes_more_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    describe: Callable[..., Any] = Rds.describe

    def one_by_one(self: Rds, refs: Sequence[DatabaseRef]) -> Any:
        return {ref: seen for ref in refs for _, seen in describe(self, [ref]).items()}

    monkeypatch.setattr(Rds, "describe", one_by_one)
    fleet = Fleet(SIZE, idle=False, latency=0.0)
    assert fleet.check(fleet.refs, Action.NONE).calls == SIZE + 1


class PairedTransport(SlowTransport):
    """Carries a call only when another call is waiting as well."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self._both = threading.Barrier(2, timeout=300)

    def __call__(self, call: Call, effect: Callable[[], Any]) -> Any:
        self._both.wait()
        return super().__call__(call, effect)


def test_calls__of_one_check__are_concurrent() -> None:
    fleet = Fleet(1, idle=False, latency=0.0)
    fleet._transport = PairedTransport()
    assert fleet.check(fleet.refs, Action.NONE).calls == 2


def test_section__with_consecutive_calls__misses_the_goal() -> None:
    others = [Sample(100, is_stopping, Measurement(0.1, 2), Measurement(0.1, 200)) for is_stopping in (False, True)]
    for seconds, is_met in ((0.022, True), (0.042, False)):
        one = [
            Sample(1, is_stopping, Measurement(seconds, 2), Measurement(seconds, 2)) for is_stopping in (False, True)
        ]
        [waits, *_] = growth.section([*one, *others]).results
        assert waits.is_met is is_met


def test_section__with_growth_above_the_goal__misses_the_goal() -> None:
    def sample(size: int, seconds: float) -> Sample:
        return Sample(size, False, Measurement(seconds, 2), Measurement(seconds * size, 2 * size))

    stopping = [Sample(size, True, Measurement(0.1, 6), Measurement(0.1, 6)) for size in (1, 100)]
    for seconds, is_met in ((0.11, True), (0.13, False)):
        [_, result, _] = growth.section([sample(1, 0.02), sample(100, seconds), *stopping]).results
        assert result.is_met is is_met
        assert result.value == pytest.approx(seconds / 0.02)
