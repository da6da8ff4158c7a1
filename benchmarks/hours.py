"""Hours billed: a trace of real use, replayed with every strategy."""

import math
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from typing import Final

from benchmarks.replay import Outcome, StrategyName, replay
from benchmarks.results import Progress, Result, Section, Table
from benchmarks.trace import Trace
from benchmarks.users import ACCEPTED_SECONDS, POLL_SECONDS, STATUS_ONLY_SECONDS
from benchmarks.world import START_MINUTES, STOP_MINUTES

GOAL_RATIO: Final = 1.01

_APPS: Final = (StrategyName.APP_15, StrategyName.APP_5, StrategyName.APP_1)
_LONGEST_FIRST: Final = tuple(reversed(StrategyName))


@dataclass(frozen=True, slots=True)
class Hours:
    """The results of every strategy on one trace."""

    trace: Trace
    outcomes: Mapping[StrategyName, Outcome]

    @property
    def bound(self) -> float:
        """Database-hours if the database were available at once when needed, and stopped after the idle timeout."""
        return self.outcomes[StrategyName.BOUND].hours

    def relative_to_always_on(self, name: StrategyName) -> float:
        """The hours as a share of those of a database that is never stopped."""
        return self.outcomes[name].hours / self.outcomes[StrategyName.ALWAYS_ON].hours

    def relative_to_bound(self, name: StrategyName) -> float:
        """The hours, divided by the lower bound of the trace."""
        return self.outcomes[name].hours / self.bound

    def relative_to_minimum(self, name: StrategyName) -> float:
        """The hours, divided by the minimum for the actual queries; infinity without queries."""
        needed = self.outcomes[name].needed_hours
        return self.outcomes[name].hours / needed if needed else math.inf


def measure(trace: Trace, progress: Progress) -> Hours:
    """Replay the trace with every strategy, in two processes; the results are repeatable. Raises RuntimeError."""
    found: dict[StrategyName, Outcome] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(replay, name, trace): name for name in _LONGEST_FIRST}
        for job in as_completed(jobs):
            outcome = found[jobs[job]] = job.result()
            progress(f"hours billed, {outcome.strategy}: {outcome.hours:,.1f} h")
    return Hours(trace, {name: found[name] for name in StrategyName})


def section(hours: Hours, plot: str = "") -> Section:
    """All strategies compared with the lower bound, and the goals. ``plot`` is the name of the image in docs/images."""
    head = (
        "strategy",
        "database-hours",
        "relative to always on",
        "× the lower bound",
        "× the minimum for its queries",
        "starts",
        "of them by AWS",
        "minutes waited",
        "clicks",
        "clicks without effect",
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
    name = outcome.strategy
    return (
        name.value,
        f"{outcome.hours:,.1f}",
        f"{hours.relative_to_always_on(name):.1%}",
        f"{hours.relative_to_bound(name):.3f}",
        f"{hours.relative_to_minimum(name):.3f}" if outcome.queries else "no query",
        f"{outcome.starts + outcome.starts_by_aws:,}",
        f"{outcome.starts_by_aws:,}",
        f"{outcome.waited / timedelta(minutes=1):,.0f}",
        f"{outcome.clicks:,}",
        f"{outcome.repeated_clicks:,}",
        f"{len(outcome.stops_in_use):,}",
    )


def _results(hours: Hours) -> tuple[Result, ...]:
    apps = [hours.outcomes[name] for name in _APPS]
    baseline = hours.outcomes[StrategyName.BASELINE_PAIR]
    every_minute = hours.relative_to_minimum(StrategyName.APP_1)
    unit = "× the minimum for its queries"
    return (
        Result("Hours billed, checks every minute", every_minute, unit, GOAL_RATIO, _why(every_minute)),
        Result(
            "Hours billed, checks every minute, whole trace",
            hours.relative_to_bound(StrategyName.APP_1),
            "× the lower bound",
            GOAL_RATIO,
        ),
        Result("Hours billed, checks every 5 min", hours.relative_to_minimum(StrategyName.APP_5), unit),
        Result("Hours billed, checks every 15 min", hours.relative_to_minimum(StrategyName.APP_15), unit),
        Result("Hours billed, baseline pair", hours.relative_to_minimum(StrategyName.BASELINE_PAIR), unit),
        Result("Stops while in use", sum(len(outcome.stops_in_use) for outcome in apps), "with the app", 0),
        Result("Stops while in use, baseline pair", len(baseline.stops_in_use), "stops"),
        Result("Clicks without effect", sum(outcome.repeated_clicks for outcome in apps), "with the app", 0),
        Result("Clicks without effect, baseline pair", baseline.repeated_clicks, "clicks"),
    )


def _why(ratio: float) -> str:
    if ratio <= GOAL_RATIO:
        return ""
    return (
        "On this trace the database is available for short times only. Half a minute until the next check, and the "
        "seconds from available to the first query, are more than the goal allows."
    )


def _method(hours: Hours) -> str:
    first, last = hours.trace[0], hours.trace[-1]
    return (
        f"{len(hours.trace):,} times of use from {first:%B %Y} to {last:%B %Y} are replayed in virtual time: by the "
        "app, function by function, and by the other strategies, each on a simulated AWS without faults. At each of "
        "these times a user needs the database. If it is not available, the user clicks the restart button, checks "
        f"every {POLL_SECONDS:.0f} s, and queries the database as soon as it is available; the backend reports the "
        "query. After a response with only a status the user clicks again after "
        f"{STATUS_ONLY_SECONDS / 60:.0f} min, and after a response that the database will be available, after "
        f"{ACCEPTED_SECONDS / 60:.0f} min. A start takes RDS {START_MINUTES[0]:.0f} to {START_MINUTES[1]:.0f} min, and "
        f"a stop {STOP_MINUTES[0]:.0f} to {STOP_MINUTES[1]:.0f} min; the durations after the same time of the trace "
        "are the same for all strategies. AWS starts a database that has been stopped for seven days. The time in "
        "which the database is available is billed. Checks are up to 20 s late. After a check of a stopped database "
        "that changed nothing, checks are left out until something else happens; a test shows that this does not "
        "change the results.\n\n"
        "*The lower bound*: the database is available at once at each time of the trace, and stopped 60 min after the "
        "last query. No strategy can do this. But nothing is billed while users wait for a start, so a strategy can be "
        "below the bound. Each strategy is therefore also compared with *the minimum for its queries*: the same, for "
        "the times at which users could query. *Clicks without effect* had to be repeated. *Stops while in use* came "
        "within 60 min of a query, or while a user waited. Office hours are Monday to Friday, 8:00 to 18:00 UTC; at "
        "other times users wait for the next morning of a working day."
    )


def _conclusion(hours: Hours) -> str:
    every_15, every_1 = hours.outcomes[StrategyName.APP_15], hours.outcomes[StrategyName.APP_1]
    office = hours.outcomes[StrategyName.OFFICE_HOURS].hours / every_15.hours
    return (
        f"The database is available for {hours.relative_to_always_on(StrategyName.APP_15):.1%} of the time at the "
        f"default of 15 minutes, and for {hours.relative_to_always_on(StrategyName.APP_1):.1%} with a check every "
        f"minute, which saves {every_15.hours_per_month - every_1.hours_per_month:.1f} database-hours a month. With "
        f"office hours it is available {office:.1f} × as long, and stopped while users work in the evening. The "
        "baseline pair is billed as much as the app at the same interval. But it loses a click while the database is "
        "stopping, and it stops a database that has just become available if its check comes before the first query. "
        f"This is rare here, because users query within {POLL_SECONDS:.0f} s."
    )
