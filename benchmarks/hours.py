"""Hours billed: a trace of real use, replayed with everybody who could mind the database."""

import math
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from typing import Final

from benchmarks.figures import Chapter, Figure, Progress, Table
from benchmarks.people import LOOK_SECONDS, PROMISED_SECONDS, UNPROMISED_SECONDS
from benchmarks.replay import Contender, Outcome, replay
from benchmarks.trace import Trace
from benchmarks.world import START_MINUTES, STOP_MINUTES

GOAL_RATIO: Final = 1.01

_APPS: Final = (Contender.APP_15, Contender.APP_5, Contender.APP_1)
_LONGEST_FIRST: Final = tuple(reversed(Contender))


@dataclass(frozen=True, slots=True)
class Hours:
    """What came of every contender on one trace."""

    trace: Trace
    outcomes: Mapping[Contender, Outcome]

    @property
    def bound(self) -> float:
        """Database-hours if it were up from each moment of the trace, at once, and stopped after the idle window."""
        return self.outcomes[Contender.BOUND].hours

    def of_always_on(self, contender: Contender) -> float:
        """The contender's hours as a share of those of a database that is never stopped."""
        return self.outcomes[contender].hours / self.outcomes[Contender.ALWAYS_ON].hours

    def over_bound(self, contender: Contender) -> float:
        """The contender's hours over the bound of the trace."""
        return self.outcomes[contender].hours / self.bound

    def over_needed(self, contender: Contender) -> float:
        """The contender's hours over the least for the queries as people could really make them; inf for none."""
        needed = self.outcomes[contender].needed_hours
        return self.outcomes[contender].hours / needed if needed else math.inf


def measure(trace: Trace, progress: Progress) -> Hours:
    """Replay it with every contender, in two processes; the same every time. Raises RuntimeError."""
    found: dict[Contender, Outcome] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(replay, contender, trace): contender for contender in _LONGEST_FIRST}
        for job in as_completed(jobs):
            outcome = found[jobs[job]] = job.result()
            progress(f"hours billed, {outcome.contender}: {outcome.hours:,.1f} h")
    return Hours(trace, {contender: found[contender] for contender in Contender})


def chapter(hours: Hours, plot: str = "") -> Chapter:
    """Everybody beside the bound, and the goals. ``plot`` is the name of their picture in docs/images."""
    head = (
        "who minds the database",
        "database-hours",
        "of always on",
        "× the bound",
        "× the least for its queries",
        "starts",
        "of them AWS's own",
        "minutes waited",
        "clicks",
        "clicks in vain",
        "stops while in use",
    )
    rows = tuple(_row(hours, outcome) for outcome in hours.outcomes.values())
    return Chapter(
        title="Hours billed",
        method=_method(hours),
        tables=(Table(head, rows),),
        figures=_figures(hours),
        meaning=_meaning(hours),
        plot=plot,
    )


def _row(hours: Hours, outcome: Outcome) -> tuple[str, ...]:
    contender = outcome.contender
    return (
        contender.value,
        f"{outcome.hours:,.1f}",
        f"{hours.of_always_on(contender):.1%}",
        f"{hours.over_bound(contender):.3f}",
        f"{hours.over_needed(contender):.3f}" if outcome.queries else "no query",
        f"{outcome.starts + outcome.starts_by_aws:,}",
        f"{outcome.starts_by_aws:,}",
        f"{outcome.waited / timedelta(minutes=1):,.0f}",
        f"{outcome.clicks:,}",
        f"{outcome.clicks_in_vain:,}",
        f"{len(outcome.early_stops):,}",
    )


def _figures(hours: Hours) -> tuple[Figure, ...]:
    apps = [hours.outcomes[contender] for contender in _APPS]
    plain = hours.outcomes[Contender.PLAIN_PAIR]
    every_minute = hours.over_needed(Contender.APP_1)
    over = "× the least for its queries"
    return (
        Figure("Hours billed, checks every minute", every_minute, over, GOAL_RATIO, _why(every_minute)),
        Figure("The same beside the whole trace", hours.over_bound(Contender.APP_1), "× the bound", GOAL_RATIO),
        Figure("Hours billed, checks every 5 min", hours.over_needed(Contender.APP_5), over),
        Figure("Hours billed, checks every 15 min", hours.over_needed(Contender.APP_15), over),
        Figure("Hours billed, plain pair", hours.over_needed(Contender.PLAIN_PAIR), over),
        Figure("Stops while in use", sum(len(outcome.early_stops) for outcome in apps), "of the app's", 0),
        Figure("Stops while in use, plain pair", len(plain.early_stops), "stops"),
        Figure("Clicks in vain", sum(outcome.clicks_in_vain for outcome in apps), "of the app's", 0),
        Figure("Clicks in vain, plain pair", plain.clicks_in_vain, "clicks"),
    )


def _why(ratio: float) -> str:
    if ratio <= GOAL_RATIO:
        return ""
    return (
        "On this trace a database is up for so short a time that half a minute until the next check, and the seconds "
        "from coming up to the first query, weigh more than that."
    )


def _method(hours: Hours) -> str:
    first, last = hours.trace[0], hours.trace[-1]
    return (
        f"{len(hours.trace):,} moments of use from {first:%B %Y} to {last:%B %Y} are lived through in virtual time: by "
        "the app itself, function by function, and by the others, each on a simulated AWS in fair weather. Somebody "
        f"needs the database at each moment. Where it is down, they click, look again every {LOOK_SECONDS:.0f} s, and "
        "query it once it is up; the backend reports that. Whoever is told nothing but a status clicks again after "
        f"{UNPROMISED_SECONDS / 60:.0f} min, whoever is told that it comes up, after {PROMISED_SECONDS / 60:.0f}. A "
        f"start takes RDS {START_MINUTES[0]:.0f} to {START_MINUTES[1]:.0f} min, a stop {STOP_MINUTES[0]:.0f} to "
        f"{STOP_MINUTES[1]:.0f}: the same for all after the same moment of the trace. AWS starts what has been stopped "
        "for seven days. Billed is the time in which it is available. Checks come up to 20 s late. Once a check of a "
        "sleeping database has changed nothing, those up to the next thing that happens are left out; a test shows "
        "that this changes nothing.\n\n"
        "*The bound*: up from each moment at once, stopped 60 min after the last query. Nobody can reach it; but as "
        "nothing is billed while people wait for a start, one may come below it. So each is also compared with *the "
        "least for its queries*: the same, from when people could really query. *Clicks in vain* brought nothing, so "
        "that somebody had to click again. *Stops while in use* came within 60 min of a query, or while somebody "
        "waited. Office hours are Monday to Friday, 8 to 18 o'clock UTC; outside of them people wait for the morning."
    )


def _meaning(hours: Hours) -> str:
    every_15, every_1 = hours.outcomes[Contender.APP_15], hours.outcomes[Contender.APP_1]
    office = hours.outcomes[Contender.OFFICE_HOURS].hours / every_15.hours
    return (
        f"The database is up for {hours.of_always_on(Contender.APP_15):.1%} of the time at the default of 15 minutes, "
        f"for {hours.of_always_on(Contender.APP_1):.1%} with a check every minute, which saves "
        f"{every_15.hours_per_month - every_1.hours_per_month:.1f} database-hours a month. Office hours keep it up "
        f"{office:.1f} × as long, and asleep while people work in the evening. The plain pair bills as much as the app "
        "at the same interval, but a click while the database goes down is lost, and it stops a database that has just "
        f"come up where its check comes before the first query: rare here, as people come within {LOOK_SECONDS:.0f} s."
    )
