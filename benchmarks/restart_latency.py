"""From click to available, less the time that RDS needs: the app and the baseline pair of Lambdas."""

import statistics
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

from benchmarks.clicks import SHORTAGE_MINUTES, Phase, Wait, click
from benchmarks.real_app import EVENT_SECONDS
from benchmarks.replay import StrategyName
from benchmarks.results import Progress, Result, Section, Table
from benchmarks.users import STATUS_ONLY_SECONDS
from benchmarks.world import START_MINUTES, STOP_MINUTES

CLICKS: Final = 200
"""For each strategy and phase."""
STRATEGIES: Final = (StrategyName.APP_15, StrategyName.APP_1, StrategyName.BASELINE_PAIR)
GOAL_SECONDS: Final = 5.0

_EXPLANATIONS: Final = {
    Phase.STOPPING: (
        "A database cannot be started before it has stopped, and RDS's event is the first sign that it has. The "
        f"simulation assumes that the event arrives after {EVENT_SECONDS[0]:.0f} to {EVENT_SECONDS[1]:.0f} s; the app "
        "then starts the database at once. Checks every minute change little, because they come later than the event."
    ),
    Phase.NO_CAPACITY: (
        "AWS sends no event when it has capacity again. The app tries at every check, and one and three minutes after "
        "a failed check. With checks every minute the wait is shorter, as the table shows. No second click is needed."
    ),
}


@dataclass(frozen=True, slots=True)
class RestartLatencies:
    """The results of all clicks."""

    waits: tuple[Wait, ...]

    def of(self, name: StrategyName, phase: Phase | None = None) -> tuple[Wait, ...]:
        """The clicks of one strategy, in one phase or (None) in all of them."""
        return tuple(w for w in self.waits if w.strategy is name and phase in (None, w.phase))


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds in addition to the time that RDS needs, and the share (0 to 1) of the users who had to click again."""

    clicks: int
    median: float
    p95: float
    worst: float
    repeated: float


def measure(progress: Progress, clicks: int = CLICKS) -> RestartLatencies:
    """This many clicks for each strategy and phase, in two processes; repeatable. Raises RuntimeError."""
    found: dict[tuple[StrategyName, Phase], list[Wait]] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(click_often, c, m, clicks): (c, m) for c in STRATEGIES for m in Phase}
        for job in as_completed(jobs):
            name, phase = jobs[job]
            found[name, phase] = job.result()
            progress(f"click to available, {phase}: {name}")
    return RestartLatencies(tuple(wait for job in jobs.values() for wait in found[job]))


def click_often(name: StrategyName, phase: Phase, clicks: int) -> list[Wait]:
    """Each click in a world of its own. The n-th click of every strategy meets the same RDS."""
    return [click(name, phase, number) for number in range(clicks)]


def spread(waits: Iterable[Wait]) -> Spread:
    """The distribution of at least two clicks."""
    waits = tuple(waits)
    seconds = [wait.added for wait in waits]
    return Spread(
        clicks=len(waits),
        median=statistics.median(seconds),
        p95=statistics.quantiles(seconds, n=20)[-1],
        worst=max(seconds),
        repeated=sum(wait.was_repeated for wait in waits) / len(waits),
    )


def section(latencies: RestartLatencies) -> Section:
    """The distribution by phase and strategy, and the goals."""
    head = ("state at the click", "strategy", "clicks", "median s", "95 % within s", "worst s", "clicked again")
    rows = tuple(_row(phase, c, spread(latencies.of(c, phase))) for phase in (*Phase, None) for c in STRATEGIES)
    return Section(
        title="From click to available",
        method=_method(spread(latencies.of(StrategyName.APP_15, Phase.STOPPED)).clicks),
        tables=(Table(head, rows),),
        results=_results(latencies),
        conclusion=_conclusion(latencies),
    )


def _row(phase: Phase | None, name: StrategyName, found: Spread) -> tuple[str, ...]:
    when = "all states" if phase is None else phase.value
    seconds = (f"{_rounded(value):.2f}" for value in (found.median, found.p95, found.worst))
    return (when, name.value, f"{found.clicks:,}", *seconds, f"{found.repeated:.0%}")


def _rounded(seconds: float) -> float:
    """Rounded to hundredths; a zero has no sign."""
    return round(seconds, 2) + 0.0


def _results(latencies: RestartLatencies) -> tuple[Result, ...]:
    app = StrategyName.APP_15
    medians = [
        Result(f"Median wait in addition to RDS's time, {phase}", found, "s", GOAL_SECONDS, _explanation(phase, found))
        for phase in Phase
        for found in [_rounded(spread(latencies.of(app, phase)).median)]
    ]
    apps = [wait for name in STRATEGIES if name is not StrategyName.BASELINE_PAIR for wait in latencies.of(name)]
    return (
        Result(
            "Median wait in addition to RDS's time, all states",
            _rounded(spread(latencies.of(app)).median),
            "s",
            GOAL_SECONDS,
        ),
        *medians,
        Result("Clicks that had to be repeated", sum(wait.was_repeated for wait in apps), "with the app", 0),
        Result(
            "Clicks that had to be repeated, baseline pair",
            100 * spread(latencies.of(StrategyName.BASELINE_PAIR)).repeated,
            "%",
        ),
    )


def _explanation(phase: Phase, median: float) -> str:
    return _EXPLANATIONS.get(phase, "") if median > GOAL_SECONDS else ""


def _method(clicks: int) -> str:
    start, stop, shortage = (
        f"{shortest:.0f} to {longest:.0f} min" for shortest, longest in (START_MINUTES, STOP_MINUTES, SHORTAGE_MINUTES)
    )
    return (
        f"{clicks:,} clicks for each line, each on a simulated AWS of its own, at a random time: while the database is "
        f"stopped, stopping or starting, or stopped while AWS has no capacity for another {shortage}. A start takes "
        f"RDS {start}, a stop {stop}; the n-th click of every line meets the same durations. The time that RDS needs "
        "is the rest of the stop, of the time without capacity and of the start; the table shows the additional time. "
        "After a response with only a status, or an error, the user clicks again after "
        f"{STATUS_ONLY_SECONDS / 60:.0f} min. After a response that the database will be available, the user waits."
    )


def _conclusion(latencies: RestartLatencies) -> str:
    app, baseline = (spread(latencies.of(name)) for name in (StrategyName.APP_15, StrategyName.BASELINE_PAIR))
    every_15, every_1, repeated = (spread(latencies.of(name, Phase.NO_CAPACITY)).median for name in STRATEGIES)
    return (
        "With the app, one click is enough. With the baseline pair, "
        f"{baseline.repeated:.0%} of the clicks had to be repeated, because it only reports a status. In addition to "
        f"RDS's time, half of all clicks with the app waited less than {app.median:.1f} s. The rest is the wait for "
        "RDS's event if the database was stopping, and for the next attempt if AWS had no capacity: "
        f"{every_15:.0f} s at the default of 15 minutes, {every_1:.0f} s with checks every minute, and "
        f"{repeated:.0f} s with repeated clicks on the baseline pair. If AWS often has no capacity, set "
        "CHECK_INTERVAL_MINUTES to 1."
    )
