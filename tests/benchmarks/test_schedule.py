"""Which checks of a sleeping database may be left out of a simulated year: those that change nothing, and no others."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.schedule import Ended, Schedule
from benchmarks.world import DATABASE, TABLE, World
from dev.local.rds_timing import FixedTiming

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RDS = FixedTiming(start_seconds=240, stop_seconds=180)
SIX_DAYS = timedelta(days=6)
CHECKS = 6 * 24 * 4
"""In six days, at one every 15 minutes."""


def checks_of(run: Callable[[World, Ended], None], status: str = "stopped") -> int:
    """How often the function is run in six days."""
    world = World(START, status, lambda _: RDS)
    schedule = Schedule(world, 900, lambda ended: run(world, ended))
    schedule.begin()
    world.advance(START + SIX_DAYS)
    return schedule.runs


def test_checks_that_change_nothing_are_left_out() -> None:
    assert checks_of(lambda _, ended: ended(None)) < 5


def test_checks_of_a_database_that_is_up_are_all_made() -> None:
    assert checks_of(lambda _, ended: ended(None), status="available") == CHECKS


def test_checks_that_write_are_all_made() -> None:
    def write(world: World, ended: Ended) -> None:
        world.table.put_item(TABLE, {"key": {"S": "a key"}})
        ended(None)

    assert checks_of(write) == CHECKS


def test_checks_that_fail_are_all_made_and_each_is_tried_twice_more_by_lambda() -> None:
    assert checks_of(lambda _, ended: ended(RuntimeError("no capacity"))) == pytest.approx(3 * CHECKS, abs=2)


def test_once_somebody_has_started_it_the_checks_come_in_time_again() -> None:
    world = World(START, "stopped", lambda _: RDS)
    up: list[timedelta] = []

    def look(ended: Ended) -> None:
        if world.status == "available":
            up.append(world.scheduler.clock() - START)
        ended(None)

    def start() -> None:
        world.rds.start(DATABASE)

    schedule = Schedule(world, 900, look)
    world.scheduler.call_at(SIX_DAYS.total_seconds(), start)
    world.scheduler.call_at(2 * SIX_DAYS.total_seconds(), world.rds.advance)  # nothing else happens up to then
    schedule.begin()
    world.advance(START + SIX_DAYS + timedelta(hours=3))
    assert up[0] - SIX_DAYS <= timedelta(minutes=19, seconds=20)  # the start, an interval, and its lateness
    assert len(up) >= 11
    assert schedule.runs < 20
