"""Months of virtual time: whatever happens, every promise holds."""

import math
import random
from collections import Counter
from collections.abc import Callable

import pytest

from tests.simulation import mutants
from tests.simulation.hunt import hunt, play, read_numbers, shrink, spell_numbers
from tests.simulation.plan import draw_plan
from tests.simulation.promises import Promise

pytestmark = pytest.mark.no_cover

SEEDS = range(300)
CHUNK = 10
DAYS_A_YEAR = 365.25


def test_the_seeds_make_up_sixty_database_years() -> None:
    days = sum(plan.days * len(plan.refs) for plan in map(draw_plan, SEEDS))
    assert days >= 60 * DAYS_A_YEAR


@pytest.mark.parametrize("first", SEEDS[::CHUNK])
def test_no_promise_is_broken(first: int) -> None:
    figures, catches = hunt(range(first, first + CHUNK))
    assert catches == []
    assert figures["seeds"] == CHUNK
    assert figures["starts by the app"] > 0
    assert figures["stops by the app"] > 0


def test_every_kind_of_fault_strikes() -> None:
    figures: Counter[str] = Counter()
    for seed in range(60):
        figures += Counter(type(step).__name__ + getattr(step, "fault", "") for step in draw_plan(seed).steps)
    assert min(figures.values()) > 3
    assert len(figures) >= 20


@pytest.mark.parametrize("seed", [3, 24])
def test_the_same_seed_gives_the_same_run(seed: int) -> None:
    first = play(draw_plan(seed))
    random.seed(99)
    again = play(draw_plan(seed))
    assert first.trace == again.trace
    assert len(first.trace) > 100


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.__name__)
def test_every_deliberate_fault_is_caught(
    mutant: mutants.Mutant, record_property: Callable[[str, object], None]
) -> None:
    first = mutants.FIRST.get(mutant, 0)
    for seed in range(first, first + mutants.SEEDS):
        with mutant():
            violation = play(draw_plan(seed)).violation
        if violation is not None:
            name = mutant.__name__.replace("_", " ")
            record_property("figure", f"hunt: {name}: caught after {seed - first + 1} seeds ({violation.promise})")
            return
    pytest.fail(f"nobody noticed: {mutant.__doc__}")


def test_a_broken_promise_is_told_with_few_steps_that_break_it_again() -> None:
    with mutants.idle_clock_ignores_the_start():
        plan = next(plan for plan in map(draw_plan, SEEDS) if play(plan).violation is not None)
        kept = shrink(plan, seconds=math.inf)
        violation = play(plan, kept).violation
        assert violation is not None
        assert violation.promise is Promise.SAFE
    assert len(kept) <= 2 < len(plan.steps)
    assert play(plan, kept).violation is None, "the app as it is breaks nothing here"


def test_steps_are_named_so_that_they_can_be_typed() -> None:
    assert spell_numbers([3, 8, 9, 10, 12]) == "3,8-10,12"
    assert read_numbers("3,8-10,12") == [3, 8, 9, 10, 12]
    assert read_numbers(spell_numbers([])) == []
