"""Times as other people's code writes them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.timestamps import format_duration, format_time, parse_time

AT = datetime(2026, 3, 2, 9, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-02T09:00:01",
        "2026-03-02T09:00:01Z",
        "2026-03-02 09:00:01+00:00",
        "2026-03-02T10:00:01+01:00",
        "2026-03-02T04:30:01-04:30",
        "  2026-03-02T09:00:01.000000Z ",
        "1772442001",
        "1772442001.0",
        "1.772442001e9",
        1772442001,
        1772442001.0,
        Decimal(1772442001),
    ],
)
def test_all_of_these_are_the_same_moment(value: object) -> None:
    assert parse_time(value) == AT
    assert parse_time(value).tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2026-13-45T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1e400",
        float("inf"),
        float("nan"),
        1772442001000000,
        Decimal("NaN"),
        True,
        None,
        b"2026",
        ["2026-03-02"],
        {},
    ],
)
def test_everything_else_is_refused_in_words(value: object) -> None:
    with pytest.raises(ValueError, match=r"^it is"):
        parse_time(value)


@given(st.text() | st.integers() | st.floats() | st.binary() | st.none() | st.booleans())
def test_garbage_is_never_worse_than_a_value_error(value: object) -> None:
    try:
        assert parse_time(value).tzinfo is UTC
    except ValueError as refusal:
        assert str(refusal).startswith("it is")  # noqa: PT017 - both outcomes are fine, anything else is not


def test_times_are_shown_in_utc_with_whole_seconds() -> None:
    assert format_time(AT.replace(microsecond=999_999)) == "2026-03-02T09:00:01Z"
    assert format_time(AT.astimezone(timezone(timedelta(hours=-5)))) == "2026-03-02T09:00:01Z"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (45.9, "45 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (47.5 * 3600, "47 h 30 min"),
        (48 * 3600, "2 days"),
        (51 * 3600, "2 days 3 h"),
    ],
)
def test_durations_are_spelled_as_people_say_them(seconds: float, words: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == words
