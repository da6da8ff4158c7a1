"""The schedule leaves out checks of a stopped database that change nothing, and no others."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.schedule import OnEnd, Schedule
from benchmarks.world import DATABASE, TABLE, World
from dev.local.rds_timing import FixedTiming

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RDS = FixedTiming(start_seconds=240, stop_seconds=180)
SIX_DAYS = timedelta(days=6)
CHECKS = 6 * 24 * 4
"""In six days, at one every 15 minutes."""


def checks_of(run: Callable[[World, OnEnd], None], status: str = "stopped") -> int:
    """How often the function runs in six days."""
    world = World(START, status, lambda _: RDS)
    schedule = Schedule(world, 900, lambda on_end: run(world, on_end))
    schedule.begin()
    world.advance(START + SIX_DAYS)
    return schedule.runs


def test_schedule__with_checks_that_change_nothing__skips_most() -> None:
    assert checks_of(lambda _, on_end: on_end(None)) < 5


def test_schedule__of_an_available_database__skips_no_check() -> None:
    assert checks_of(lambda _, on_end: on_end(None), status="available") == CHECKS


def test_schedule__with_checks_that_write__skips_no_check() -> None:
    def write(world: World, on_end: OnEnd) -> None:
        world.table.put_item(TABLE, {"key": {"S": "a key"}})
        on_end(None)

    assert checks_of(write) == CHECKS


def test_schedule__with_checks_that_fail__skips_none_and_retries_each_twice() -> None:
    assert checks_of(lambda _, on_end: on_end(RuntimeError("no capacity"))) == pytest.approx(3 * CHECKS, abs=2)


def test_schedule__after_a_start_in_the_console__checks_regularly_again() -> None:
    world = World(START, "stopped", lambda _: RDS)
    available: list[timedelta] = []

    def check(on_end: OnEnd) -> None:
        if world.status == "available":
            available.append(world.scheduler.clock() - START)
        on_end(None)

    def start() -> None:
        world.rds.start(DATABASE)

    schedule = Schedule(world, 900, check)
    world.scheduler.call_at(SIX_DAYS.total_seconds(), start)
    world.scheduler.call_at(2 * SIX_DAYS.total_seconds(), world.rds.advance)  # nothing else happens before
    schedule.begin()
    world.advance(START + SIX_DAYS + timedelta(hours=3))
    assert available[0] - SIX_DAYS <= timedelta(
        minutes=19, seconds=20
    )  # the start, an interval, and the delay of the schedule
    assert len(available) >= 11
    assert schedule.runs < 20
