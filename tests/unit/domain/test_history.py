"""The history: how long the database was running, stopped, in transition, or not observed."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.history import Period, build_history, days_of, summarize
from chalicelib.domain.model import Event, EventName, State
from tests.support import NOW

HOUR = timedelta(hours=1)
MIDNIGHT = datetime(NOW.year, NOW.month, NOW.day, tzinfo=NOW.tzinfo)


def at(hours: float) -> datetime:
    """This number of hours after midnight of the first day."""
    return MIDNIGHT + hours * HOUR


def event(hours: float, name: EventName, status: str | None, seconds: int | None = None) -> Event:
    return Event(at(hours), name, "ops", "It happened.", status, seconds)


def in_hours(periods: tuple[Period, ...]) -> list[tuple[float, float, str | None]]:
    return [((p.start - MIDNIGHT) / HOUR, (p.end - MIDNIGHT) / HOUR, p.state and p.state.value) for p in periods]


ONE_DAY = (
    event(1, EventName.DAILY_STATUS, "stopped"),
    event(8, EventName.RESTART_REQUESTED, "stopped"),
    event(8, EventName.STARTING, "starting"),
    event(8.5, EventName.AVAILABLE, "available", 1800),
    event(11, EventName.HOLD_ENDED, None),
    event(12, EventName.STOPPING, "stopping"),
    event(12.25, EventName.STOPPED, "stopped"),
)


def test_build_history__one_day__has_a_period_for_each_state() -> None:
    assert in_hours(build_history(ONE_DAY, at(0), at(24)).periods) == [
        (0, 1, None),
        (1, 8, "stopped"),
        (8, 8.5, "starting"),
        (8.5, 12, "running"),
        (12, 12.25, "stopping"),
        (12.25, 24, "stopped"),
    ]


def test_summarize__one_day__counts_starting_and_stopping_as_saved() -> None:
    summary = summarize(build_history(ONE_DAY, at(0), at(24)))
    assert (summary.running, summary.stopped, summary.unobserved) == (3.5 * HOUR, 18.75 * HOUR, HOUR)
    assert summary.saved == 19.5 * HOUR
    assert (summary.starts, summary.start_latency) == (1, timedelta(minutes=30))


def test_build_history__daily_status__is_not_among_the_events() -> None:
    names = [e.name for e in build_history(ONE_DAY, at(0), at(24)).events]
    assert names[:2] == [EventName.RESTART_REQUESTED, EventName.STARTING]


def test_build_history__part_of_a_day__begins_with_the_status_before_it() -> None:
    history = build_history(ONE_DAY, at(9), at(12.1))
    assert [e.name for e in history.events] == [EventName.HOLD_ENDED, EventName.STOPPING]
    assert in_hours(history.periods) == [(9, 12, "running"), (12, 12.1, "stopping")]
    assert summarize(history).starts == 0


def test_build_history__observed_on_the_next_day__status_lasts_through_the_night() -> None:
    history = build_history((*ONE_DAY, event(24.2, EventName.DAILY_STATUS, "stopped")), at(13), at(30))
    assert in_hours(history.periods) == [(13, 30, "stopped")]


def test_build_history__days_without_an_observation__are_unobserved() -> None:
    later = event(4 * 24 + 9, EventName.DAILY_STATUS, "stopped")
    history = build_history((*ONE_DAY, later), at(13), at(4 * 24 + 10))
    assert in_hours(history.periods) == [(13, 24, "stopped"), (24, 105, None), (105, 106, "stopped")]
    assert summarize(history).unobserved == 81 * HOUR


def test_build_history__no_observation_since_yesterday__is_unobserved_until_now() -> None:
    history = build_history(ONE_DAY, at(13), at(60))
    assert in_hours(history.periods) == [(13, 24, "stopped"), (24, 60, None)]


def test_build_history__no_events__is_unobserved_throughout() -> None:
    history = build_history((), at(0), at(24))
    assert in_hours(history.periods) == [(0, 24, None)]
    summary = summarize(history)
    assert (summary.running, summary.saved, summary.starts, summary.start_latency) == (0 * HOUR, 0 * HOUR, 0, None)


@pytest.mark.parametrize(
    ("statuses", "starts"),
    [
        pytest.param(["stopped", "starting", "available"], 1, id="one start"),
        pytest.param(["starting", "backing-up", "available"], 1, id="a backup before it is available"),
        pytest.param(["stopped", "available", "stopping", "stopped", "starting", "available"], 2, id="two starts"),
        pytest.param(["stopped", "starting", "stopped"], 0, id="a start without effect"),
        pytest.param(["stopped", "maintenance", "stopped"], 0, id="maintenance of a stopped database"),
        pytest.param(["available", "backing-up", "available"], 0, id="a backup"),
        pytest.param(["starting", "storage-full", "available"], 0, id="a failure while it starts"),
    ],
)
def test_summarize__sequence_of_statuses__counts_how_often_it_became_available(
    statuses: list[str], starts: int
) -> None:
    events = tuple(event(1 + number, EventName.DAILY_STATUS, status) for number, status in enumerate(statuses))
    assert summarize(build_history(events, at(0), at(24))).starts == starts


def test_days_of__any_span__includes_the_day_before_it() -> None:
    assert days_of(at(9), at(9)) == [date(2026, 3, 1), date(2026, 3, 2)]
    assert len(days_of(at(9), at(9 + 90 * 24))) == 92


STATUSES = st.sampled_from(["stopped", "starting", "available", "stopping", "backing-up", "storage-full", None])
ENTRIES = st.lists(st.tuples(st.integers(-120, 800), st.sampled_from(EventName), STATUSES), max_size=8)
QUARTERS = st.integers(0, 360)


@settings(max_examples=200)
@given(ENTRIES, QUARTERS, QUARTERS)
def test_build_history__any_events__has_no_gaps_and_sums_that_add_up(
    entries: list[tuple[int, EventName, str | None]], begin: int, length: int
) -> None:
    start, end = at(begin / 4), at((begin + length) / 4)
    events = [event(quarters / 4, name, status) for quarters, name, status in sorted(entries, key=lambda e: e[0])]
    history = build_history(events, start, end)
    if start < end:
        assert (history.periods[0].start, history.periods[-1].end) == (start, end)
    assert all(one.end == two.start and one.state is not two.state for one, two in pairwise(history.periods))
    assert all(period.start < period.end for period in history.periods)
    assert all(period.state is None or isinstance(period.state, State) for period in history.periods)
    summary = summarize(history)
    assert summary.running + summary.saved + summary.unobserved == end - start
    assert summary.stopped <= summary.saved
