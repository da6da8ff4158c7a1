"""Hours billed: a trace of real use, replayed with everybody who could mind the database."""

import math
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from typing import Final

from benchmarks.results import Section, Result, Progress, Table
from benchmarks.users import LOOK_SECONDS, PROMISED_SECONDS, UNPROMISED_SECONDS
from benchmarks.replay import StrategyName, Outcome, replay
from benchmarks.trace import Trace
from benchmarks.world import START_MINUTES, STOP_MINUTES

GOAL_RATIO: Final = 1.01

_APPS: Final = (StrategyName.APP_15, StrategyName.APP_5, StrategyName.APP_1)
_LONGEST_FIRST: Final = tuple(reversed(StrategyName))


@dataclass(frozen=True, slots=True)
class Hours:
    """What came of every name on one trace."""

    trace: Trace
    outcomes: Mapping[StrategyName, Outcome]

    @property
    def bound(self) -> float:
        """Database-hours if it were up from each moment of the trace, at once, and stopped after the idle window."""
        return self.outcomes[StrategyName.BOUND].hours

    def of_always_on(self, name: StrategyName) -> float:
        """The name's hours as a share of those of a database that is never stopped."""
        return self.outcomes[name].hours / self.outcomes[StrategyName.ALWAYS_ON].hours

    def over_bound(self, name: StrategyName) -> float:
        """The name's hours over the bound of the trace."""
        return self.outcomes[name].hours / self.bound

    def over_needed(self, name: StrategyName) -> float:
        """The name's hours over the least for the queries as people could really make them; inf for none."""
        needed = self.outcomes[name].needed_hours
        return self.outcomes[name].hours / needed if needed else math.inf


def measure(trace: Trace, progress: Progress) -> Hours:
    """Replay it with every name, in two processes; the same every time. Raises RuntimeError."""
    found: dict[StrategyName, Outcome] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(replay, name, trace): name for name in _LONGEST_FIRST}
        for job in as_completed(jobs):
            outcome = found[jobs[job]] = job.result()
            progress(f"hours billed, {outcome.name}: {outcome.hours:,.1f} h")
    return Hours(trace, {name: found[name] for name in StrategyName})


def section(hours: Hours, plot: str = "") -> Section:
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
    return Section(
        title="Hours billed",
        method=_method(hours),
        tables=(Table(head, rows),),
        results=_results(hours),
        conclusion=_conclusion(hours),
        plot=plot,
    )


def _row(hours: Hours, outcome: Outcome) -> tuple[str, ...]:
    name = outcome.name
    return (
        name.value,
        f"{outcome.hours:,.1f}",
        f"{hours.of_always_on(name):.1%}",
        f"{hours.over_bound(name):.3f}",
        f"{hours.over_needed(name):.3f}" if outcome.queries else "no query",
        f"{outcome.starts + outcome.starts_by_aws:,}",
        f"{outcome.starts_by_aws:,}",
        f"{outcome.waited / timedelta(minutes=1):,.0f}",
        f"{outcome.clicks:,}",
        f"{outcome.repeated_clicks:,}",
        f"{len(outcome.stops_in_use):,}",
    )


def _results(hours: Hours) -> tuple[Result, ...]:
    apps = [hours.outcomes[name] for name in _APPS]
    plain = hours.outcomes[StrategyName.BASELINE_PAIR]
    every_minute = hours.over_needed(StrategyName.APP_1)
    over = "× the least for its queries"
    return (
        Result("Hours billed, checks every minute", every_minute, over, GOAL_RATIO, _why(every_minute)),
        Result("The same beside the whole trace", hours.over_bound(StrategyName.APP_1), "× the bound", GOAL_RATIO),
        Result("Hours billed, checks every 5 min", hours.over_needed(StrategyName.APP_5), over),
        Result("Hours billed, checks every 15 min", hours.over_needed(StrategyName.APP_15), over),
        Result("Hours billed, plain pair", hours.over_needed(StrategyName.BASELINE_PAIR), over),
        Result("Stops while in use", sum(len(outcome.stops_in_use) for outcome in apps), "of the app's", 0),
        Result("Stops while in use, plain pair", len(plain.stops_in_use), "stops"),
        Result("Clicks in vain", sum(outcome.repeated_clicks for outcome in apps), "of the app's", 0),
        Result("Clicks in vain, plain pair", plain.repeated_clicks, "clicks"),
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
        "*The bound*: up from each moment at once, stopped 60 min after the last query. NullObserver can reach it; but as "
        "nothing is billed while people wait for a start, one may come below it. So each is also compared with *the "
        "least for its queries*: the same, from when people could really query. *Clicks in vain* brought nothing, so "
        "that somebody had to click again. *Stops while in use* came within 60 min of a query, or while somebody "
        "waited. Office hours are Monday to Friday, 8 to 18 o'clock UTC; outside of them people wait for the morning."
    )


def _conclusion(hours: Hours) -> str:
    every_15, every_1 = hours.outcomes[StrategyName.APP_15], hours.outcomes[StrategyName.APP_1]
    office = hours.outcomes[StrategyName.OFFICE_HOURS].hours / every_15.hours
    return (
        f"The database is up for {hours.of_always_on(StrategyName.APP_15):.1%} of the time at the default of 15 minutes, "
        f"for {hours.of_always_on(StrategyName.APP_1):.1%} with a check every minute, which saves "
        f"{every_15.hours_per_month - every_1.hours_per_month:.1f} database-hours a month. Office hours keep it up "
        f"{office:.1f} × as long, and asleep while people work in the evening. The plain pair bills as much as the app "
        "at the same interval, but a click while the database goes down is lost, and it stops a database that has just "
        f"come up where its check comes before the first query: rare here, as people come within {LOOK_SECONDS:.0f} s."
    )
