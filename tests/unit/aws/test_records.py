"""The stored form of records and history events: written data is read back, and invalid data is ignored."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.aws.records import (
    LARGEST_REVISION,
    VERSION,
    decode_events,
    decode_record,
    encode_event,
    encode_record,
    to_attributes,
)
from chalicelib.domain.model import Event, EventName
from chalicelib.domain.record import AcceptedStart, DatabaseRecord, Hold, PendingRestart, StopIntent
from tests.support import NOW
from tests.unit.strategies import RECORDS, TIMES

AT = "2026-03-02T09:00:00+00:00"
FULL = DatabaseRecord(
    revision=3,
    resource_id="db-FIRST",
    status="available",
    status_changed_at=NOW,
    available_since=NOW,
    started_on_request=True,
    first_observed_at=NOW,
    last_restart_requested_at=NOW,
    pending_restart=PendingRestart(NOW, "ops"),
    hold=Hold(NOW, "ops"),
    stop_intent=StopIntent(NOW, "Idle.", 4),
    accepted_start=AcceptedStart(NOW, PendingRestart(NOW, "ops"), external=True),
    start_durations=(240,),
    automatic_restart_at=NOW,
    started_by_aws=True,
    automatic_start_announced_at=NOW,
    start_prevented_at=NOW,
    metric_unknown_since=NOW,
    last_error="CannotStop",
    last_daily_status_on=NOW.date(),
)
"""A record in which every field is set."""


def stored(record: DatabaseRecord) -> dict[str, Any]:
    return to_attributes({name: value for name, value in encode_record(record).items() if value is not None})


@settings(max_examples=100)
@given(RECORDS)
def test_decode_record__encoded_record__is_the_same_record(record: DatabaseRecord) -> None:
    assert decode_record(stored(record)) == record


@pytest.mark.parametrize(
    ("stored_revision", "revision"),
    [
        pytest.param({"N": "1"}, 1, id="first"),
        pytest.param({"N": str(LARGEST_REVISION)}, LARGEST_REVISION, id="largest"),
        pytest.param({"N": str(LARGEST_REVISION + 1)}, 0, id="too large"),
        pytest.param({"N": "0"}, 0, id="zero"),
        pytest.param({"N": "-7"}, 0, id="negative"),
        pytest.param({"S": "7"}, 0, id="text"),
        pytest.param({"BOOL": True}, 0, id="boolean"),
    ],
)
def test_decode_record__revision__counts_only_as_a_positive_number(
    stored_revision: dict[str, Any], revision: int
) -> None:
    assert decode_record({"revision": stored_revision}) == DatabaseRecord(revision=revision)


def test_encode_record__every_field_set__is_stored_under_its_name() -> None:
    names = {field.name for field in fields(DatabaseRecord)}
    assert set(encode_record(DatabaseRecord())) == {"v", *names}
    assert {field.name for field in fields(FULL) if getattr(FULL, field.name) == field.default} == set()
    assert stored(FULL) == {
        "v": {"N": "1"},
        "revision": {"N": "3"},
        "resource_id": {"S": "db-FIRST"},
        "status": {"S": "available"},
        "status_changed_at": {"S": AT},
        "available_since": {"S": AT},
        "started_on_request": {"BOOL": True},
        "first_observed_at": {"S": AT},
        "last_restart_requested_at": {"S": AT},
        "pending_restart": {"M": {"requested_at": {"S": AT}, "by": {"S": "ops"}}},
        "hold": {"M": {"until": {"S": AT}, "by": {"S": "ops"}}},
        "stop_intent": {"M": {"set_at": {"S": AT}, "reason": {"S": "Idle."}, "open_connections": {"N": "4"}}},
        "accepted_start": {
            "M": {
                "accepted_at": {"S": AT},
                "restart": {"M": {"requested_at": {"S": AT}, "by": {"S": "ops"}}},
                "external": {"BOOL": True},
            }
        },
        "start_durations": {"L": [{"N": "240"}]},
        "automatic_restart_at": {"S": AT},
        "started_by_aws": {"BOOL": True},
        "automatic_start_announced_at": {"S": AT},
        "start_prevented_at": {"S": AT},
        "metric_unknown_since": {"S": AT},
        "last_error": {"S": "CannotStop"},
        "last_daily_status_on": {"S": "2026-03-02"},
    }
    assert decode_record(stored(FULL)) == FULL


@pytest.mark.parametrize("connections", [None, 0, 4], ids=["not known", "none", "four"])
def test_decode_record__stop_intent__keeps_the_number_of_open_connections(connections: int | None) -> None:
    record = DatabaseRecord(stop_intent=StopIntent(NOW, "Idle.", connections))
    assert decode_record(stored(record)) == record


def test_decode_record__no_item__is_a_new_record() -> None:
    assert decode_record(None) == DatabaseRecord()


def test_encode_record__new_record__has_only_version_and_revision() -> None:
    present = {name: value for name, value in encode_record(DatabaseRecord()).items() if value is not None}
    assert present == {"v": VERSION, "revision": 0}


@pytest.mark.parametrize(
    "invalid",
    [
        pytest.param({"hold": {"S": "for ever"}}, id="text instead of a map"),
        pytest.param({"hold": {"L": []}}, id="list instead of a map"),
        pytest.param({"hold": {"SS": ["until", "by"]}}, id="set instead of a map"),
        pytest.param({"pending_restart": {"M": {"by": {"S": "ops"}}}}, id="map without a required field"),
        pytest.param({"start_durations": {"L": [{"S": "long"}]}}, id="text instead of a number"),
        pytest.param({"start_durations": {"N": "240"}}, id="number instead of a list"),
        pytest.param({"available_since": {"S": "early"}, "status_changed_at": {"S": "now"}}, id="two invalid times"),
        pytest.param({"available_since": {"B": b"2026"}}, id="bytes instead of a time"),
        pytest.param({"last_daily_status_on": {"N": "20260302"}}, id="number instead of a date"),
        pytest.param({"revision": {"S": "seven"}, "field_of_a_later_version": {"BOOL": True}}, id="unknown field"),
    ],
)
def test_decode_record__invalid_field__has_its_default_and_the_others_are_kept(invalid: dict[str, Any]) -> None:
    assert decode_record({**invalid, "status": {"S": "available"}}) == DatabaseRecord(status="available")


ATTRIBUTES = st.recursive(
    st.text(max_size=5).map(lambda text: {"S": text})
    | st.integers(-(10**30), 10**30).map(lambda number: {"N": str(number)})
    | st.booleans().map(lambda flag: {"BOOL": flag})
    | st.sampled_from([{"NULL": True}, {"B": b"x"}, {"SS": ["until", "by"]}, {"NS": ["1"]}]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: {"L": items})
        | st.dictionaries(
            st.sampled_from(["until", "by", "requested_at", "set_at", "reason", "accepted_at", "restart"]),
            inner,
            max_size=3,
        ).map(lambda fields: {"M": fields})
    ),
    max_leaves=4,
)
FIELDS = st.dictionaries(st.sampled_from(list(encode_record(DatabaseRecord()))), ATTRIBUTES, max_size=4)


@settings(max_examples=100)
@given(FIELDS)
def test_decode_record__arbitrary_attributes__returns_a_record(item: dict[str, Any]) -> None:
    assert isinstance(decode_record(item), DatabaseRecord)


def test_encode_event__some_fields_empty__leaves_them_out() -> None:
    event = Event(NOW, EventName.AVAILABLE, None, "Available.", "available", seconds=240)
    assert encode_event(event) == {
        "at": NOW.isoformat(),
        "event": "available",
        "detail": "Available.",
        "status": "available",
        "seconds": 240,
    }


EVENTS = st.builds(
    Event,
    TIMES,
    st.sampled_from(EventName),
    st.none() | st.just("ops"),
    st.just("It happened."),
    st.none() | st.just("available"),
    st.none() | st.integers(0, 3600),
    st.none() | st.integers(0, 99),
)


@settings(max_examples=50)
@given(st.lists(EVENTS, max_size=4))
def test_decode_events__encoded_events__are_the_same_events(events: list[Event]) -> None:
    item = to_attributes({"events": [encode_event(event) for event in events]})
    assert decode_events(item) == tuple(events)


VALID = {"at": NOW.isoformat(), "event": "stopped", "detail": "It has stopped."}


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({**VALID, "event": "event-of-a-later-version"}, id="unknown event"),
        pytest.param({**VALID, "at": "yesterday"}, id="invalid time"),
        pytest.param({**VALID, "seconds": "long"}, id="text instead of a number"),
        pytest.param({**VALID, "open_connections": "many"}, id="text instead of a number of connections"),
        pytest.param({"event": "stopped"}, id="missing fields"),
        pytest.param("stopped", id="text instead of a map"),
        pytest.param(None, id="nothing"),
    ],
)
def test_decode_events__invalid_entry__is_left_out_and_the_others_are_kept(entry: object) -> None:
    events = decode_events(to_attributes({"events": [VALID, entry, VALID]}))
    assert events == (Event(NOW, EventName.STOPPED, None, "It has stopped."),) * 2


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(None, id="no item"),
        pytest.param({"events": {"S": "none"}}, id="text instead of a list"),
        pytest.param({}, id="empty item"),
    ],
)
def test_decode_events__no_list_of_events__is_empty(item: dict[str, Any] | None) -> None:
    assert decode_events(item) == ()
