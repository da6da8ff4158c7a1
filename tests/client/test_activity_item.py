"""The activity item: format of the contract, never moved back, readable by the app."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.domain.activity import LastQuery
from rds_lifecycle_client import ActivityItem, Unavailable, activity_item
from tests.support import NOW, PROD, World, create_world, failing, hooked

KEY = "last_rds_query_time"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with create_world(PROD) as it:
        monkeypatch.setattr(activity_item, "_create_client", lambda: it.dynamodb)
        yield it


@pytest.fixture
def read_item(world: World) -> Callable[[], Any]:
    return lambda: world.dynamodb.get_item(TableName="system-metadata", Key={"key": {"S": KEY}}).get("Item")


def report(at: datetime) -> None:
    ActivityItem("system-metadata", KEY).report(at)


def test_report__fraction_of_a_second__is_rounded_up_in_the_contracts_format(
    world: World, read_item: Callable[[], Any]
) -> None:
    report(NOW + timedelta(microseconds=1))
    assert read_item() == {"key": {"S": KEY}, "value": {"S": "2026-03-02T09:00:01Z"}}
    assert world.table.read([PROD])[PROD][1] == LastQuery(NOW + timedelta(seconds=1))


def test_report__earlier_time__keeps_the_later_one(read_item: Callable[[], Any]) -> None:
    for minutes, expected in [(0, "09:00:00"), (5, "09:05:00"), (3, "09:05:00"), (5, "09:05:00"), (6, "09:06:00")]:
        report(NOW + timedelta(minutes=minutes))
        assert read_item()["value"] == {"S": f"2026-03-02T{expected}Z"}


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param({"S": "2026-03-02T14:30:00+05:00"}, id="offset"),
        pytest.param({"S": "2026-03-02T09:30:00"}, id="no-offset"),
        pytest.param({"S": "2026-03-02 09:30:00.5Z"}, id="space-and-fraction"),
        pytest.param({"N": "1772443800"}, id="epoch-number"),
        pytest.param({"S": "1772443800.25"}, id="epoch-string"),
        pytest.param({"M": {"S": {"S": "2026-03-02T09:30:00Z"}}}, id="map"),
    ],
)
def test_report__stored_time_in_another_format__is_compared_as_a_time(
    world: World, read_item: Callable[[], Any], stored: Any
) -> None:
    world.put_activity_item(stored)
    report(NOW + timedelta(minutes=29))
    assert read_item()["value"] == stored
    report(NOW + timedelta(minutes=31))
    assert read_item()["value"] == {"S": "2026-03-02T09:31:00Z"}


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param({"S": "garbage"}, id="text"),
        pytest.param({"S": ""}, id="empty"),
        pytest.param({"BOOL": True}, id="bool"),
        pytest.param({"NULL": True}, id="null"),
        pytest.param({"L": []}, id="list"),
        pytest.param({"M": {}}, id="empty-map"),
        pytest.param({"S": "1e999"}, id="infinity"),
    ],
)
def test_report__stored_value_is_not_a_time__is_replaced(
    world: World, read_item: Callable[[], Any], stored: Any
) -> None:
    world.put_activity_item(stored)
    report(NOW)
    assert read_item()["value"] == {"S": "2026-03-02T09:00:00Z"}


def test_report__item_without_a_value__adds_the_value(world: World, read_item: Callable[[], Any]) -> None:
    world.dynamodb.put_item(TableName="system-metadata", Item={"key": {"S": KEY}, "by": {"S": "admin"}})
    report(NOW)
    assert read_item() == {"key": {"S": KEY}, "by": {"S": "admin"}, "value": {"S": "2026-03-02T09:00:00Z"}}


def test_report__concurrent_later_write__is_not_overwritten(world: World, read_item: Callable[[], Any]) -> None:
    times = iter([NOW + timedelta(minutes=1), NOW + timedelta(minutes=9)])

    def write_concurrently(**_: Any) -> None:
        if (at := next(times, None)) is not None:
            world.put_activity_item({"S": at.isoformat()})

    with hooked(world.dynamodb, "before-call.dynamodb.UpdateItem", write_concurrently):
        report(NOW + timedelta(minutes=5))
    assert read_item()["value"] == {"S": "2026-03-02T09:09:00+00:00"}


def test_report__transaction_conflict__is_retried(world: World, read_item: Callable[[], Any]) -> None:
    with failing(world.dynamodb, "UpdateItem", "TransactionConflictException", times=1):
        report(NOW)
    assert read_item()["value"] == {"S": "2026-03-02T09:00:00Z"}


def test_report__always__reads_consistently(world: World) -> None:
    reads: list[bool] = []

    def on_get_item(params: dict[str, Any], **_: Any) -> None:
        reads.append(params["ConsistentRead"])

    with hooked(world.dynamodb, "provide-client-params.dynamodb.GetItem", on_get_item):
        report(NOW)
    # Otherwise every attempt may read the same stale value. moto has no eventual consistency.
    assert reads == [True]


def test_report__access_denied__raises_without_a_retry(world: World) -> None:
    with (
        failing(world.dynamodb, "UpdateItem", "AccessDeniedException") as calls,
        pytest.raises(ClientError, match="AccessDenied"),
    ):
        report(NOW)
    assert len(calls) == 1


def test_report__value_changes_at_every_attempt__raises_unavailable(world: World) -> None:
    seconds = iter(range(100))

    def write_concurrently(**_: Any) -> None:
        world.put_activity_item({"N": str(next(seconds))})

    with (
        hooked(world.dynamodb, "before-call.dynamodb.UpdateItem", write_concurrently),
        pytest.raises(Unavailable, match="Other writers changed the item last_rds_query_time"),
    ):
        report(NOW)


def test_report__missing_table__raises(world: World) -> None:
    with pytest.raises(world.dynamodb.exceptions.ResourceNotFoundException):
        ActivityItem("nowhere", KEY).report(datetime.now(UTC))
