"""DatabaseConnections: which datapoints there are, and when they are published."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dev.local.connections import RETENTION, DatabaseConnections
from tests.support import ANALYTICS, NOW, PROD, Clock

NO_DELAY = timedelta(0)
HOUR = timedelta(hours=1)


def at(minute: float) -> datetime:
    """That many minutes after the beginning."""
    return NOW + timedelta(minutes=minute)


def published(connections: DatabaseConnections, start: float = 0, end: float = 60) -> dict[float, float]:
    """The datapoints of the database, by minutes since the beginning."""
    found = connections.datapoints(PROD, at(start), at(end))
    assert [moment for moment, _ in found] == sorted((moment for moment, _ in found), reverse=True)
    return {(moment - NOW) / timedelta(minutes=1): value for moment, value in reversed(found)}


Step = tuple[float, Callable[[DatabaseConnections], object]]


def available(connections: DatabaseConnections) -> None:
    connections.set_available(PROD)


def stopped(connections: DatabaseConnections) -> None:
    connections.set_unavailable(PROD)


def opened(number: int | None) -> Callable[[DatabaseConnections], None]:
    return lambda connections: connections.set_connections(PROD, number)


def brief(connections: DatabaseConnections) -> None:
    connections.close(connections.open(PROD))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([], {}, id="never-available"),
        pytest.param([(1.5, available)], {1: 0, 2: 0, 3: 0, 4: 0}, id="without-connections"),
        pytest.param([(0, available), (2, stopped)], {0: 0, 1: 0}, id="stopped-at-the-beginning-of-a-minute"),
        pytest.param([(0, available), (2.1, stopped)], {0: 0, 1: 0, 2: 0}, id="stopped-within-a-minute"),
        pytest.param([(0, available), (1, opened(3))], {0: 0, 1: 3, 2: 3, 3: 3, 4: 3}, id="stays-open"),
        pytest.param(
            [(0, available), (1, opened(3)), (2, opened(1)), (2.5, opened(5)), (3, opened(0))],
            {0: 0, 1: 3, 2: 5, 3: 0, 4: 0},
            id="maximum-of-each-minute",
        ),
        pytest.param([(0, available), (1.2, brief)], {0: 0, 1: 1, 2: 0, 3: 0, 4: 0}, id="shorter-than-a-second"),
        pytest.param([(0, available), (2, brief)], {0: 0, 1: 0, 2: 1, 3: 0, 4: 0}, id="brief-at-the-beginning"),
        pytest.param(
            [(0, available), (0.5, opened(7)), (1.5, stopped), (3.5, available)],
            {0: 7, 1: 7, 3: 0, 4: 0},
            id="a-stop-closes-connections",
        ),
        pytest.param([(0, available), (1, opened(None)), (3, opened(2))], {0: 0, 3: 2, 4: 2}, id="number-not-known"),
        pytest.param([(0, available), (1, stopped), (1.5, opened(4)), (3, available)], {0: 0, 3: 0, 4: 0}, id="late"),
        pytest.param([(0, available), (1, opened(2)), (2, available)], {0: 0, 1: 2, 2: 2, 3: 2, 4: 2}, id="twice"),
    ],
)
def test_datapoints__are_the_maximum_of_each_available_minute(steps: list[Step], expected: dict[float, float]) -> None:
    clock = Clock()
    connections = DatabaseConnections(clock, NO_DELAY)
    for minute, act in steps:
        clock.now = at(minute)
        act(connections)
    clock.now = at(4.5)
    assert published(connections) == expected


def test_datapoints__of_an_unknown_database__are_none() -> None:
    connections = DatabaseConnections(Clock(), NO_DELAY)
    connections.set_connections(ANALYTICS, 3)
    connections.set_unavailable(ANALYTICS)
    assert connections.datapoints(ANALYTICS, NOW - HOUR, NOW + HOUR) == []
    assert connections.databases == []


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param(1, 3, [1, 2], id="whole-minutes"),
        pytest.param(1.9, 3, [1, 2], id="start-is-rounded-down"),
        pytest.param(1, 3.1, [1, 2, 3], id="end-is-exclusive"),
        pytest.param(3, 3, [], id="empty"),
        pytest.param(-500, 2, [0, 1], id="before-the-first"),
        pytest.param(4, 500, [4, 5], id="in-the-future"),
    ],
)
def test_datapoints__between_two_times__are_those_of_cloudwatch(start: float, end: float, expected: list[int]) -> None:
    clock = Clock()
    connections = DatabaseConnections(clock, NO_DELAY)
    connections.set_available(PROD)
    clock.now = at(5.5)
    assert list(published(connections, start, end)) == expected


def test_delay__hides_a_minute_until_it_has_passed() -> None:
    clock = Clock()
    connections = DatabaseConnections(clock, timedelta(seconds=90))
    connections.set_available(PROD)
    connections.set_connections(PROD, 2)
    clock.now = at(1.5) - timedelta(microseconds=1)
    assert published(connections) == {}
    clock.now = at(1.5)
    assert published(connections) == {0: 2}


def test_without_delay__the_current_minute__shows_the_maximum_so_far() -> None:
    clock = Clock(at(0.1))
    connections = DatabaseConnections(clock, NO_DELAY)
    connections.set_available(PROD)
    assert published(connections) == {0: 0}
    connections.set_connections(PROD, 2)
    assert published(connections) == {0: 2}
    clock.now = at(1)
    connections.set_connections(PROD, 1)
    assert published(connections) == {0: 2, 1: 1}


def test_hidden_minutes__are_missing_or_late() -> None:
    clock = Clock()
    connections = DatabaseConnections(clock, NO_DELAY)
    for ref in (PROD, ANALYTICS):
        connections.set_available(ref)
    connections.hide(at(1), at(3))
    connections.hide(at(4), at(5), published_at=at(20), ref=PROD)
    clock.now = at(6)
    assert list(published(connections)) == [0, 3, 5, 6]
    assert len(connections.datapoints(ANALYTICS, at(0), at(7))) == 5
    clock.now = at(20)
    assert list(published(connections, end=7)) == [0, 3, 4, 5, 6]


def test_connections__stay_until_closed_or_until_the_database_stops() -> None:
    clock = Clock()
    connections = DatabaseConnections(clock, NO_DELAY)
    with pytest.raises(ConnectionRefusedError, match=PROD.id):
        connections.open(PROD)
    connections.set_available(PROD)
    first, second = connections.open(PROD), connections.open(PROD)
    clock.now = at(1)
    connections.close(first)
    connections.close(first)
    clock.now = at(2)
    connections.set_unavailable(PROD)
    with pytest.raises(ConnectionRefusedError):
        connections.open(PROD)
    clock.now = at(3)
    connections.set_available(PROD)
    third = connections.open(PROD)
    clock.now = at(4)
    connections.close(second)
    assert published(connections) == {0: 2, 1: 1, 3: 1, 4: 1}, "the second was closed by the stop"
    connections.close(third)
    clock.now = at(5)
    assert published(connections, 5) == {5: 0}


def test_times__of_changes_that_were_carried_out_late__are_used() -> None:
    clock = Clock(at(10))
    connections = DatabaseConnections(clock, NO_DELAY)
    connections.set_available(PROD, at=at(2))
    connections.set_unavailable(PROD, at=at(4))
    assert published(connections, end=9) == {2: 0, 3: 0}


def test_time_that_goes_back__counts_as_the_time_of_the_latest_change() -> None:
    clock = Clock(at(10))
    connections = DatabaseConnections(clock, NO_DELAY)
    connections.set_available(PROD, at=at(2))
    connections.set_unavailable(PROD, at=at(6))
    connections.set_available(PROD, at=at(3), count=5)
    connections.set_unavailable(PROD, at=at(4))
    assert published(connections, 5) == {5: 0, 6: 5}


def test_months_of_changes__cost_no_more_than_the_retention() -> None:
    clock = Clock()
    connections = DatabaseConnections(clock, NO_DELAY)
    connections.set_available(PROD)
    for hour in range(24 * 120):
        clock.now = NOW + hour * HOUR
        connections.set_connections(PROD, hour % 2)
    assert len(connections._databases[PROD].changes) < 3 * RETENTION / HOUR
    everything = connections.datapoints(PROD, NOW, clock.now + HOUR)
    assert everything[-1] == (clock.now - RETENTION, 1.0)
    assert len(everything) == RETENTION / timedelta(minutes=1) + 1


COUNTS = st.one_of(st.none(), st.integers(0, 3))
"""A number of connections, or None where the database is unavailable."""


@given(st.lists(st.tuples(st.integers(0, 90), COUNTS), max_size=12), st.integers(0, 400), st.integers(0, 400))
def test_datapoints__of_any_course__equal_a_count_by_the_second(
    steps: list[tuple[int, int | None]], start: int, end: int
) -> None:
    clock = Clock(datetime(2026, 3, 2, 9, 0, 17, tzinfo=UTC))
    connections = DatabaseConnections(clock, NO_DELAY)
    expected: dict[datetime, float] = {}
    current: int | None = None

    def count() -> None:
        if current is not None:
            minute = clock.now.replace(second=0)
            expected[minute] = max(expected.get(minute, 0), current)

    for seconds, number in steps:
        for _ in range(seconds):
            count()
            clock.advance(seconds=1)
        current = number
        if number is None:
            connections.set_unavailable(PROD)
        else:
            connections.set_available(PROD, count=number)
            connections.set_connections(PROD, number)
        count()
    first, last = NOW + timedelta(seconds=start), NOW + timedelta(seconds=end)
    wanted = {minute: value for minute, value in expected.items() if first.replace(second=0) <= minute < last}
    assert dict(connections.datapoints(PROD, first, last)) == wanted
