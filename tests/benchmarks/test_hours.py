"""Hours billed on a trace that is short enough to calculate by hand, and faults that the benchmark has to show."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks import hours
from benchmarks.baseline_pair import BaselinePair
from benchmarks.real_app import App
from benchmarks.replay import Outcome, StrategyName, make_strategy, replay, replay_with
from benchmarks.results import Result
from benchmarks.strategies import Strategy
from benchmarks.world import World
from dev.local.rds_timing import FixedTiming

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
MORNING = (MONDAY + timedelta(hours=9), MONDAY + timedelta(hours=9, minutes=30))
"""A user needs the database at 9:00 and at 9:30."""
UNTIL_EVENING = (*MORNING, MONDAY + timedelta(hours=17, minutes=30), MONDAY + timedelta(hours=20))
TWELVE_DAYS = (*MORNING, MONDAY + timedelta(days=1, hours=9, minutes=3), MONDAY + timedelta(days=11, hours=12))
RDS = FixedTiming(start_seconds=240, stop_seconds=180)

FIRST_QUERY = 9 + 4 / 60
"""At 9:04, when the start of 9:00 is complete."""
MAX_DELAY = 20 / 3600


def run(name: StrategyName, trace: tuple[datetime, ...] = MORNING) -> Outcome:
    return replay_with(name, lambda world: make_strategy(name, world), trace, RDS)


def test_always_on__is_billed_for_every_hour_and_no_user_waits() -> None:
    outcome = run(StrategyName.ALWAYS_ON)
    assert outcome.hours == pytest.approx(4.5)  # from an hour before the first moment to three after the last
    assert (outcome.starts, outcome.waited, outcome.clicks) == (0, timedelta(0), 0)
    assert outcome.queries == MORNING


def test_office_hours__with_users_in_the_evening__are_billed_completely_and_stop_in_use() -> None:
    outcome = run(StrategyName.OFFICE_HOURS, UNTIL_EVENING)
    assert outcome.hours == pytest.approx(10 - 4 / 60)  # 8:00 to 18:00, less the start
    assert outcome.stops_in_use == (MONDAY + timedelta(hours=18),)
    assert outcome.waited == timedelta(hours=3)  # the user of 20:00 still waits at the end
    assert (outcome.starts, outcome.clicks) == (1, 0)


def test_lower_bound__ends_one_hour_after_the_last_query() -> None:
    outcome = replay(StrategyName.BOUND, MORNING)
    assert outcome.hours == pytest.approx(1.5)
    assert outcome.starts == 1


@pytest.mark.parametrize(
    ("name", "interval"),
    [(StrategyName.BASELINE_PAIR, 15), (StrategyName.APP_15, 15), (StrategyName.APP_5, 5), (StrategyName.APP_1, 1)],
)
def test_strategy_with_checks__is_billed_until_the_first_check_after_the_idle_timeout(
    name: StrategyName, interval: int
) -> None:
    outcome = run(name)
    least = 10.5 - FIRST_QUERY
    assert least - 1 / 3600 <= outcome.hours <= least + interval / 60 + MAX_DELAY
    assert outcome.waited == timedelta(
        minutes=4, seconds=5
    )  # users check every 5 s, and the call takes some milliseconds
    assert outcome.needed_hours == pytest.approx(10.5 - FIRST_QUERY, abs=6 / 3600)
    assert (outcome.starts, outcome.clicks, outcome.repeated_clicks, outcome.stops_in_use) == (1, 1, 0, ())


def test_cumulated_hours__end_with_the_billed_hours() -> None:
    outcome = run(StrategyName.APP_1)
    points = outcome.cumulated()
    assert points[0] == (MORNING[0] - timedelta(hours=1), 0.0)
    assert points[-1][1] == pytest.approx(outcome.hours)
    assert list(points) == sorted(points)


def test_start_by_aws__after_seven_days__is_followed_by_a_stop() -> None:
    outcome = run(StrategyName.APP_15, TWELVE_DAYS)
    by_aws = next(span for span in outcome.available if span.start > MONDAY + timedelta(days=7))
    assert outcome.starts_by_aws == 1
    assert by_aws.length <= timedelta(seconds=25)  # the event arrives within 20 s


@pytest.mark.parametrize("name", [StrategyName.APP_5, StrategyName.BASELINE_PAIR])
def test_skipped_checks__of_a_stopped_database__do_not_change_the_result(name: StrategyName) -> None:
    every, some = (replay_with(name, make_with(name, skip_checks=skip), TWELVE_DAYS) for skip in (False, True))
    assert some.checks < every.checks / 5
    assert replace(some, checks=0) == replace(every, checks=0)


def make_with(name: StrategyName, *, skip_checks: bool) -> Callable[[World], Strategy]:
    return lambda world: make_strategy(name, world, skip_checks=skip_checks)


def test_replay__of_the_same_trace__gives_the_same_outcome() -> None:
    assert replay(StrategyName.APP_5, TWELVE_DAYS) == replay(StrategyName.APP_5, TWELVE_DAYS)
    assert replay(StrategyName.BASELINE_PAIR, TWELVE_DAYS) == replay(StrategyName.BASELINE_PAIR, TWELVE_DAYS)


def results(**instead: Outcome) -> dict[str, Result]:
    """The results of the short trace, with some outcomes replaced."""
    outcomes = {name: replay(name, MORNING) for name in StrategyName}
    outcomes |= {StrategyName[name]: outcome for name, outcome in instead.items()}
    return {result.name: result for result in hours.section(hours.Hours(MORNING, outcomes)).results}


def test_results__with_checks_that_are_too_rare__miss_the_goal() -> None:
    late = replay_with(StrategyName.APP_1, lambda world: App(world, 15), MORNING)
    in_time, delayed = results(), results(APP_1=late)
    name = "Hours billed, checks every minute"
    assert delayed[name].value > in_time[name].value * 1.05
    assert not delayed[name].is_met
    assert delayed[name].explanation


def test_results__with_stops_in_use__count_them_and_miss_the_goal() -> None:
    def make_early(world: World) -> Strategy:
        pair = BaselinePair(world)
        vars(pair._stop)["IDLE"] = timedelta(minutes=2)
        return pair

    early = replay_with(StrategyName.APP_15, make_early, MORNING, RDS)
    assert len(early.stops_in_use) == 2
    assert early.starts == 2
    assert results(APP_15=early)["Stops while in use"].value == 2
    assert not results(APP_15=early)["Stops while in use"].is_met
    assert results()["Stops while in use"].is_met


def test_measure__replays_every_strategy_and_reports_its_progress() -> None:
    progress: list[str] = []
    found = hours.measure(MORNING, progress.append)
    assert list(found.outcomes) == list(StrategyName)
    assert found.outcomes[StrategyName.APP_1] == replay(StrategyName.APP_1, MORNING)
    assert len(progress) == len(StrategyName)
    [table] = hours.section(found).tables
    assert [row[0] for row in table.rows] == list(StrategyName)
    assert {len(row) for row in table.rows} == {len(table.head)}


def test_section__of_a_trace_outside_office_hours__has_a_row_without_queries() -> None:
    saturday = (MONDAY + timedelta(days=5, hours=20),)
    outcomes = {name: replay(name, saturday) for name in StrategyName}
    assert outcomes[StrategyName.OFFICE_HOURS].queries == ()
    [table] = hours.section(hours.Hours(saturday, outcomes)).tables
    assert "no query" in table.rows[list(StrategyName).index(StrategyName.OFFICE_HOURS)]
