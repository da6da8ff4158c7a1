"""The activity item, on moto and on the simulated AWS."""

from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.activity import Activity, InvalidActivity, LastQuery
from chalicelib.domain.errors import WriteConflict
from tests.support import NOW, PROD, MakeWorld, World, before_call, failing

ITEM = {"TableName": "system-metadata", "Key": {"key": {"S": "last_rds_query_time"}}}


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    world = make_world()
    world.calls.clear()
    return world


def read_activity(world: World) -> Activity:
    return world.table.read([PROD])[PROD][1]


@pytest.mark.parametrize(
    ("value", "activity"),
    [
        pytest.param({"S": "2026-03-02T09:00:00"}, LastQuery(NOW), id="no offset"),
        pytest.param({"S": "2026-03-02T09:00:00Z"}, LastQuery(NOW), id="Z"),
        pytest.param({"S": "2026-03-02T10:00:00+01:00"}, LastQuery(NOW), id="offset"),
        pytest.param({"N": "1772442000"}, LastQuery(NOW), id="epoch seconds"),
        pytest.param({"S": "1772442000"}, LastQuery(NOW), id="epoch seconds as text"),
        pytest.param({"M": {"S": {"S": "2026-03-02T09:00:00Z"}}}, LastQuery(NOW), id="map of a type"),
        pytest.param({"S": "garbage"}, InvalidActivity("it is text, but not an ISO 8601 time"), id="other text"),
        pytest.param({"BOOL": True}, InvalidActivity("it is true or false, not a time"), id="boolean"),
        pytest.param({"L": []}, InvalidActivity("it is neither text nor a number"), id="list"),
        pytest.param({"NULL": True}, InvalidActivity("it has no value"), id="null"),
    ],
)
def test_read__activity_item_of_any_type__is_a_time_or_invalid(
    world: World, value: dict[str, Any], activity: Any
) -> None:
    world.put_activity_item(value)
    assert read_activity(world) == activity


def test_activity__item_without_a_value__is_invalid_until_reported(world: World) -> None:
    world.dynamodb.put_item(TableName="system-metadata", Item={"key": {"S": "last_rds_query_time"}})
    assert read_activity(world) == InvalidActivity("it has no value")
    assert world.table.report_activity(PROD, NOW) == LastQuery(NOW)


def test_report_activity__earlier_time__keeps_the_later_one(world: World) -> None:
    later = NOW + timedelta(minutes=3)
    world.report_query(later)
    assert world.table.report_activity(PROD, NOW) == LastQuery(later)
    assert read_activity(world) == LastQuery(later)


def test_report_activity__fraction_of_a_second__is_rounded_up(world: World) -> None:
    reported = world.table.report_activity(PROD, NOW + timedelta(milliseconds=900))
    assert reported == LastQuery(NOW + timedelta(seconds=1)) == read_activity(world)


def test_report_activity__item_with_other_attributes__keeps_them(world: World) -> None:
    before = {"key": {"S": "last_rds_query_time"}, "value": {"N": "1772438400"}, "by": {"S": "backend"}}
    world.dynamodb.put_item(TableName="system-metadata", Item=before)
    world.table.report_activity(PROD, NOW.astimezone(UTC))
    assert world.dynamodb.get_item(**ITEM)["Item"] == {**before, "value": {"S": "2026-03-02T09:00:00Z"}}


def test_report_activity__another_writer_in_between__keeps_the_later_time(world: World) -> None:
    later = NOW + timedelta(seconds=30)
    with before_call(world.dynamodb, "UpdateItem", lambda: world.report_query(later)):
        assert world.table.report_activity(PROD, NOW) == LastQuery(later)


def test_report_activity__endless_conflicts__is_a_write_conflict(world: World) -> None:
    with (
        failing(world.dynamodb, "UpdateItem", "ConditionalCheckFailedException") as attempts,
        pytest.raises(WriteConflict, match="Too many clients report activity"),
    ):
        world.table.report_activity(PROD, NOW)
    assert len(attempts) == 8


@settings(max_examples=8)
@given(seconds=st.lists(st.integers(-600, 600), min_size=1, max_size=6))
def test_report_activity__in_any_order__keeps_the_latest(world: World, seconds: list[int]) -> None:
    world.put_activity_item({"NULL": True})
    for second in seconds:
        world.table.report_activity(PROD, NOW + timedelta(seconds=second))
    assert read_activity(world) == LastQuery(NOW + timedelta(seconds=max(seconds)))
