"""What a history tells: how long the database was up, down, on the move, or not observed."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.history import Period, days_of, summarize, tell
from chalicelib.domain.model import Event, EventName, State
from tests.support import NOW

HOUR = timedelta(hours=1)
MIDNIGHT = datetime(NOW.year, NOW.month, NOW.day, tzinfo=NOW.tzinfo)


def at(hours: float) -> datetime:
    """So many hours after midnight of the first day."""
    return MIDNIGHT + hours * HOUR


def event(hours: float, name: EventName, status: str | None, seconds: int | None = None) -> Event:
    return Event(at(hours), name, "ops", "It happened.", status, seconds)


def spelled(periods: tuple[Period, ...]) -> list[tuple[float, float, str | None]]:
    return [((p.start - MIDNIGHT) / HOUR, (p.end - MIDNIGHT) / HOUR, p.state and p.state.value) for p in periods]


A_DAY = (
    event(1, EventName.DAILY_STATUS, "stopped"),
    event(8, EventName.RESTART_REQUESTED, "stopped"),
    event(8, EventName.STARTING, "starting"),
    event(8.5, EventName.AVAILABLE, "available", 1800),
    event(11, EventName.HOLD_ENDED, None),
    event(12, EventName.STOPPING, "stopping"),
    event(12.25, EventName.STOPPED, "stopped"),
)


def test_a_day_in_periods_and_sums() -> None:
    told = tell(A_DAY, at(0), at(24))
    assert spelled(told.periods) == [
        (0, 1, None),
        (1, 8, "stopped"),
        (8, 8.5, "starting"),
        (8.5, 12, "running"),
        (12, 12.25, "stopping"),
        (12.25, 24, "stopped"),
    ]
    summary = summarize(told)
    assert (summary.running, summary.stopped) == (3.5 * HOUR, 18.75 * HOUR)
    assert summary.saved == 19.5 * HOUR, "AWS bills nothing while it starts and stops"
    assert summary.unobserved == HOUR
    assert (summary.starts, summary.start_latency) == (1, timedelta(minutes=30))


def test_what_merely_says_how_it_stood_is_no_event() -> None:
    assert [e.name for e in tell(A_DAY, at(0), at(24)).events][:2] == [EventName.RESTART_REQUESTED, EventName.STARTING]


def test_only_what_lies_within_is_told_but_what_came_before_says_how_it_began() -> None:
    told = tell(A_DAY, at(9), at(12.1))
    assert [e.name for e in told.events] == [EventName.HOLD_ENDED, EventName.STOPPING]
    assert spelled(told.periods) == [(9, 12, "running"), (12, 12.1, "stopping")]
    assert summarize(told).starts == 0


def test_a_night_lasts_until_the_first_look_of_the_next_day() -> None:
    told = tell((*A_DAY, event(24.2, EventName.DAILY_STATUS, "stopped")), at(13), at(30))
    assert spelled(told.periods) == [(13, 30, "stopped")]


def test_days_without_a_look_are_not_observed_rather_than_asleep() -> None:
    later = event(4 * 24 + 9, EventName.DAILY_STATUS, "stopped")
    told = tell((*A_DAY, later), at(13), at(4 * 24 + 10))
    assert spelled(told.periods) == [(13, 24, "stopped"), (24, 105, None), (105, 106, "stopped")]
    assert summarize(told).unobserved == 81 * HOUR


def test_an_app_that_was_switched_off_knows_nothing_of_today() -> None:
    assert spelled(tell(A_DAY, at(13), at(60)).periods) == [(13, 24, "stopped"), (24, 60, None)]


def test_without_any_entry_nothing_is_known() -> None:
    told = tell((), at(0), at(24))
    assert spelled(told.periods) == [(0, 24, None)]
    summary = summarize(told)
    assert (summary.running, summary.saved, summary.starts, summary.start_latency) == (0 * HOUR, 0 * HOUR, 0, None)


@pytest.mark.parametrize(
    ("statuses", "starts"),
    [
        (["stopped", "starting", "available"], 1),
        (["starting", "backing-up", "available"], 1),
        (["stopped", "available", "stopping", "stopped", "starting", "available"], 2),
        (["stopped", "starting", "stopped"], 0),
        (["stopped", "maintenance", "stopped"], 0),
        (["available", "backing-up", "available"], 0),
        (["starting", "storage-full", "available"], 0),
    ],
)
def test_how_often_it_came_up(statuses: list[str], starts: int) -> None:
    events = tuple(event(1 + number, EventName.DAILY_STATUS, status) for number, status in enumerate(statuses))
    assert summarize(tell(events, at(0), at(24))).starts == starts


def test_the_days_to_be_read() -> None:
    assert days_of(at(9), at(9)) == [date(2026, 3, 1), date(2026, 3, 2)]
    assert len(days_of(at(9), at(9 + 90 * 24))) == 92


statuses = st.sampled_from(["stopped", "starting", "available", "stopping", "backing-up", "storage-full", None])
entries = st.lists(st.tuples(st.floats(-30, 200), st.sampled_from(EventName), statuses), max_size=30)


@given(entries, st.floats(0, 90), st.floats(0, 90))
def test_periods_leave_no_gap_and_sums_add_up(
    drawn: list[tuple[float, EventName, str | None]], begin: float, length: float
) -> None:
    start, end = at(begin), at(begin + length)
    told = tell(sorted((event(*entry) for entry in drawn), key=lambda e: e.at), start, end)
    if start < end:
        assert (told.periods[0].start, told.periods[-1].end) == (start, end)
    assert all(one.end == two.start and one.state is not two.state for one, two in pairwise(told.periods))
    assert all(period.start < period.end for period in told.periods)
    summary = summarize(told)
    assert summary.running + summary.saved + summary.unobserved == end - start
    assert summary.stopped <= summary.saved
    assert all(period.state is None or isinstance(period.state, State) for period in told.periods)
