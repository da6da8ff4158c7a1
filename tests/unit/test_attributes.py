"""DynamoDB's attributes are read and written as boto3 does it."""

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws.records import from_attributes, to_attributes

PLAIN = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers(-(10**37), 10**37),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


@given(value=PLAIN)
def test_values_are_written_and_read_back_as_boto3_does(value: Any) -> None:
    written = to_attributes({"it": value})
    assert written == {"it": TypeSerializer().serialize(value)}
    assert from_attributes(written) == {"it": TypeDeserializer().deserialize(written["it"])}


def test_numbers_are_exact() -> None:
    assert from_attributes({"it": {"N": "0.1"}}) == {"it": Decimal("0.1")}
    assert to_attributes({"it": Decimal("0.1")}) == {"it": {"N": "0.1"}}


def test_what_dynamodb_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match=r"DynamoDB has no attribute for 0\.5"):
        to_attributes({"it": 0.5})


@pytest.mark.parametrize("attribute", [{"B": b"x"}, {"SS": ["a"]}, {"NS": ["1"]}])
def test_what_somebody_else_wrote_does_no_harm(attribute: Any) -> None:
    [value] = attribute.values()
    assert from_attributes({"it": attribute}) == {"it": value}
