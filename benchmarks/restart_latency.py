"""From click to available, beyond what RDS itself needs: the app beside the plain pair of Lambdas."""

import statistics
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

from benchmarks.clicks import SHORTAGE_MINUTES, Phase, Wait, click
from benchmarks.results import Section, Result, Progress, Table
from benchmarks.users import UNPROMISED_SECONDS
from benchmarks.real_app import EVENT_SECONDS
from benchmarks.replay import StrategyName
from benchmarks.world import START_MINUTES, STOP_MINUTES

CLICKS: Final = 200
"""For each name and phase of the cycle."""
STRATEGIES: Final = (StrategyName.APP_15, StrategyName.APP_1, StrategyName.BASELINE_PAIR)
GOAL_SECONDS: Final = 5.0

_EXPLANATIONS: Final = {
    Phase.STOPPING: (
        "Nothing can start a database before it has stopped, and RDS's event is the first to tell that it has. Here "
        f"that is assumed to come after {EVENT_SECONDS[0]:.0f} to {EVENT_SECONDS[1]:.0f} s; the app starts the "
        "database as soon as it is there. Checks every minute change little, as they come later than the event."
    ),
    Phase.NO_CAPACITY: (
        "AWS tells nobody that it has capacity again; the app tries at every check, and a minute and three minutes "
        "after one that failed. Checks every minute bring it down to what the table shows. NullObserver has to click again."
    ),
}


@dataclass(frozen=True, slots=True)
class RestartLatencies:
    """What came of all clicks."""

    waits: tuple[Wait, ...]

    def of(self, name: StrategyName, phase: Phase | None = None) -> tuple[Wait, ...]:
        """Those of one name, in one phase or (None) in all of them."""
        return tuple(w for w in self.waits if w.name is name and phase in (None, w.phase))


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds beyond RDS's own time, and the share (0 to 1) of people who had to click again."""

    clicks: int
    median: float
    p95: float
    worst: float
    again: float


def measure(progress: Progress, clicks: int = CLICKS) -> RestartLatencies:
    """So many clicks for each name and phase, in two processes; the same every time. Raises RuntimeError."""
    found: dict[tuple[StrategyName, Phase], list[Wait]] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(click_often, c, m, clicks): (c, m) for c in STRATEGIES for m in Phase}
        for job in as_completed(jobs):
            name, phase = jobs[job]
            found[name, phase] = job.result()
            progress(f"click to available, {phase}: {name}")
    return RestartLatencies(tuple(wait for job in jobs.values() for wait in found[job]))


def click_often(name: StrategyName, phase: Phase, clicks: int) -> list[Wait]:
    """Each in a world of its own. The n-th click of every name meets the same RDS."""
    return [click(name, phase, number) for number in range(clicks)]


def spread(waits: Iterable[Wait]) -> Spread:
    """The distribution of at least two clicks."""
    waits = tuple(waits)
    seconds = [wait.beyond for wait in waits]
    return Spread(
        clicks=len(waits),
        median=statistics.median(seconds),
        p95=statistics.quantiles(seconds, n=20)[-1],
        worst=max(seconds),
        again=sum(wait.was_repeated for wait in waits) / len(waits),
    )


def section(wakes: RestartLatencies) -> Section:
    """The distribution by phase and name, and the goals."""
    head = ("when somebody clicks", "who answers", "clicks", "median s", "95 % within s", "worst s", "clicked again")
    rows = tuple(_row(phase, c, spread(wakes.of(c, phase))) for phase in (*Phase, None) for c in STRATEGIES)
    return Section(
        title="From click to available",
        method=_method(spread(wakes.of(StrategyName.APP_15, Phase.STOPPED)).clicks),
        tables=(Table(head, rows),),
        results=_results(wakes),
        conclusion=_conclusion(wakes),
    )


def _row(phase: Phase | None, name: StrategyName, found: Spread) -> tuple[str, ...]:
    when = "any of these" if phase is None else phase.value
    seconds = (f"{_rounded(value):.2f}" for value in (found.median, found.p95, found.worst))
    return (when, name.value, f"{found.clicks:,}", *seconds, f"{found.again:.0%}")


def _rounded(seconds: float) -> float:
    """To hundredths, without the sign of a zero."""
    return round(seconds, 2) + 0.0


def _results(wakes: RestartLatencies) -> tuple[Result, ...]:
    app = StrategyName.APP_15
    medians = [
        Result(f"Median wait beyond RDS's own, {phase}", found, "s", GOAL_SECONDS, _explanation(phase, found))
        for phase in Phase
        for found in [_rounded(spread(wakes.of(app, phase)).median)]
    ]
    apps = [wait for name in STRATEGIES if name is not StrategyName.BASELINE_PAIR for wait in wakes.of(name)]
    return (
        Result(
            "Median wait beyond RDS's own, a quarter of the clicks in each",
            _rounded(spread(wakes.of(app)).median),
            "s",
            GOAL_SECONDS,
        ),
        *medians,
        Result("Clicks that had to be repeated", sum(wait.was_repeated for wait in apps), "of the app's", 0),
        Result("Clicks that had to be repeated, plain pair", 100 * spread(wakes.of(StrategyName.BASELINE_PAIR)).again, "%"),
    )


def _explanation(phase: Phase, median: float) -> str:
    return _EXPLANATIONS.get(phase, "") if median > GOAL_SECONDS else ""


def _method(clicks: int) -> str:
    start, stop, room = (
        f"{least:.0f} to {most:.0f} min" for least, most in (START_MINUTES, STOP_MINUTES, SHORTAGE_MINUTES)
    )
    return (
        f"{clicks:,} clicks for each line, each on a simulated AWS of its own, at a random moment: while the database "
        f"is asleep, anywhere on its way down or up, or asleep while AWS has no capacity for another {room}. A start "
        f"takes RDS {start}, a stop {stop}; the n-th click of every line meets the same. RDS's own time is what is "
        "left of the stop, of the time without capacity and of the start; the table shows what comes on top. Whoever "
        f"is told nothing but a status, or gets an error, clicks again after {UNPROMISED_SECONDS / 60:.0f} min; "
        "whoever is told that the database comes up waits for it."
    )


def _conclusion(wakes: RestartLatencies) -> str:
    app, plain = (spread(wakes.of(name)) for name in (StrategyName.APP_15, StrategyName.BASELINE_PAIR))
    every_15, every_1, by_hand = (spread(wakes.of(name, Phase.NO_CAPACITY)).median for name in STRATEGIES)
    return (
        f"One click is enough for the app, while {plain.again:.0%} of those on the plain pair had to be repeated: it "
        "reports a status and forgets. Beyond RDS's own time, half of all clicks on the app waited less than "
        f"{app.median:.1f} s. What is left is waiting for RDS's event where the database was going down, and for the "
        f"next try where AWS had no capacity: {every_15:.0f} s at the default of 15 minutes, {every_1:.0f} s with "
        f"checks every minute, and {by_hand:.0f} s where somebody goes on clicking by hand. Whoever meets that often "
        "sets CHECK_INTERVAL_MINUTES to 1."
    )
