"""Plays many seeds, and reduces a plan that violates an invariant to the steps that the violation needs.

``make fuzz SEEDS=20000`` plays the seeds 0 to 19,999; ``make fuzz SEED=7`` plays one of them, and ``STEPS=3,8-11`` only
these steps of it.
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

from tests.simulation.plan import Plan, draw_plan
from tests.simulation.report import Report, Violation
from tests.simulation.run import Simulation

_CHUNK: Final = 10
_MAX_PLAYS: Final = 1000
_TRACE_LINES: Final = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """A seed whose plan violates an invariant."""

    seed: int
    violation: Violation


def play(plan: Plan, step_numbers: Sequence[int] | None = None) -> Report:
    """Play the plan, or only these of its steps."""
    steps = plan.steps if step_numbers is None else tuple(plan.steps[number] for number in step_numbers)
    return Simulation(plan).run(steps)


def fuzz(seeds: Iterable[int]) -> tuple[Counter[str], list[Finding]]:
    """Play the seeds one after the other."""
    counters: Counter[str] = Counter()
    findings = []
    for seed in seeds:
        report = play(draw_plan(seed))
        counters += report.counters
        counters["seeds"] += 1
        if report.violation is not None:
            findings.append(Finding(seed, report.violation))
    return counters, findings


def fuzz_in_parallel(seeds: range) -> Iterator[tuple[Counter[str], list[Finding]]]:
    """Play the seeds on all cores. Yields the results of ten seeds at a time."""
    chunks = [seeds[first : first + _CHUNK] for first in range(0, len(seeds), _CHUNK)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(fuzz, chunks)


def shrink(plan: Plan, max_plays: int = _MAX_PLAYS) -> list[int]:
    """The numbers of the fewest steps found that still violate the same invariant.

    Leaves out halves first, then ever smaller parts (Zeller's ddmin), and ends after ``max_plays`` plays.
    """
    wanted = play(plan).violation
    assert wanted is not None
    needed = [number for number, step in enumerate(plan.steps) if step.at <= wanted.at]
    size = max(1, len(needed) // 2)
    first = plays = 0
    while plays < max_plays and needed:
        if first >= len(needed):
            if size == 1:
                break
            size, first = size // 2, 0
        rest = needed[:first] + needed[first + size :]
        plays += 1
        found = play(plan, rest).violation
        if found is not None and found.invariant is wanted.invariant:
            needed, first = rest, 0
        else:
            first += size
    return needed


def format_numbers(numbers: Sequence[int]) -> str:
    """``[3, 8, 9, 10]`` as ``3,8-10``."""
    breaks = [0, *(i for i, (one, two) in enumerate(pairwise(numbers), 1) if two != one + 1), len(numbers)]
    runs = [numbers[first:last] for first, last in pairwise(breaks) if first < last]
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def parse_numbers(text: str) -> list[int]:
    """``3,8-10`` as ``[3, 8, 9, 10]``."""
    numbers: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def print_run(plan: Plan, step_numbers: Sequence[int], lines: int | None = None) -> None:
    """Print the trace, or its last lines, and the command that repeats the run."""
    trace = play(plan, step_numbers).trace
    print("\n".join(trace if lines is None else trace[-lines:]))
    print(f"\nsettings: {plan.refs}, idle {plan.idle_minutes} min, a check every {plan.interval_minutes} min")
    print(f"repeat it: make fuzz SEED={plan.seed} STEPS={format_numbers(step_numbers) or 'none'}")


def print_counters(counters: Counter[str], seconds: float) -> None:
    """Print what happened how often in all seeds."""
    years = counters["database-days"] / 365.25
    print(f"{counters['seeds']} seeds, {years:.1f} database-years, {seconds:.0f} s")
    for name, count in sorted(counters.items()):
        if name not in ("seeds", "database-days"):
            print(f"  {count:>10,}  {name}")


def main() -> None:
    """The command behind ``make fuzz``."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--steps", default="")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        plan = draw_plan(arguments.seed)
        all_steps = range(len(plan.steps))
        print_run(plan, all_steps if not arguments.steps else parse_numbers(arguments.steps.replace("none", "")))
        return
    began, counters, percent = time.monotonic(), Counter[str](), 0
    for chunk, findings in fuzz_in_parallel(range(arguments.first, arguments.first + arguments.seeds)):
        counters += chunk
        for finding in findings:
            print(f"\nseed {finding.seed} violates an invariant: {finding.violation}\nremoving steps …")
            plan = draw_plan(finding.seed)
            print_run(plan, shrink(plan), _TRACE_LINES)
            sys.exit(1)
        if counters["seeds"] * 100 // arguments.seeds > percent:
            percent = counters["seeds"] * 100 // arguments.seeds
            years = counters["database-days"] / 365.25
            print(f"{percent:>3} %  {counters['seeds']} seeds, {years:.0f} database-years", flush=True)
    print_counters(counters, time.monotonic() - began)


if __name__ == "__main__":
    main()
