"""Times that other programs write, and times and durations that people read."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.timestamps import format_duration, format_time, parse_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AT = datetime(2026, 3, 2, 9, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("2026-03-02T09:00:01", id="without an offset"),
        pytest.param("2026-03-02T09:00:01Z", id="with Z"),
        pytest.param("2026-03-02 09:00:01+00:00", id="with a space instead of T"),
        pytest.param("2026-03-02T10:00:01+01:00", id="with an offset east of UTC"),
        pytest.param("2026-03-02T04:30:01-04:30", id="with an offset west of UTC"),
        pytest.param("  2026-03-02T09:00:01.000000Z ", id="with microseconds, between spaces"),
        pytest.param("20260302T090001Z", id="without separators"),
        pytest.param("2026-03-02t09:00:01", id="with a small t"),
        pytest.param("1772442001", id="epoch seconds as text"),
        pytest.param("1772442001.0", id="epoch seconds with a fraction as text"),
        pytest.param("1.772442001e9", id="epoch seconds with an exponent as text"),
        pytest.param(1772442001, id="epoch seconds as an integer"),
        pytest.param(1772442001.0, id="epoch seconds as a float"),
        pytest.param(Decimal(1772442001), id="epoch seconds as a Decimal"),
        pytest.param(1772442001000, id="epoch milliseconds as an integer"),
        pytest.param(Decimal(1772442001000), id="epoch milliseconds as a Decimal"),
        pytest.param("1772442001000", id="epoch milliseconds as text"),
    ],
)
def test_parse_time__any_accepted_form__is_the_same_utc_time(value: object) -> None:
    assert parse_time(value) == AT
    assert parse_time(value).tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty text"),
        pytest.param("yesterday", id="a word"),
        pytest.param("2026-03-02", id="a date"),
        pytest.param("20260302", id="a date without separators"),
        pytest.param("2026-W10-1", id="a week date"),
        pytest.param("2026-W10-1T09:00:01Z", id="a week date with a time of day"),
        pytest.param("2026-061T09:00:01Z", id="a day of the year with a time of day"),
        pytest.param("2026-03-02T", id="a date with an empty time of day"),
        pytest.param("09:00:01", id="a time of day"),
        pytest.param(0, id="the beginning of 1970"),
        pytest.param(Decimal(1767), id="a small number"),
        pytest.param("1767", id="a small number as text"),
        pytest.param(20260302, id="a date as a number"),
        pytest.param(-1772442001, id="a negative number"),
        pytest.param(999_999_999, id="a second before the first accepted epoch second"),
        pytest.param(999_999_999_999, id="a millisecond before the first accepted epoch millisecond"),
        pytest.param(100_000_000_000, id="the year 5138 as epoch seconds, or 1973 as milliseconds"),
        pytest.param("2026-13-45T00:00:00Z", id="a month that does not exist"),
        pytest.param("0001-01-01T00:00:00+23:59", id="before the first day of the calendar"),
        pytest.param("1e400", id="a number too large for a float as text"),
        pytest.param(float("inf"), id="infinity"),
        pytest.param(float("nan"), id="NaN"),
        pytest.param(1772442001000000, id="epoch microseconds"),
        pytest.param(Decimal("NaN"), id="NaN as a Decimal"),
        pytest.param(True, id="a boolean"),
        pytest.param(None, id="nothing"),
        pytest.param(b"2026", id="bytes"),
        pytest.param(["2026-03-02"], id="a list"),
        pytest.param({}, id="a map"),
    ],
)
def test_parse_time__anything_else__raises_value_error_with_the_cause(value: object) -> None:
    with pytest.raises(ValueError, match=r"^it is"):
        parse_time(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(1_000_000_000, datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC), id="first second"),
        pytest.param(1_000_000_000_000, datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC), id="first millisecond"),
        pytest.param(99_999_999_999, datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC), id="last second"),
        pytest.param("1999-12-31T23:59:59Z", datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), id="text before 2001"),
    ],
)
def test_parse_time__first_and_last_accepted_number__is_a_time(value: object, expected: datetime) -> None:
    assert parse_time(value) == expected


# From September 2001, as epoch seconds; later in this century, a float holds every millisecond.
DATETIMES = st.datetimes(datetime(2001, 9, 9, 1, 46, 40), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the time zone
OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(max_examples=200)
@given(DATETIMES, OFFSETS)
def test_parse_time__any_time_as_iso_8601__is_the_same_time(at: datetime, offset: timezone) -> None:
    assert parse_time(at.isoformat()) == at
    assert parse_time(at.replace(tzinfo=None).isoformat()) == at
    assert parse_time(at.astimezone(offset).isoformat()) == at


@settings(max_examples=200)
@given(DATETIMES)
def test_parse_time__any_time_as_epoch_seconds_or_milliseconds__is_the_same_time(at: datetime) -> None:
    second, millisecond = at.replace(microsecond=0), at.replace(microsecond=at.microsecond // 1000 * 1000)
    seconds = int(second.timestamp())
    milliseconds = (millisecond - EPOCH) // timedelta(milliseconds=1)
    for value in (seconds, float(seconds), Decimal(seconds), str(seconds)):
        assert parse_time(value) == second
    for value in (milliseconds, float(milliseconds), Decimal(milliseconds), str(milliseconds)):
        assert parse_time(value) == millisecond


@settings(max_examples=200)
@given(st.text() | st.integers() | st.floats() | st.binary() | st.none() | st.booleans())
def test_parse_time__arbitrary_value__returns_utc_or_raises_value_error(value: object) -> None:
    try:
        assert parse_time(value).tzinfo is UTC
    except ValueError as error:
        assert str(error).startswith("it is")  # noqa: PT017 - both results are correct, any other exception is not


@pytest.mark.parametrize(
    "at",
    [
        pytest.param(AT.replace(microsecond=999_999), id="microseconds are dropped"),
        pytest.param(AT.astimezone(timezone(timedelta(hours=-5))), id="another time zone"),
    ],
)
def test_format_time__aware_time__is_utc_with_whole_seconds(at: datetime) -> None:
    assert format_time(at) == "2026-03-02T09:00:01Z"


@pytest.mark.parametrize(
    ("seconds", "expected"),
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
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_format_duration__any_length__is_rounded_down_to_two_units(seconds: float, expected: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == expected
