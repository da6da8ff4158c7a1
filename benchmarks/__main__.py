"""The command behind ``make bench``: measures, compares each result with its goal, and writes the page.

``TRACE=FILE.csv`` replays your own times of use, and ``QUICK=1`` measures less: both write to build/performance instead
of docs.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import bill, cold, growth, hours, report, restart_latency, trace, warm
from benchmarks.hours import Hours
from benchmarks.machine import describe_machine
from benchmarks.plot import Bar, draw
from benchmarks.replay import StrategyName
from benchmarks.results import Section
from benchmarks.subjects import prepare_subjects
from benchmarks.trace import TraceError

ROOT: Final = Path(__file__).parent.parent
IMAGE: Final = "hours.svg"
_CHECK: Final = "check"


@dataclass(frozen=True, slots=True)
class Scope:
    """How much of everything is measured."""

    clicks: int
    cold_rounds: int
    warm_rounds: int
    sizes: tuple[int, ...]


_FULL: Final = Scope(restart_latency.CLICKS, cold.ROUNDS, warm.ROUNDS, growth.SIZES)
_QUICK: Final = Scope(clicks=4, cold_rounds=2, warm_rounds=10, sizes=(1, 4))


def main() -> int:
    """Returns 1 if a goal is missed, 2 if the trace cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trace", default="")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    try:
        times = trace.read_trace(Path(arguments.trace)) if arguments.trace else trace.read_trace()
    except TraceError as error:
        print(error, file=sys.stderr)
        return 2
    writes_to_build = arguments.quick or arguments.trace
    folder = ROOT / ("build/performance" if writes_to_build else "docs")
    sections = _measure(times, _QUICK if arguments.quick else _FULL, folder / "images")
    page = folder / "performance.md"
    page.write_text(report.page(sections, describe_machine(), "make bench"))
    results = [result for section in sections for result in section.results]
    print("", *map(report.line, results), f"\nWritten to {page.relative_to(ROOT)}.", sep="\n")
    return 0 if all(result.is_met for result in results) else 1


def _measure(times: trace.Trace, scope: Scope, images: Path) -> list[Section]:
    began = time.monotonic()

    def progress(what: str) -> None:
        print(f"{time.monotonic() - began:4.0f} s  {what}", flush=True)

    used = hours.measure(times, progress)
    draw(_bars(used), images / IMAGE)
    waits = restart_latency.measure(progress, scope.clicks)
    grown = growth.measure(progress, scope.sizes)
    progress("cold starts: make package")
    with prepare_subjects() as subjects:
        starts = cold.measure(progress, subjects, scope.cold_rounds)
        served = warm.measure(progress, subjects, scope.warm_rounds)
    [check] = [start for start in starts.starts if start.name == _CHECK]
    cost = bill.CheckCost(
        own_cpu_seconds=served.check.whole,
        cold_seconds=check.app.median,
        reads=3,
        log_bytes=round(served.logged.bytes + served.logged.platform_bytes),
    )
    of_month = {minutes: used.outcomes[app].hours_per_month for minutes, app in _APPS.items()}
    return [
        hours.section(used, IMAGE),
        bill.section(cost, of_month),
        restart_latency.section(waits),
        cold.section(starts),
        warm.section(served),
        growth.section(grown),
    ]


_APPS: Final = {15: StrategyName.APP_15, 5: StrategyName.APP_5, 1: StrategyName.APP_1}


def _bars(used: Hours) -> list[Bar]:
    return [
        Bar(
            name.value,
            outcome.hours_per_month,
            used.relative_to_minimum(name),
            is_app=name in _APPS.values(),
        )
        for name, outcome in used.outcomes.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
