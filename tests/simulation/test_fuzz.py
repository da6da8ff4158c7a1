"""Months of virtual time with random users and faults: every invariant holds."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from tests.simulation import mutants
from tests.simulation.fuzz import format_numbers, fuzz, parse_numbers, play, shrink
from tests.simulation.plan import draw_plan
from tests.simulation.report import Invariant

pytestmark = pytest.mark.no_cover

SEEDS = range(300)
CHUNK = 10
DAYS_A_YEAR = 365.25


def test_seeds__of_this_test__make_up_sixty_database_years() -> None:
    days = sum(plan.days * len(plan.refs) for plan in map(draw_plan, SEEDS))
    assert days >= 60 * DAYS_A_YEAR


@pytest.mark.parametrize("first", SEEDS[::CHUNK], ids=lambda first: f"from-seed-{first}")
def test_random_plans__with_the_app_as_it_is__violate_no_invariant(first: int) -> None:
    counters, findings = fuzz(range(first, first + CHUNK))
    assert findings == []
    assert counters["seeds"] == CHUNK
    assert counters["starts by the app"] > 0
    assert counters["stops by the app"] > 0


def test_random_plans__of_sixty_seeds__contain_every_kind_of_step_and_fault() -> None:
    counters: Counter[str] = Counter()
    for seed in range(60):
        counters += Counter(type(step).__name__ + getattr(step, "fault", "") for step in draw_plan(seed).steps)
    assert min(counters.values()) > 3
    assert len(counters) >= 20


@pytest.mark.parametrize("seed", [3, 24], ids=["seed-3", "seed-24"])
def test_seed__run_twice__gives_the_same_trace(seed: int) -> None:
    first = play(draw_plan(seed)).trace
    random.seed(99)
    second = play(draw_plan(seed)).trace
    assert first == second
    assert len(first) > 100


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.__name__)
def test_mutant__run_with_random_plans__violates_an_invariant(
    mutant: mutants.Mutant, record_property: Callable[[str, object], None]
) -> None:
    first = mutants.FIRST.get(mutant, 0)
    for seed in range(first, first + mutants.SEEDS):
        with mutant():
            violation = play(draw_plan(seed)).violation
        if violation is not None:
            name = mutant.__name__.replace("_", " ")
            result = f"violates '{violation.invariant}' after {seed - first + 1} seeds from seed {first}"
            record_property("figure", f"mutant: {name}: {result}")
            return
    pytest.fail(f"no invariant was violated: {mutant.__doc__}")


def test_shrink__for_a_plan_with_a_violation__keeps_few_steps_that_violate_the_same_invariant() -> None:
    with mutants.idle_timer_ignores_the_start():
        plan = next(plan for plan in map(draw_plan, SEEDS) if play(plan).violation is not None)
        needed = shrink(plan)
        violation = play(plan, needed).violation
        assert violation is not None
        assert violation.invariant is Invariant.SAFETY
    assert len(needed) <= 2 < len(plan.steps)
    assert play(plan, needed).violation is None, "without the mutant there is no violation"


def test_shrink__after_its_last_play__returns_the_steps_found_so_far() -> None:
    with mutants.idle_timer_ignores_the_start():
        plan = next(plan for plan in map(draw_plan, SEEDS) if play(plan).violation is not None)
        violation = play(plan).violation
        assert violation is not None
        assert shrink(plan, max_plays=0) == [n for n, step in enumerate(plan.steps) if step.at <= violation.at]


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([3, 8, 9, 10, 12], "3,8-10,12"), ([0, 1], "0-1"), ([], "")],
    ids=["runs-and-single-numbers", "one-run", "no-number"],
)
def test_step_numbers__formatted_and_parsed__are_the_same(numbers: list[int], text: str) -> None:
    assert format_numbers(numbers) == text
    assert parse_numbers(text) == numbers
