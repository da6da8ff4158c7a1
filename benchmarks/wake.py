"""From click to available, beyond what RDS itself needs: the app beside the plain pair of Lambdas."""

import statistics
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

from benchmarks.clicks import ROOM_MINUTES, Phase, Wait, click
from benchmarks.figures import Chapter, Figure, Progress, Table
from benchmarks.people import UNPROMISED_SECONDS
from benchmarks.real_app import EVENT_SECONDS
from benchmarks.replay import Contender
from benchmarks.world import START_MINUTES, STOP_MINUTES

CLICKS: Final = 200
"""For each contender and phase of the cycle."""
CONTENDERS: Final = (Contender.APP_15, Contender.APP_1, Contender.PLAIN_PAIR)
GOAL_SECONDS: Final = 5.0

_REMARKS: Final = {
    Phase.STOPPING: (
        "Nothing can start a database before it has stopped, and RDS's event is the first to tell that it has. Here "
        f"that is assumed to come after {EVENT_SECONDS[0]:.0f} to {EVENT_SECONDS[1]:.0f} s; the app starts the "
        "database as soon as it is there. Checks every minute change little, as they come later than the event."
    ),
    Phase.NO_ROOM: (
        "AWS tells nobody that it has capacity again; the app tries at every check, and a minute and three minutes "
        "after one that failed. Checks every minute bring it down to what the table shows. Nobody has to click again."
    ),
}


@dataclass(frozen=True, slots=True)
class Wakes:
    """What came of all clicks."""

    waits: tuple[Wait, ...]

    def of(self, contender: Contender, phase: Phase | None = None) -> tuple[Wait, ...]:
        """Those of one contender, in one phase or (None) in all of them."""
        return tuple(w for w in self.waits if w.contender is contender and phase in (None, w.phase))


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds beyond RDS's own time, and the share (0 to 1) of people who had to click again."""

    clicks: int
    median: float
    p95: float
    worst: float
    again: float


def measure(progress: Progress, clicks: int = CLICKS) -> Wakes:
    """So many clicks for each contender and phase, in two processes; the same every time. Raises RuntimeError."""
    found: dict[tuple[Contender, Phase], list[Wait]] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(click_often, c, m, clicks): (c, m) for c in CONTENDERS for m in Phase}
        for job in as_completed(jobs):
            contender, phase = jobs[job]
            found[contender, phase] = job.result()
            progress(f"click to available, {phase}: {contender}")
    return Wakes(tuple(wait for job in jobs.values() for wait in found[job]))


def click_often(contender: Contender, phase: Phase, clicks: int) -> list[Wait]:
    """Each in a world of its own. The n-th click of every contender meets the same RDS."""
    return [click(contender, phase, number) for number in range(clicks)]


def spread(waits: Iterable[Wait]) -> Spread:
    """The distribution of at least two clicks."""
    waits = tuple(waits)
    seconds = [wait.beyond for wait in waits]
    return Spread(
        clicks=len(waits),
        median=statistics.median(seconds),
        p95=statistics.quantiles(seconds, n=20)[-1],
        worst=max(seconds),
        again=sum(wait.needed_again for wait in waits) / len(waits),
    )


def chapter(wakes: Wakes) -> Chapter:
    """The distribution by phase and contender, and the goals."""
    head = ("when somebody clicks", "who answers", "clicks", "median s", "95 % within s", "worst s", "clicked again")
    rows = tuple(_row(phase, c, spread(wakes.of(c, phase))) for phase in (*Phase, None) for c in CONTENDERS)
    return Chapter(
        title="From click to available",
        method=_method(spread(wakes.of(Contender.APP_15, Phase.ASLEEP)).clicks),
        tables=(Table(head, rows),),
        figures=_figures(wakes),
        meaning=_meaning(wakes),
    )


def _row(phase: Phase | None, contender: Contender, found: Spread) -> tuple[str, ...]:
    when = "any of these" if phase is None else phase.value
    seconds = (f"{_rounded(value):.2f}" for value in (found.median, found.p95, found.worst))
    return (when, contender.value, f"{found.clicks:,}", *seconds, f"{found.again:.0%}")


def _rounded(seconds: float) -> float:
    """To hundredths, without the sign of a zero."""
    return round(seconds, 2) + 0.0


def _figures(wakes: Wakes) -> tuple[Figure, ...]:
    app = Contender.APP_15
    medians = [
        Figure(f"Median wait beyond RDS's own, {phase}", found, "s", GOAL_SECONDS, _remark(phase, found))
        for phase in Phase
        for found in [_rounded(spread(wakes.of(app, phase)).median)]
    ]
    apps = [wait for contender in CONTENDERS if contender is not Contender.PLAIN_PAIR for wait in wakes.of(contender)]
    return (
        Figure(
            "Median wait beyond RDS's own, a quarter of the clicks in each",
            _rounded(spread(wakes.of(app)).median),
            "s",
            GOAL_SECONDS,
        ),
        *medians,
        Figure("Clicks that had to be repeated", sum(wait.needed_again for wait in apps), "of the app's", 0),
        Figure("Clicks that had to be repeated, plain pair", 100 * spread(wakes.of(Contender.PLAIN_PAIR)).again, "%"),
    )


def _remark(phase: Phase, median: float) -> str:
    return _REMARKS.get(phase, "") if median > GOAL_SECONDS else ""


def _method(clicks: int) -> str:
    start, stop, room = (
        f"{least:.0f} to {most:.0f} min" for least, most in (START_MINUTES, STOP_MINUTES, ROOM_MINUTES)
    )
    return (
        f"{clicks:,} clicks for each line, each on a simulated AWS of its own, at a random moment: while the database "
        f"is asleep, anywhere on its way down or up, or asleep while AWS has no capacity for another {room}. A start "
        f"takes RDS {start}, a stop {stop}; the n-th click of every line meets the same. RDS's own time is what is "
        "left of the stop, of the time without capacity and of the start; the table shows what comes on top. Whoever "
        f"is told nothing but a status, or gets an error, clicks again after {UNPROMISED_SECONDS / 60:.0f} min; "
        "whoever is told that the database comes up waits for it."
    )


def _meaning(wakes: Wakes) -> str:
    app, plain = (spread(wakes.of(contender)) for contender in (Contender.APP_15, Contender.PLAIN_PAIR))
    every_15, every_1, by_hand = (spread(wakes.of(contender, Phase.NO_ROOM)).median for contender in CONTENDERS)
    return (
        f"One click is enough for the app, while {plain.again:.0%} of those on the plain pair had to be repeated: it "
        "reports a status and forgets. Beyond RDS's own time, half of all clicks on the app waited less than "
        f"{app.median:.1f} s. What is left is waiting for RDS's event where the database was going down, and for the "
        f"next try where AWS had no capacity: {every_15:.0f} s at the default of 15 minutes, {every_1:.0f} s with "
        f"checks every minute, and {by_hand:.0f} s where somebody goes on clicking by hand. Whoever meets that often "
        "sets CHECK_INTERVAL_MINUTES to 1."
    )
