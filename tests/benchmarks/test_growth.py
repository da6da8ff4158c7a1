"""The benchmark of growth sees what it is there to see."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from benchmarks import growth
from benchmarks.growth import Effort, Fleet, Sample
from chalicelib.aws.rds import Rds
from chalicelib.domain.model import Action, DatabaseRef

SIZE = 8


def test_a_check_with_nothing_to_do_takes_two_calls_however_many_there_are() -> None:
    for size in (1, SIZE):
        fleet = Fleet(size, idle=False, latency=0.0)
        assert fleet.check(fleet.refs, Action.NONE).calls == 2


def test_what_was_not_done_is_not_measured() -> None:
    fleet = Fleet(1, idle=False, latency=0.0)
    with pytest.raises(AssertionError):
        fleet.check(fleet.refs, Action.STOP)


def test_a_check_that_looks_at_one_after_the_other_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    look: Callable[..., Any] = Rds.describe

    def one_by_one(self: Rds, refs: Sequence[DatabaseRef]) -> Any:
        return {ref: seen for ref in refs for _, seen in look(self, [ref]).items()}

    monkeypatch.setattr(Rds, "describe", one_by_one)
    fleet = Fleet(SIZE, idle=False, latency=0.0)
    assert fleet.check(fleet.refs, Action.NONE).calls == SIZE + 1


def test_the_calls_of_one_check_are_made_side_by_side() -> None:
    latency = 2.0
    fleet = Fleet(1, idle=False, latency=latency)
    effort = fleet.check(fleet.refs, Action.NONE)
    assert effort.calls == 2
    assert effort.seconds < 2 * latency


def test_calls_made_one_after_the_other_show_up() -> None:
    others = [Sample(100, is_stopping, Effort(0.1, 2), Effort(0.1, 200)) for is_stopping in (False, True)]
    for seconds, is_met in ((0.022, True), (0.042, False)):
        one = [Sample(1, is_stopping, Effort(seconds, 2), Effort(seconds, 2)) for is_stopping in (False, True)]
        [waits, *_] = growth.section([*one, *others]).results
        assert waits.is_met is is_met


def test_growth_beyond_the_goal_is_missed() -> None:
    def sample(size: int, seconds: float) -> Sample:
        return Sample(size, False, Effort(seconds, 2), Effort(seconds * size, 2 * size))

    stopping = [Sample(size, True, Effort(0.1, 6), Effort(0.1, 6)) for size in (1, 100)]
    for seconds, is_met in ((0.11, True), (0.13, False)):
        [_, result, _] = growth.section([sample(1, 0.02), sample(100, seconds), *stopping]).results
        assert result.is_met is is_met
        assert result.value == pytest.approx(seconds / 0.02)
