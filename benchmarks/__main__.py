"""The command behind ``make bench``: measures, says how each figure stands to its goal, and writes the page.

``TRACE=FILE.csv`` replays moments of use of your own, and ``QUICK=1`` measures little of everything: both write to
build/performance instead of docs.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import bill, cold, growth, hours, report, trace, wake, warm
from benchmarks.contenders import contenders
from benchmarks.figures import Chapter
from benchmarks.hours import Hours
from benchmarks.machine import describe_machine
from benchmarks.plot import Bar, draw
from benchmarks.replay import Contender
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


_WHOLE: Final = Effort(wake.CLICKS, cold.ROUNDS, warm.ROUNDS, growth.SIZES)
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
    chapters = _measure(moments, _QUICK if asked.quick else _WHOLE, folder / "images")
    page = folder / "performance.md"
    page.write_text(report.page(chapters, describe_machine(), "make bench"))
    figures = [figure for chapter in chapters for figure in chapter.figures]
    print("", *map(report.line, figures), f"\nWritten to {page.relative_to(ROOT)}.", sep="\n")
    return 0 if all(figure.is_met for figure in figures) else 1


def _measure(moments: trace.Trace, effort: Effort, images: Path) -> list[Chapter]:
    began = time.monotonic()

    def progress(what: str) -> None:
        print(f"{time.monotonic() - began:4.0f} s  {what}", flush=True)

    used = hours.measure(moments, progress)
    draw(_bars(used), images / PICTURE)
    waits = wake.measure(progress, effort.clicks)
    grown = growth.measure(progress, effort.sizes)
    progress("cold starts: make package")
    with contenders() as ring:
        starts = cold.measure(progress, ring, effort.cold_rounds)
        served = warm.measure(progress, ring, effort.warm_rounds)
    [check] = [start for start in starts.starts if start.name == _CHECK]
    cost = bill.CheckCost(
        own_cpu_seconds=served.check.whole,
        cold_seconds=check.app.median,
        reads=2,
        log_bytes=round(served.logged.bytes + served.logged.platform_bytes),
    )
    of_month = {minutes: used.outcomes[app].hours_per_month for minutes, app in _APPS.items()}
    return [
        hours.chapter(used, PICTURE),
        bill.chapter(cost, of_month),
        wake.chapter(waits),
        cold.chapter(starts),
        warm.chapter(served),
        growth.chapter(grown),
    ]


_APPS: Final = {15: Contender.APP_15, 5: Contender.APP_5, 1: Contender.APP_1}


def _bars(used: Hours) -> list[Bar]:
    return [
        Bar(
            contender.value,
            outcome.hours_per_month,
            used.over_needed(contender),
            is_ours=contender in _APPS.values(),
        )
        for contender, outcome in used.outcomes.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
