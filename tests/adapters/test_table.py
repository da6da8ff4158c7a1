"""The metadata table, on moto and on the simulated AWS."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.aws.table import Table
from chalicelib.domain.activity import Activity, LastQuery, NoActivity
from chalicelib.domain.errors import AccessDenied, AwsError, AwsUnavailable, WriteConflict
from chalicelib.domain.model import DatabaseRef, Event, EventName, Kind, Transition
from chalicelib.domain.record import DatabaseRecord
from tests.support import NOW, PROD, MakeWorld, World, failing

EVENT = Event(NOW, EventName.STOPPED, "rds-lifecycle", "It has stopped.", "stopped")


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    world = make_world()
    world.calls.clear()
    return world


def item(world: World, key: str) -> dict[str, Any]:
    found: dict[str, Any] = world.dynamodb.get_item(TableName="system-metadata", Key={"key": {"S": key}})["Item"]
    return found


def read_activity(world: World) -> Activity:
    return world.table.read([PROD])[PROD][1]


def test_read__empty_table__is_a_new_record_without_activity(world: World) -> None:
    assert world.table.read([PROD]) == {PROD: (DatabaseRecord(), NoActivity())}


def test_commit__record_and_events__stores_both(world: World) -> None:
    after = world.table.commit(PROD, DatabaseRecord(), Transition(DatabaseRecord(status="stopped"), (EVENT,)), NOW)
    assert after == DatabaseRecord(revision=1, status="stopped") == world.record()
    assert item(world, "rds_lifecycle/ss-financial-prod") == {
        "key": {"S": "rds_lifecycle/ss-financial-prod"},
        "v": {"N": "1"},
        "revision": {"N": "1"},
        "status": {"S": "stopped"},
    }
    day = item(world, "rds_history/ss-financial-prod/2026-03-02")
    assert day["expires_at"] == {"N": str(int((NOW + timedelta(days=400)).timestamp()))}
    assert world.event_names() == ["stopped"]
    world.table.commit(PROD, after, Transition(after, (EVENT, EVENT)), NOW)
    assert world.event_names() == ["stopped"] * 3


def test_commit__stale_record__is_a_write_conflict_and_changes_nothing(world: World) -> None:
    first = world.table.commit(PROD, DatabaseRecord(), Transition(DatabaseRecord(status="stopped")), NOW)
    for stale in (DatabaseRecord(), replace(first, revision=7)):
        with pytest.raises(WriteConflict):
            world.table.commit(PROD, stale, Transition(DatabaseRecord(status="failed"), (EVENT,)), NOW)
    assert world.record() == first
    assert world.event_names() == []


NUMBERS = st.decimals(-(10**30), 10**30, allow_nan=False, allow_infinity=False, places=3).map(lambda n: {"N": str(n)})
REVISIONS = (
    NUMBERS
    | st.sampled_from(["0", "-1", "1", "7.5", "1E+37", "9007199254740993"]).map(lambda n: {"N": n})
    | st.text(max_size=5).map(lambda s: {"S": s})
    | st.just({"NULL": True})
    | st.booleans().map(lambda b: {"BOOL": b})
    | st.just({"M": {"n": {"N": "1"}}})
    | st.just({"L": [{"N": "1"}]})
)


@settings(max_examples=15)
@given(revision=REVISIONS)
def test_commit__any_stored_revision__is_replaced_by_exactly_one_writer(world: World, revision: dict[str, Any]) -> None:
    key = {"key": {"S": "rds_lifecycle/ss-financial-prod"}}
    stored_item = {**key, "revision": revision, "status": {"S": "stopped"}}
    world.dynamodb.put_item(TableName="system-metadata", Item=stored_item)
    one, other = world.record(), world.record()
    assert one.status == "stopped"
    stored = world.table.commit(PROD, one, Transition(replace(one, status="starting")), NOW)
    with pytest.raises(WriteConflict):
        world.table.commit(PROD, other, Transition(replace(other, status="failed")), NOW)
    assert world.record() == stored == replace(one, revision=stored.revision, status="starting")
    assert stored.revision >= 1
    world.table.commit(PROD, stored, Transition(replace(stored, status="available")), NOW)


def test_commit__item_of_a_later_version__keeps_the_fields_that_do_not_change(world: World) -> None:
    stored_item = {
        "key": {"S": "rds_lifecycle/ss-financial-prod"},
        "v": {"N": "2"},
        "revision": {"N": "41"},
        "status": {"S": "available"},
        "hold": {"M": {"until": {"S": NOW.isoformat()}, "by": {"S": "ops"}, "ticket": {"S": "OPS-7"}}},
        "stop_intent": {"L": [{"S": "of another type"}]},
        "later_field": {"BOOL": True},
    }
    world.dynamodb.put_item(TableName="system-metadata", Item=stored_item)
    record = world.record()
    world.table.commit(PROD, record, Transition(replace(record, status="stopping")), NOW)
    expected = {**stored_item, "v": {"N": "1"}, "revision": {"N": "42"}, "status": {"S": "stopping"}}
    assert item(world, "rds_lifecycle/ss-financial-prod") == expected


def test_commit__field_becomes_none__removes_only_this_field(world: World) -> None:
    stored = world.table.commit(PROD, DatabaseRecord(), Transition(DatabaseRecord(last_error="CannotStop")), NOW)
    world.dynamodb.update_item(
        TableName="system-metadata",
        Key={"key": {"S": "rds_lifecycle/ss-financial-prod"}},
        UpdateExpression="SET later_field = :x",
        ExpressionAttributeValues={":x": {"S": "kept"}},
    )
    world.table.commit(PROD, stored, Transition(replace(stored, last_error=None)), NOW)
    attributes = item(world, "rds_lifecycle/ss-financial-prod")
    assert "last_error" not in attributes
    assert attributes["later_field"] == {"S": "kept"}


def test_commit__day_full_of_events__stores_the_record_without_the_event(world: World) -> None:
    key = "rds_history/ss-financial-prod/2026-03-02"
    full_day = {"key": {"S": key}, "events": {"L": [{"S": "an event"}] * 500}}
    world.dynamodb.put_item(TableName="system-metadata", Item=full_day)
    record = world.table.commit(PROD, DatabaseRecord(), Transition(DatabaseRecord(status="stopped"), (EVENT,)), NOW)
    assert world.record() == record
    assert item(world, key) == full_day
    world.table.commit(PROD, record, Transition(record, (EVENT,)), NOW + timedelta(days=1))
    assert world.table.history(PROD, [NOW.date() + timedelta(days=1)]) == (EVENT,)


def test_read__keys_left_unprocessed__requests_them_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.report_query()
    real, calls = world.dynamodb.batch_get_item, []

    def unprocessed_at_first(**kwargs: Any) -> Any:
        calls.append(kwargs)
        if len(calls) == 1:
            return {"Responses": {}, "UnprocessedKeys": kwargs["RequestItems"]}
        return real(**kwargs)

    monkeypatch.setattr(world.dynamodb, "batch_get_item", unprocessed_at_first)
    assert read_activity(world) == LastQuery(NOW)
    assert calls[0] == calls[1]


def test_read__keys_never_processed__is_aws_unavailable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(**kwargs: Any) -> Any:
        return {"Responses": {}, "UnprocessedKeys": kwargs["RequestItems"]}

    monkeypatch.setattr(world.dynamodb, "batch_get_item", never)
    with pytest.raises(AwsUnavailable, match="throttling"):
        world.table.read([PROD])


def test_read__any__is_strongly_consistent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real, consistent = world.dynamodb.batch_get_item, []

    def recorded(**kwargs: Any) -> Any:
        consistent.append(kwargs["RequestItems"]["system-metadata"]["ConsistentRead"])
        return real(**kwargs)

    monkeypatch.setattr(world.dynamodb, "batch_get_item", recorded)
    world.table.read(world.settings.databases)
    assert consistent == [True]


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("AccessDeniedException", 400, AccessDenied),
        ("ProvisionedThroughputExceededException", 400, AwsUnavailable),
        ("ResourceNotFoundException", 400, AwsError),
        ("ValidationException", 400, AwsError),
    ],
    ids=["denied", "throttled", "no table", "not valid"],
)
@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("BatchGetItem", lambda table: table.read([PROD])),
        ("TransactWriteItems", lambda table: table.commit(PROD, DatabaseRecord(), Transition(DatabaseRecord()), NOW)),
        ("UpdateItem", lambda table: table.report_activity(PROD, NOW)),
    ],
    ids=["read", "commit", "report_activity"],
)
def test_any_call__refused__is_an_error_of_the_app(
    world: World, operation: str, call: Callable[[Table], object], code: str, status: int, error: type[Exception]
) -> None:
    with failing(world.dynamodb, operation, code, status=status), pytest.raises(error) as refusal:
        call(world.table)
    if code == "ResourceNotFoundException":
        assert "METADATA_TABLE" in refusal.value.detail  # type: ignore[attr-defined]


def test_commit__cancelled_by_throttling__is_aws_unavailable(world: World) -> None:
    reasons: Any = {"CancellationReasons": [{"Code": "ThrottlingError"}]}
    with (
        failing(world.dynamodb, "TransactWriteItems", "TransactionCanceledException", **reasons),
        pytest.raises(AwsUnavailable),
    ):
        world.table.commit(PROD, DatabaseRecord(), Transition(DatabaseRecord()), NOW)


def test_history__many_days__is_one_call(world: World) -> None:
    days = [NOW.date() - timedelta(days=back) for back in range(92)]
    record, recorded = DatabaseRecord(), []
    for number in (91, 40, 1, 0):
        at = NOW - timedelta(days=number)
        event = Event(at, EventName.AVAILABLE, "ops", "Ready.", "available", 240 + number)
        record = world.table.commit(PROD, record, Transition(record, (event,)), at)
        recorded.append(event)
    world.calls.clear()
    assert world.table.history(PROD, days) == tuple(recorded)
    assert world.calls == ["BatchGetItem"]
    assert world.table.history(DatabaseRef(Kind.INSTANCE, "other"), days) == ()


@pytest.mark.parametrize(
    "entry",
    [
        {"S": "text"},
        {"M": {}},
        {"M": {"at": {"S": "soon"}, "event": {"S": "stopped"}, "detail": {"S": "x"}}},
        {"M": {"at": {"S": "2026-03-02T09:00:00Z"}, "event": {"S": "later-event"}, "detail": {"S": "x"}}},
        {"M": {"at": {"S": "2026-03-02T09:00:00Z"}, "event": {"S": "stopped"}}},
        {
            "M": {
                "at": {"S": "2026-03-02T09:00:00Z"},
                "event": {"S": "stopped"},
                "detail": {"S": "x"},
                "seconds": {"S": "many"},
            }
        },
    ],
    ids=["text", "empty", "no time", "unknown event", "no detail", "seconds not a number"],
)
def test_history__invalid_entry__returns_the_others(world: World, entry: dict[str, Any]) -> None:
    world.table.commit(PROD, DatabaseRecord(), Transition(DatabaseRecord(), (EVENT,)), NOW)
    key = "rds_history/ss-financial-prod/2026-03-02"
    entries = [entry, *item(world, key)["events"]["L"]]
    world.dynamodb.put_item(TableName="system-metadata", Item={"key": {"S": key}, "events": {"L": entries}})
    assert world.table.history(PROD, [NOW.date()]) == (EVENT,)


def test_history__day_is_not_a_list__is_empty(world: World) -> None:
    key = {"S": "rds_history/ss-financial-prod/2026-03-02"}
    world.dynamodb.put_item(TableName="system-metadata", Item={"key": key, "events": {"S": "none"}})
    assert world.table.history(PROD, [NOW.date()]) == ()
