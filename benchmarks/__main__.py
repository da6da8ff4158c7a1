"""The command behind ``make bench``: measures, says how each result stands to its goal, and writes the page.

``TRACE=FILE.csv`` replays moments of use of your own, and ``QUICK=1`` measures little of everything: both write to
build/performance instead of docs.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import bill, cold, growth, hours, report, restart_latency, trace, warm
from benchmarks.subjects import prepare_subjects
from benchmarks.results import Section
from benchmarks.hours import Hours
from benchmarks.machine import describe_machine
from benchmarks.plot import Bar, draw
from benchmarks.replay import StrategyName
from benchmarks.trace import TraceError

ROOT: Final = Path(__file__).parent.parent
PICTURE: Final = "hours.svg"
_CHECK: Final = "check"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much of everything is measured."""

    clicks: int
    cold_rounds: int
    warm_rounds: int
    sizes: tuple[int, ...]


_WHOLE: Final = Effort(restart_latency.CLICKS, cold.ROUNDS, warm.ROUNDS, growth.SIZES)
_QUICK: Final = Effort(clicks=4, cold_rounds=2, warm_rounds=10, sizes=(1, 4))


def main() -> int:
    """1 where a goal is missed, 2 where the trace cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trace", default="")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    try:
        moments = trace.read_trace(Path(asked.trace)) if asked.trace else trace.read_trace()
    except TraceError as error:
        print(error, file=sys.stderr)
        return 2
    is_own = asked.quick or asked.trace
    folder = ROOT / ("build/performance" if is_own else "docs")
    sections = _measure(moments, _QUICK if asked.quick else _WHOLE, folder / "images")
    page = folder / "performance.md"
    page.write_text(report.page(sections, describe_machine(), "make bench"))
    results = [result for section in sections for result in section.results]
    print("", *map(report.line, results), f"\nWritten to {page.relative_to(ROOT)}.", sep="\n")
    return 0 if all(result.is_met for result in results) else 1


def _measure(moments: trace.Trace, effort: Effort, images: Path) -> list[Section]:
    began = time.monotonic()

    def progress(what: str) -> None:
        print(f"{time.monotonic() - began:4.0f} s  {what}", flush=True)

    used = hours.measure(moments, progress)
    draw(_bars(used), images / PICTURE)
    waits = restart_latency.measure(progress, effort.clicks)
    grown = growth.measure(progress, effort.sizes)
    progress("cold starts: make package")
    with prepare_subjects() as subjects:
        starts = cold.measure(progress, subjects, effort.cold_rounds)
        served = warm.measure(progress, subjects, effort.warm_rounds)
    [check] = [start for start in starts.starts if start.name == _CHECK]
    cost = bill.CheckCost(
        own_cpu_seconds=served.check.whole,
        cold_seconds=check.app.median,
        reads=2,
        log_bytes=round(served.logged.bytes + served.logged.platform_bytes),
    )
    of_month = {minutes: used.outcomes[app].hours_per_month for minutes, app in _APPS.items()}
    return [
        hours.section(used, PICTURE),
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
            used.over_needed(name),
            is_ours=name in _APPS.values(),
        )
        for name, outcome in used.outcomes.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
