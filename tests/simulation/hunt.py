"""The hunt for a broken promise: many seeds, and the shortest list of steps that still breaks it.

``make hunt SEEDS=20000`` plays the seeds 0 to 19,999; ``make hunt SEED=7`` one of them, ``STEPS=3,8-11`` only these of
its steps.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tests.simulation.judge import Violation
from tests.simulation.plan import Plan, draw_plan
from tests.simulation.run import Result, Simulation

_CHUNK: Final = 10
_SHRINK_SECONDS: Final = 120.0
_LINES: Final = 60


@dataclass(frozen=True, slots=True)
class Catch:
    """A seed that breaks a promise."""

    seed: int
    violation: Violation


def play(plan: Plan, kept: Sequence[int] | None = None) -> Result:
    """One run; of these steps only, if any are named."""
    steps = plan.steps if kept is None else tuple(plan.steps[number] for number in kept)
    return Simulation(plan).run(steps)


def hunt(seeds: Iterable[int]) -> tuple[Counter[str], list[Catch]]:
    """Play the seeds one after the other."""
    figures: Counter[str] = Counter()
    catches = []
    for seed in seeds:
        result = play(draw_plan(seed))
        figures += result.figures
        figures["seeds"] += 1
        if result.violation is not None:
            catches.append(Catch(seed, result.violation))
    return figures, catches


def hunt_on_all_cores(seeds: range) -> Iterator[tuple[Counter[str], list[Catch]]]:
    """Play the seeds on every core, a handful at a time, and give what came of each handful."""
    chunks = [seeds[first : first + _CHUNK] for first in range(0, len(seeds), _CHUNK)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(hunt, chunks)


def shrink(plan: Plan, seconds: float = _SHRINK_SECONDS) -> list[int]:
    """The numbers of the fewest steps found that still break the same promise.

    Leaves out halves first, then ever smaller parts (Zeller's ddmin).
    """
    give_up = time.monotonic() + seconds
    wanted = play(plan).violation
    assert wanted is not None
    kept = [number for number, step in enumerate(plan.steps) if step.at <= wanted.at]
    size = max(1, len(kept) // 2)
    while time.monotonic() < give_up:
        smaller = _leave_out(plan, kept, size, wanted, give_up)
        if smaller is not None:
            kept = smaller
        elif size == 1:
            break
        else:
            size = max(1, size // 2)
    return kept


def _leave_out(plan: Plan, kept: list[int], size: int, wanted: Violation, give_up: float) -> list[int] | None:
    for first in range(0, len(kept), size):
        rest = kept[:first] + kept[first + size :]
        found = play(plan, rest).violation
        if found is not None and found.promise is wanted.promise:
            return rest
        if time.monotonic() > give_up:
            return None
    return None


def spell_numbers(numbers: Sequence[int]) -> str:
    """``[3, 8, 9, 10]`` as ``3,8-10``."""
    breaks = [0, *(i for i, (one, two) in enumerate(pairwise(numbers), 1) if two != one + 1), len(numbers)]
    runs = [numbers[first:last] for first, last in pairwise(breaks) if first < last]
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def read_numbers(text: str) -> list[int]:
    """The other way round."""
    numbers: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def tell(plan: Plan, kept: Sequence[int], lines: int | None = None) -> None:
    """What happened (at last, if only so many lines are wanted), and how to see it again."""
    trace = play(plan, kept).trace
    print("\n".join(trace if lines is None else trace[-lines:]))
    print(f"\nsettings: {plan.refs}, idle {plan.idle_minutes} min, a check every {plan.interval_minutes} min")
    print(f"again: make hunt SEED={plan.seed} STEPS={spell_numbers(kept) or 'none'}")


def show_figures(figures: Counter[str], seconds: float) -> None:
    """The figures of a hunt, for people."""
    years = figures["database-days"] / 365.25
    print(f"{figures['seeds']} seeds, {years:.1f} database-years, {seconds:.0f} s")
    for name, count in sorted(figures.items()):
        if name not in ("seeds", "database-days"):
            print(f"  {count:>10,}  {name}")


def main() -> None:
    """The command behind ``make hunt``."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--steps", default="")
    asked = parser.parse_args()
    if asked.seed is not None:
        plan = draw_plan(asked.seed)
        kept = range(len(plan.steps)) if not asked.steps else read_numbers(asked.steps.replace("none", ""))
        tell(plan, kept)
        return
    began, figures, done = time.monotonic(), Counter[str](), 0
    for some, catches in hunt_on_all_cores(range(asked.first, asked.first + asked.seeds)):
        figures += some
        for catch in catches:
            print(f"\nseed {catch.seed} breaks a promise: {catch.violation}\nleaving out steps …")
            plan = draw_plan(catch.seed)
            tell(plan, shrink(plan), _LINES)
            sys.exit(1)
        if figures["seeds"] * 100 // asked.seeds > done:
            done = figures["seeds"] * 100 // asked.seeds
            print(
                f"{done:>3} %  {figures['seeds']} seeds, {figures['database-days'] / 365.25:.0f} database-years",
                flush=True,
            )
    show_figures(figures, time.monotonic() - began)


if __name__ == "__main__":
    main()
