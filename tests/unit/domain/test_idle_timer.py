"""The idle timer: the latest known activity."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.activity import Activity, ActivitySource, LastQuery, NoActivity
from chalicelib.domain.idle_timer import last_activity, runs_from_first_observation
from chalicelib.domain.record import DatabaseRecord
from tests.support import NOW
from tests.unit.domain.examples import YESTERDAY, minutes_ago, observed
from tests.unit.strategies import ITEM_TIMES, RECORDS


@pytest.mark.parametrize(
    ("activity", "record", "minutes", "source"),
    [
        pytest.param(LastQuery(minutes_ago(10)), DatabaseRecord(), 10, ActivitySource.QUERY, id="only a query"),
        pytest.param(
            NoActivity(),
            DatabaseRecord(last_restart_requested_at=minutes_ago(9)),
            9,
            ActivitySource.RESTART,
            id="only a restart request",
        ),
        pytest.param(
            YESTERDAY,
            DatabaseRecord(first_observed_at=minutes_ago(8)),
            8,
            ActivitySource.STARTED,
            id="first observation after the query",
        ),
        pytest.param(
            YESTERDAY,
            DatabaseRecord(first_observed_at=minutes_ago(90), available_since=minutes_ago(7)),
            7,
            ActivitySource.STARTED,
            id="available after the first observation",
        ),
        pytest.param(
            LastQuery(minutes_ago(10)),
            DatabaseRecord(
                last_restart_requested_at=minutes_ago(20), available_since=minutes_ago(15), started_on_request=True
            ),
            10,
            ActivitySource.QUERY,
            id="query after a restart",
        ),
        pytest.param(
            LastQuery(minutes_ago(16)),
            DatabaseRecord(
                last_restart_requested_at=minutes_ago(20), available_since=minutes_ago(15), started_on_request=True
            ),
            15,
            ActivitySource.RESTART,
            id="query before it became available after a restart",
        ),
        pytest.param(
            LastQuery(minutes_ago(30)),
            DatabaseRecord(available_since=minutes_ago(3), started_by_aws=True),
            30,
            ActivitySource.QUERY,
            id="available by an announced start, queried before",
        ),
        pytest.param(
            NoActivity(),
            DatabaseRecord(first_observed_at=minutes_ago(90), available_since=minutes_ago(3), started_by_aws=True),
            90,
            ActivitySource.STARTED,
            id="available by an announced start, never queried",
        ),
        pytest.param(
            YESTERDAY,
            DatabaseRecord(
                last_restart_requested_at=minutes_ago(2), available_since=minutes_ago(3), started_by_aws=True
            ),
            2,
            ActivitySource.RESTART,
            id="restart requested after an announced start",
        ),
    ],
)
def test_last_activity__several_are_known__is_the_latest(
    activity: Activity, record: DatabaseRecord, minutes: float, source: ActivitySource
) -> None:
    last = last_activity(observed("available", activity), record)
    assert last is not None
    assert (last.at, last.source) == (minutes_ago(minutes), source)


def test_last_activity__nothing_is_known__is_none() -> None:
    assert last_activity(observed("available", NoActivity()), DatabaseRecord()) is None


def test_last_activity__query_in_the_same_second_as_a_restart__is_the_query_at_the_later_time() -> None:
    record = DatabaseRecord(last_restart_requested_at=NOW + timedelta(milliseconds=900))
    last = last_activity(observed("available", LastQuery(NOW)), record)
    assert last is not None
    assert (last.at, last.source) == (record.last_restart_requested_at, ActivitySource.QUERY)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(DatabaseRecord(first_observed_at=NOW, available_since=NOW), True, id="observed as available"),
        pytest.param(
            DatabaseRecord(first_observed_at=minutes_ago(5), available_since=NOW), False, id="available afterwards"
        ),
        pytest.param(
            DatabaseRecord(first_observed_at=minutes_ago(5), last_restart_requested_at=NOW), False, id="restarted"
        ),
    ],
)
def test_runs_from_first_observation__several_are_known__is_true_if_that_is_the_latest(
    record: DatabaseRecord, *, expected: bool
) -> None:
    last = last_activity(observed("available", YESTERDAY), record)
    assert last is not None
    assert runs_from_first_observation(last, record) is expected


ACTIVITIES = st.just(NoActivity()) | ITEM_TIMES.map(LastQuery)


@settings(max_examples=300)
@given(RECORDS, ACTIVITIES)
def test_last_activity__any_record__is_never_earlier_than_anything_that_starts_the_timer(
    record: DatabaseRecord, activity: Activity
) -> None:
    starts = [record.first_observed_at, record.last_restart_requested_at]
    if isinstance(activity, LastQuery):
        starts.append(activity.at)
    if not record.started_by_aws:
        starts.append(record.available_since)
    known = [at for at in starts if at is not None]
    last = last_activity(observed("available", activity), record)
    assert (None if last is None else last.at) == max(known, default=None)


@settings(max_examples=300)
@given(RECORDS, ITEM_TIMES)
def test_last_activity__any_activity_item__never_shortens_the_timer(record: DatabaseRecord, at: datetime) -> None:
    without = last_activity(observed("available", NoActivity()), record)
    last = last_activity(observed("available", LastQuery(at)), record)
    assert last is not None
    assert without is None or last.at >= without.at
