"""The metadata table against moto."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.aws.table import Stored, Table
from chalicelib.domain.activity import InvalidActivity, LastQuery, NoActivity
from chalicelib.domain.errors import AccessDenied, AwsError, AwsUnavailable, WriteConflict
from chalicelib.domain.model import DatabaseRecord, DatabaseRef, Event, EventName, Kind, Transition
from tests.support import NOW, PROD, World, a_world, before_call, failing

pytestmark = pytest.mark.usefixtures("either_cloud")
EVENT = Event(NOW, EventName.STOPPED, "rds-lifecycle", "It has stopped.", "stopped")


@pytest.fixture
def world() -> Iterator[World]:
    with a_world(PROD, DatabaseRef(Kind.INSTANCE, "other")) as it:
        it.calls.clear()
        yield it


def item(world: World, key: str) -> dict[str, Any]:
    found: dict[str, Any] = world.dynamodb.get_item(TableName="system-metadata", Key={"key": {"S": key}})["Item"]
    return found


def test_an_empty_table_is_a_fresh_start(world: World) -> None:
    assert world.table.read([PROD]) == {PROD: Stored(DatabaseRecord(), NoActivity())}


def test_a_commit_stores_the_record_and_its_events_together(world: World) -> None:
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
    assert world.told() == ["stopped"]
    world.table.commit(PROD, after, Transition(after, (EVENT, EVENT)), NOW)
    assert world.told() == ["stopped"] * 3


def test_who_comes_second_is_told_and_changes_nothing(world: World) -> None:
    first = world.table.commit(PROD, DatabaseRecord(), Transition(DatabaseRecord(status="stopped")), NOW)
    for stale in (DatabaseRecord(), replace(first, revision=7)):
        with pytest.raises(WriteConflict):
            world.table.commit(PROD, stale, Transition(DatabaseRecord(status="failed"), (EVENT,)), NOW)
    assert world.record() == first
    assert world.told() == []


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


@settings(max_examples=50)
@given(revision=REVISIONS)
def test_whatever_stands_as_rev_is_replaced_by_one_writer_and_only_one(world: World, revision: dict[str, Any]) -> None:
    key = {"key": {"S": "rds_lifecycle/ss-financial-prod"}}
    theirs = {**key, "revision": revision, "status": {"S": "stopped"}}
    world.dynamodb.put_item(TableName="system-metadata", Item=theirs)
    one, other = world.record(), world.record()
    assert one.status == "stopped"
    stored = world.table.commit(PROD, one, Transition(replace(one, status="starting")), NOW)
    with pytest.raises(WriteConflict):
        world.table.commit(PROD, other, Transition(replace(other, status="failed")), NOW)
    assert world.record() == stored == replace(one, revision=stored.revision, status="starting")
    assert stored.revision >= 1
    world.table.commit(PROD, stored, Transition(replace(stored, status="available")), NOW)


def test_a_write_leaves_what_it_does_not_change_as_another_version_wrote_it(world: World) -> None:
    theirs = {
        "key": {"S": "rds_lifecycle/ss-financial-prod"},
        "v": {"N": "2"},
        "revision": {"N": "41"},
        "status": {"S": "available"},
        "hold": {"M": {"until": {"S": NOW.isoformat()}, "by": {"S": "ops"}, "ticket": {"S": "OPS-7"}}},
        "stop_intent": {"L": [{"S": "of another shape"}]},
        "of_tomorrow": {"BOOL": True},
    }
    world.dynamodb.put_item(TableName="system-metadata", Item=theirs)
    record = world.record()
    world.table.commit(PROD, record, Transition(replace(record, status="stopping")), NOW)
    expected = {**theirs, "v": {"N": "1"}, "revision": {"N": "42"}, "status": {"S": "stopping"}}
    assert item(world, "rds_lifecycle/ss-financial-prod") == expected


def test_fields_that_end_are_removed_and_fields_of_a_newer_version_are_kept(world: World) -> None:
    stored = world.table.commit(PROD, DatabaseRecord(), Transition(DatabaseRecord(last_error="CannotStop")), NOW)
    world.dynamodb.update_item(
        TableName="system-metadata",
        Key={"key": {"S": "rds_lifecycle/ss-financial-prod"}},
        UpdateExpression="SET of_tomorrow = :x",
        ExpressionAttributeValues={":x": {"S": "kept"}},
    )
    world.table.commit(PROD, stored, Transition(replace(stored, last_error=None)), NOW)
    attributes = item(world, "rds_lifecycle/ss-financial-prod")
    assert "last_error" not in attributes
    assert attributes["of_tomorrow"] == {"S": "kept"}


def test_a_day_that_is_full_of_events_hinders_nothing(world: World) -> None:
    record = DatabaseRecord()
    record = world.table.commit(PROD, record, Transition(record, (EVENT,) * 500), NOW)
    record = world.table.commit(PROD, record, Transition(replace(record, status="stopped"), (EVENT,)), NOW)
    assert world.record() == record
    assert len(world.told()) == 500
    world.table.commit(PROD, record, Transition(record, (EVENT,)), NOW + timedelta(days=1))
    assert len(world.told()) == 501


@pytest.mark.parametrize(
    ("value", "activity"),
    [
        ({"S": "2026-03-02T09:00:00"}, LastQuery(NOW)),
        ({"S": "2026-03-02T09:00:00Z"}, LastQuery(NOW)),
        ({"S": "2026-03-02T10:00:00+01:00"}, LastQuery(NOW)),
        ({"N": "1772442000"}, LastQuery(NOW)),
        ({"S": "1772442000"}, LastQuery(NOW)),
        ({"M": {"S": {"S": "2026-03-02T09:00:00Z"}}}, LastQuery(NOW)),
        ({"S": "garbage"}, InvalidActivity("it is text, but not an ISO 8601 time")),
        ({"BOOL": True}, InvalidActivity("it is true or false, not a time")),
        ({"L": []}, InvalidActivity("it is neither text nor a number")),
        ({"NULL": True}, InvalidActivity("it has no value")),
    ],
)
def test_the_activity_item_as_others_write_it(world: World, value: dict[str, Any], activity: Any) -> None:
    world.activity_item(value)
    assert world.table.read([PROD])[PROD].activity == activity


def test_an_activity_item_without_a_value(world: World) -> None:
    world.dynamodb.put_item(TableName="system-metadata", Item={"key": {"S": "last_rds_query_time"}})
    assert world.table.read([PROD])[PROD].activity == InvalidActivity("it has no value")
    assert world.table.report_activity(PROD, NOW) == LastQuery(NOW)


def test_reported_activity_never_moves_backwards(world: World) -> None:
    later = NOW + timedelta(minutes=3)
    world.queried(later)
    assert world.table.report_activity(PROD, NOW) == LastQuery(later)
    assert world.table.read([PROD])[PROD].activity == LastQuery(later)


def test_a_report_within_a_second_counts_from_its_end(world: World) -> None:
    reported = world.table.report_activity(PROD, NOW + timedelta(milliseconds=900))
    assert reported == LastQuery(NOW + timedelta(seconds=1)) == world.table.read([PROD])[PROD].activity


def test_reported_activity_keeps_what_else_the_item_holds(world: World) -> None:
    before = {"key": {"S": "last_rds_query_time"}, "value": {"N": "1772438400"}, "by": {"S": "backend"}}
    world.dynamodb.put_item(TableName="system-metadata", Item=before)
    world.table.report_activity(PROD, NOW.astimezone(UTC))
    assert item(world, "last_rds_query_time") == {**before, "value": {"S": "2026-03-02T09:00:00Z"}}


def test_a_backend_that_writes_in_between_is_not_overwritten(world: World) -> None:
    later = NOW + timedelta(seconds=30)
    with before_call(world.dynamodb, "UpdateItem", lambda: world.queried(later)):
        assert world.table.report_activity(PROD, NOW) == LastQuery(later)


def test_a_backend_that_never_stops_writing_ends_in_a_clear_answer(world: World) -> None:
    with (
        failing(world.dynamodb, "UpdateItem", "ConditionalCheckFailedException") as tries,
        pytest.raises(WriteConflict, match="faster than it can be stored"),
    ):
        world.table.report_activity(PROD, NOW)
    assert len(tries) == 8


@settings(max_examples=8)
@given(st.lists(st.integers(-600, 600), min_size=1, max_size=6))
def test_the_latest_report_wins_in_whatever_order(seconds: list[int]) -> None:
    with a_world() as world:
        for moment in seconds:
            world.table.report_activity(PROD, NOW + timedelta(seconds=moment))
        assert world.table.read([PROD])[PROD].activity == LastQuery(NOW + timedelta(seconds=max(seconds)))


def test_keys_left_unprocessed_are_asked_for_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.queried()
    real, calls = world.dynamodb.batch_get_item, []

    def unprocessed_at_first(**kwargs: Any) -> Any:
        calls.append(kwargs)
        if len(calls) == 1:
            return {"Responses": {}, "UnprocessedKeys": kwargs["RequestItems"]}
        return real(**kwargs)

    monkeypatch.setattr(world.dynamodb, "batch_get_item", unprocessed_at_first)
    assert world.table.read([PROD])[PROD].activity == LastQuery(NOW)
    assert calls[0] == calls[1]


def test_keys_never_processed_end_in_a_clear_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(**kwargs: Any) -> Any:
        return {"Responses": {}, "UnprocessedKeys": kwargs["RequestItems"]}

    monkeypatch.setattr(world.dynamodb, "batch_get_item", never)
    with pytest.raises(AwsUnavailable, match="throttling"):
        world.table.read([PROD])


def test_every_read_is_strongly_consistent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = world.dynamodb.batch_get_item, []

    def noted(**kwargs: Any) -> Any:
        asked.append(kwargs["RequestItems"]["system-metadata"]["ConsistentRead"])
        return real(**kwargs)

    monkeypatch.setattr(world.dynamodb, "batch_get_item", noted)
    world.table.read(world.settings.databases)
    assert asked == [True]


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("AccessDeniedException", 400, AccessDenied),
        ("ProvisionedThroughputExceededException", 400, AwsUnavailable),
        ("ResourceNotFoundException", 400, AwsError),
        ("ValidationException", 400, AwsError),
    ],
)
@pytest.mark.parametrize(
    ("operation", "deed"),
    [
        ("BatchGetItem", lambda table: table.read([PROD])),
        ("TransactWriteItems", lambda table: table.commit(PROD, DatabaseRecord(), Transition(DatabaseRecord()), NOW)),
        ("UpdateItem", lambda table: table.report_activity(PROD, NOW)),
    ],
)
def test_every_refusal_is_one_of_ours(
    world: World, operation: str, deed: Callable[[Table], object], code: str, status: int, error: type[Exception]
) -> None:
    with failing(world.dynamodb, operation, code, status=status), pytest.raises(error) as refusal:
        deed(world.table)
    if code == "ResourceNotFoundException":
        assert "METADATA_TABLE" in refusal.value.detail  # type: ignore[attr-defined]


def test_a_transaction_cancelled_by_throttling_is_worth_another_try(world: World) -> None:
    reasons: Any = {"CancellationReasons": [{"Code": "ThrottlingError"}]}
    with (
        failing(world.dynamodb, "TransactWriteItems", "TransactionCanceledException", **reasons),
        pytest.raises(AwsUnavailable),
    ):
        world.table.commit(PROD, DatabaseRecord(), Transition(DatabaseRecord()), NOW)


def test_the_history_of_many_days_is_one_call(world: World) -> None:
    days = [NOW.date() - timedelta(days=back) for back in range(92)]
    record, told = DatabaseRecord(), []
    for number in (91, 40, 1, 0):
        at = NOW - timedelta(days=number)
        event = Event(at, EventName.AVAILABLE, "ops", "Ready.", "available", 240 + number)
        record = world.table.commit(PROD, record, Transition(record, (event,)), at)
        told.append(event)
    world.calls.clear()
    assert world.table.history(PROD, days) == tuple(told)
    assert world.calls == ["BatchGetItem"]
    assert world.table.history(DatabaseRef(Kind.INSTANCE, "other"), days) == ()


@pytest.mark.parametrize(
    "strange",
    [
        {"S": "text"},
        {"M": {}},
        {"M": {"at": {"S": "soon"}, "event": {"S": "stopped"}, "detail": {"S": "x"}}},
        {"M": {"at": {"S": "2026-03-02T09:00:00Z"}, "event": {"S": "of-tomorrow"}, "detail": {"S": "x"}}},
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
)
def test_an_entry_that_is_not_understood_hides_no_other(world: World, strange: dict[str, Any]) -> None:
    world.table.commit(PROD, DatabaseRecord(), Transition(DatabaseRecord(), (EVENT,)), NOW)
    key = "rds_history/ss-financial-prod/2026-03-02"
    entries = [strange, *item(world, key)["events"]["L"]]
    world.dynamodb.put_item(TableName="system-metadata", Item={"key": {"S": key}, "events": {"L": entries}})
    assert world.table.history(PROD, [NOW.date()]) == (EVENT,)


def test_a_day_that_is_no_list_tells_nothing(world: World) -> None:
    key = {"S": "rds_history/ss-financial-prod/2026-03-02"}
    world.dynamodb.put_item(TableName="system-metadata", Item={"key": key, "events": {"S": "none"}})
    assert world.table.history(PROD, [NOW.date()]) == ()
