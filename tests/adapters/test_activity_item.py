"""The activity item, on moto and on the simulated AWS."""

from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.activity import Activity, InvalidActivity, LastQuery, NoActivity
from chalicelib.domain.errors import WriteConflict
from chalicelib.settings import read_settings
from tests.support import NOW, PROD, MakeWorld, World, before_call, failing

NO_TIME = InvalidActivity("it is text, but not an ISO 8601 date with a time of day")
NO_EPOCH = InvalidActivity("it is a number, but not one of seconds or milliseconds since 1970")
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
        pytest.param({"N": "1772442000000"}, LastQuery(NOW), id="epoch milliseconds"),
        pytest.param({"S": "1772442000000"}, LastQuery(NOW), id="epoch milliseconds as text"),
        pytest.param({"S": "garbage"}, NO_TIME, id="other text"),
        pytest.param({"S": "2026-03-02"}, NO_TIME, id="date without a time of day"),
        pytest.param({"S": "2026-W10-1"}, NO_TIME, id="week date"),
        pytest.param({"S": "20260302"}, NO_EPOCH, id="date without separators"),
        pytest.param({"N": "0"}, NO_EPOCH, id="zero"),
        pytest.param({"N": "1767"}, NO_EPOCH, id="small number"),
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


EARLIER, LATER = {"S": "2026-03-02T08:00:00Z"}, {"S": "2026-03-02T09:00:00Z"}
GARBAGE = {"S": "garbage"}


@pytest.mark.parametrize(
    ("plain", "own", "activity"),
    [
        pytest.param(None, None, NoActivity(), id="no item"),
        pytest.param(LATER, None, LastQuery(NOW), id="only the item of the default database"),
        pytest.param(None, LATER, LastQuery(NOW), id="only the item with its id"),
        pytest.param(EARLIER, LATER, LastQuery(NOW), id="the one with its id is later"),
        pytest.param(LATER, EARLIER, LastQuery(NOW), id="the one of the default database is later"),
        pytest.param(GARBAGE, LATER, NO_TIME, id="the one of the default database is invalid"),
        pytest.param(LATER, GARBAGE, NO_TIME, id="the one with its id is invalid"),
    ],
)
def test_read__default_database__has_two_items_and_the_later_counts(
    world: World, plain: dict[str, str] | None, own: dict[str, str] | None, activity: Activity
) -> None:
    for key, value in (("last_rds_query_time", plain), ("last_rds_query_time/ss-financial-prod", own)):
        if value is not None:
            world.put_activity_item(value, key=key)
    assert read_activity(world) == activity


@pytest.mark.parametrize(
    ("items", "default", "other"),
    [
        pytest.param({"last_rds_query_time/Billing": LATER}, NoActivity(), LastQuery(NOW), id="as it is spelled"),
        pytest.param({"last_rds_query_time/billing": LATER}, NoActivity(), LastQuery(NOW), id="in lower case"),
        pytest.param(
            {"last_rds_query_time/Billing": LATER, "last_rds_query_time/billing": EARLIER},
            NoActivity(),
            LastQuery(NOW),
            id="both, as it is spelled is later",
        ),
        pytest.param(
            {"last_rds_query_time/Billing": GARBAGE, "last_rds_query_time/billing": LATER},
            NoActivity(),
            NO_TIME,
            id="both, as it is spelled is invalid",
        ),
        pytest.param({"last_rds_query_time/Orders-DB": LATER}, LastQuery(NOW), NoActivity(), id="default, as spelled"),
        pytest.param({"last_rds_query_time": LATER}, LastQuery(NOW), NoActivity(), id="default, without its id"),
    ],
)
def test_read__ids_with_capitals__finds_the_items_in_either_spelling(
    make_world: MakeWorld, items: dict[str, dict[str, str]], default: Activity, other: Activity
) -> None:
    settings = read_settings({"DATABASES": "Orders-DB,Billing"})
    world = make_world(*settings.databases, settings=settings)
    for key, value in items.items():
        world.put_activity_item(value, key=key)
    assert [activity for _, activity in world.table.read(settings.databases).values()] == [default, other]


def test_report_activity__ids_with_capitals__writes_the_item_in_lower_case(make_world: MakeWorld) -> None:
    settings = read_settings({"DATABASES": "Orders-DB,Billing"})
    world = make_world(*settings.databases, settings=settings)
    for ref in settings.databases:
        world.table.report_activity(ref, NOW)
    keys = {item["key"]["S"] for item in world.dynamodb.scan(TableName="system-metadata")["Items"]}
    assert keys == {"last_rds_query_time", "last_rds_query_time/billing"}


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
