"""What is stored is what is read back, and what is not understood does no harm."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws.records import decode_record, encode_event, encode_record, to_attributes
from chalicelib.domain.model import DatabaseRecord, Event, EventName
from tests.support import NOW
from tests.unit.test_decision import RECORDS


def stored(record: DatabaseRecord) -> dict[str, Any]:
    return to_attributes({name: value for name, value in encode_record(record).items() if value is not None})


@given(RECORDS)
def test_a_record_survives_the_table(record: DatabaseRecord) -> None:
    assert decode_record(stored(record)) == record


def test_no_item_is_a_fresh_record() -> None:
    assert decode_record(None) == DatabaseRecord()


@pytest.mark.parametrize(
    "garbage",
    [
        {"hold": {"S": "for ever"}, "status": {"S": "available"}},
        {"pending_restart": {"M": {"by": {"S": "ops"}}}, "status": {"S": "available"}},
        {"start_durations": {"L": [{"S": "long"}]}, "status": {"S": "available"}},
        {"available_since": {"S": "early"}, "status_changed_at": {"S": "now"}, "status": {"S": "available"}},
        {"revision": {"S": "seven"}, "status": {"S": "available"}, "a_field_of_tomorrow": {"BOOL": True}},
    ],
)
def test_a_strange_field_has_its_default_and_the_others_are_kept(garbage: dict[str, Any]) -> None:
    assert decode_record(garbage) == DatabaseRecord(status="available")


ATTRIBUTES = st.recursive(
    st.text().map(lambda s: {"S": s})
    | st.integers(-(10**30), 10**30).map(lambda n: {"N": str(n)})
    | st.booleans().map(lambda b: {"BOOL": b})
    | st.just({"NULL": True}),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: {"L": items})
        | st.dictionaries(st.sampled_from(["until", "by", "at", "requested_at", "raised_at", "why"]), inner).map(
            lambda m: {"M": m}
        )
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(list(encode_record(DatabaseRecord()))), ATTRIBUTES))
def test_no_item_makes_a_run_crash(item: dict[str, Any]) -> None:
    assert isinstance(decode_record(item), DatabaseRecord)


def test_an_event_says_only_what_it_knows() -> None:
    event = Event(NOW, EventName.AVAILABLE, None, "Ready.", "available", seconds=240)
    assert encode_event(event) == {
        "at": NOW.isoformat(),
        "event": "available",
        "detail": "Ready.",
        "status": "available",
        "seconds": 240,
    }
