"""From click to available, beyond what RDS itself needs: the app beside the plain pair of Lambdas."""

import statistics
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

from benchmarks.clicks import ROOM_MINUTES, Moment, Wait, click
from benchmarks.figures import Chapter, Figure, Progress, Table
from benchmarks.minders import EVENT_SECONDS
from benchmarks.people import UNPROMISED_SECONDS
from benchmarks.replay import Contender
from benchmarks.world import START_MINUTES, STOP_MINUTES

CLICKS: Final = 200
"""For each contender and moment."""
CONTENDERS: Final = (Contender.APP_15, Contender.APP_1, Contender.PLAIN_PAIR)
GOAL_SECONDS: Final = 5.0

_REMARKS: Final = {
    Moment.STOPPING: (
        "Nothing can start a database before it has stopped, and RDS's event is the first to tell that it has. Here "
        f"that is assumed to come after {EVENT_SECONDS[0]:.0f} to {EVENT_SECONDS[1]:.0f} s; the app starts the "
        "database as soon as it is there. Checks every minute change little, as they come later than the event."
    ),
    Moment.NO_ROOM: (
        "AWS tells nobody that it has capacity again; the app tries at every check, and a minute and three minutes "
        "after one that failed. Checks every minute bring it down to what the table shows. Nobody has to click again."
    ),
}


@dataclass(frozen=True, slots=True)
class Wakes:
    """What came of all clicks."""

    waits: tuple[Wait, ...]

    def of(self, contender: Contender, moment: Moment | None = None) -> tuple[Wait, ...]:
        """Those of one contender, at one kind of moment or (None) at all of them."""
        return tuple(w for w in self.waits if w.contender is contender and moment in (None, w.moment))


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds beyond RDS's own time, and the share (0 to 1) of people who had to click again."""

    clicks: int
    median: float
    p95: float
    worst: float
    again: float


def measure(progress: Progress, clicks: int = CLICKS) -> Wakes:
    """So many clicks for each contender and moment, in two processes; the same every time. Raises RuntimeError."""
    found: dict[tuple[Contender, Moment], list[Wait]] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(click_often, c, m, clicks): (c, m) for c in CONTENDERS for m in Moment}
        for job in as_completed(jobs):
            contender, moment = jobs[job]
            found[contender, moment] = job.result()
            progress(f"click to available, {moment}: {contender}")
    return Wakes(tuple(wait for job in jobs.values() for wait in found[job]))


def click_often(contender: Contender, moment: Moment, clicks: int) -> list[Wait]:
    """Each in a world of its own. The n-th click of every contender meets the same RDS."""
    return [click(contender, moment, number) for number in range(clicks)]


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
    """The distribution by moment and contender, and the goals."""
    head = ("when somebody clicks", "who answers", "clicks", "median s", "95 % within s", "worst s", "clicked again")
    rows = tuple(_row(moment, c, spread(wakes.of(c, moment))) for moment in (*Moment, None) for c in CONTENDERS)
    return Chapter(
        title="From click to available",
        method=_method(spread(wakes.of(Contender.APP_15, Moment.ASLEEP)).clicks),
        tables=(Table(head, rows),),
        figures=_figures(wakes),
    )


def _row(moment: Moment | None, contender: Contender, found: Spread) -> tuple[str, ...]:
    when = "any of these" if moment is None else moment.value
    seconds = (f"{_rounded(value):.2f}" for value in (found.median, found.p95, found.worst))
    return (when, contender.value, f"{found.clicks:,}", *seconds, f"{found.again:.0%}")


def _rounded(seconds: float) -> float:
    """To hundredths, without the sign of a zero."""
    return round(seconds, 2) + 0.0


def _figures(wakes: Wakes) -> tuple[Figure, ...]:
    app = Contender.APP_15
    medians = [
        Figure(f"Median wait beyond RDS's own, {moment}", found, "s", GOAL_SECONDS, _remark(moment, found))
        for moment in Moment
        for found in [_rounded(spread(wakes.of(app, moment)).median)]
    ]
    apps = [wait for contender in CONTENDERS if contender is not Contender.PLAIN_PAIR for wait in wakes.of(contender)]
    return (
        Figure("Median wait beyond RDS's own, all clicks", _rounded(spread(wakes.of(app)).median), "s", GOAL_SECONDS),
        *medians,
        Figure("Clicks that had to be repeated", sum(wait.needed_again for wait in apps), "of the app's", 0),
        Figure("Clicks that had to be repeated, plain pair", 100 * spread(wakes.of(Contender.PLAIN_PAIR)).again, "%"),
    )


def _remark(moment: Moment, median: float) -> str:
    return _REMARKS.get(moment, "") if median > GOAL_SECONDS else ""


def _method(clicks: int) -> str:
    start, stop, room = (
        f"{least:.0f} to {most:.0f} min" for least, most in (START_MINUTES, STOP_MINUTES, ROOM_MINUTES)
    )
    return (
        f"{clicks:,} clicks for each line, each on a simulated AWS of its own, at a random moment: while the database "
        f"is asleep, anywhere on its way down or up, or asleep while AWS has no capacity for another {room}. A start "
        f"takes RDS {start}, a stop {stop}; the n-th click of every line meets the same. RDS's own time is what is left "
        "of the stop, of the time without capacity and of the start; the table shows what comes on top. Whoever is "
        f"told nothing but a status, or gets an error, clicks again after {UNPROMISED_SECONDS / 60:.0f} min; whoever is "
        "told that the database comes up waits for it."
    )
