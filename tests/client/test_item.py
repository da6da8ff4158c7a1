"""The activity item: the contract's shape, never backwards, understood by the app."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.domain.activity import LastQuery
from rds_lifecycle_client import ActivityItem, Unavailable, item
from tests.support import NOW, PROD, World, a_world, failing, hooked

KEY = "last_rds_query_time"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(PROD) as it:
        monkeypatch.setattr(item, "_connect", lambda: it.dynamodb)
        yield it


@pytest.fixture
def written(world: World) -> Callable[[], Any]:
    """What the table holds."""
    return lambda: world.dynamodb.get_item(TableName="system-metadata", Key={"key": {"S": KEY}}).get("Item")


def report(at: datetime) -> None:
    ActivityItem("system-metadata", KEY).report(at)


def test_it_has_the_contracts_shape_in_whole_seconds_rounded_up(world: World, written: Callable[[], Any]) -> None:
    report(NOW + timedelta(microseconds=1))
    assert written() == {"key": {"S": KEY}, "value": {"S": "2026-03-02T09:00:01Z"}}
    assert world.table.read([PROD])[PROD][1] == LastQuery(NOW + timedelta(seconds=1))


def test_a_later_time_replaces_and_an_earlier_one_does_not(written: Callable[[], Any]) -> None:
    for minutes, shown in [(0, "09:00:00"), (5, "09:05:00"), (3, "09:05:00"), (5, "09:05:00"), (6, "09:06:00")]:
        report(NOW + timedelta(minutes=minutes))
        assert written()["value"] == {"S": f"2026-03-02T{shown}Z"}


@pytest.mark.parametrize(
    "later",
    [
        {"S": "2026-03-02T14:30:00+05:00"},
        {"S": "2026-03-02T09:30:00"},
        {"S": "2026-03-02 09:30:00.5Z"},
        {"N": "1772443800"},
        {"S": "1772443800.25"},
        {"M": {"S": {"S": "2026-03-02T09:30:00Z"}}},
    ],
)
def test_a_later_time_in_another_notation_is_left_and_an_earlier_one_replaced(
    world: World, written: Callable[[], Any], later: Any
) -> None:
    world.activity_item(later)
    report(NOW + timedelta(minutes=29))
    assert written()["value"] == later
    report(NOW + timedelta(minutes=31))
    assert written()["value"] == {"S": "2026-03-02T09:31:00Z"}


@pytest.mark.parametrize(
    "garbage", [{"S": "garbage"}, {"S": ""}, {"BOOL": True}, {"NULL": True}, {"L": []}, {"M": {}}, {"S": "1e999"}]
)
def test_a_value_that_is_no_time_is_replaced(world: World, written: Callable[[], Any], garbage: Any) -> None:
    world.activity_item(garbage)
    report(NOW)
    assert written()["value"] == {"S": "2026-03-02T09:00:00Z"}


def test_an_item_without_a_value_gets_one(world: World, written: Callable[[], Any]) -> None:
    world.dynamodb.put_item(TableName="system-metadata", Item={"key": {"S": KEY}, "by": {"S": "hand"}})
    report(NOW)
    assert written() == {"key": {"S": KEY}, "by": {"S": "hand"}, "value": {"S": "2026-03-02T09:00:00Z"}}


def test_a_writer_that_comes_in_between_is_not_overwritten(world: World, written: Callable[[], Any]) -> None:
    others = iter([NOW + timedelta(minutes=1), NOW + timedelta(minutes=9)])

    def another_writes(**_: Any) -> None:
        if (at := next(others, None)) is not None:
            world.activity_item({"S": at.isoformat()})

    with hooked(world.dynamodb, "before-call.dynamodb.UpdateItem", another_writes):
        report(NOW + timedelta(minutes=5))
    assert written()["value"] == {"S": "2026-03-02T09:09:00+00:00"}


def test_a_transaction_of_somebody_else_is_such_a_writer(world: World, written: Callable[[], Any]) -> None:
    with failing(world.dynamodb, "UpdateItem", "TransactionConflictException", times=1):
        report(NOW)
    assert written()["value"] == {"S": "2026-03-02T09:00:00Z"}


def test_what_was_written_a_moment_ago_is_seen(world: World) -> None:
    asked: list[bool] = []

    def look(params: dict[str, Any], **_: Any) -> None:
        asked.append(params["ConsistentRead"])

    with hooked(world.dynamodb, "provide-client-params.dynamodb.GetItem", look):
        report(NOW)
    # Otherwise every attempt may meet the same old value, which moto never shows.
    assert asked == [True]


def test_a_refusal_is_an_error_at_once(world: World) -> None:
    with (
        failing(world.dynamodb, "UpdateItem", "AccessDeniedException") as refused,
        pytest.raises(ClientError, match="AccessDenied"),
    ):
        report(NOW)
    assert len(refused) == 1


def test_writers_that_always_come_first_are_an_error(world: World) -> None:
    seconds = iter(range(100))

    def another_writes(**_: Any) -> None:
        world.activity_item({"N": str(next(seconds))})

    with (
        hooked(world.dynamodb, "before-call.dynamodb.UpdateItem", another_writes),
        pytest.raises(Unavailable, match="Others write the item last_rds_query_time"),
    ):
        report(NOW)


def test_a_missing_table_is_an_error(world: World) -> None:
    with pytest.raises(world.dynamodb.exceptions.ResourceNotFoundException):
        ActivityItem("nowhere", KEY).report(datetime.now(UTC))
