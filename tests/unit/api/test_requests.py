"""Request bodies, query parameters and payloads."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.api.requests import body_of, read_days, read_hold, read_start_payload
from chalicelib.domain.errors import BadRequest


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        pytest.param(b'{"hours": 3}', timedelta(hours=3), id="hours"),
        pytest.param('{"hours": 0.5}', timedelta(minutes=30), id="a fraction of an hour, as text"),
        pytest.param(b'{"hours": 168}', timedelta(days=7), id="the most hours"),
        pytest.param(
            b'{"until": "2026-03-02T18:00:00+01:00"}', datetime(2026, 3, 2, 17, tzinfo=UTC), id="time with an offset"
        ),
        pytest.param(b'{"until": "2026-03-02T18:00"}', datetime(2026, 3, 2, 18, tzinfo=UTC), id="time without one"),
    ],
)
def test_read_hold__hours_or_until__is_the_duration_or_the_end(body: bytes | str, wanted: timedelta | datetime) -> None:
    assert read_hold(body) == wanted


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="no body"),
        pytest.param(b"", id="empty body"),
        pytest.param(b"hours=3", id="form data"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b"3", id="a number"),
        pytest.param(b'{"hours": 0}', id="zero hours"),
        pytest.param(b'{"hours": -1}', id="negative hours"),
        pytest.param(b'{"hours": 168.1}', id="too many hours"),
        pytest.param(b'{"hours": "3"}', id="hours as text"),
        pytest.param(b'{"hours": true}', id="hours as a boolean"),
        pytest.param(b'{"hours": NaN}', id="NaN"),
        pytest.param(b'{"hours": 1' + b"0" * 400 + b"}", id="a number too large for a float"),
        pytest.param(b'{"hours": Infinity}', id="infinity"),
        pytest.param(b'{"hours": 3, "until": "2026-03-02T18:00:00Z"}', id="hours and until"),
        pytest.param(b'{"until": 1772442001}', id="until as a number"),
        pytest.param(b'{"until": "tomorrow"}', id="until as a word"),
        pytest.param(b"[" * 100_000, id="too deeply nested"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
    ],
)
def test_read_hold__any_other_body__raises_bad_request_with_an_example(body: bytes | None) -> None:
    with pytest.raises(BadRequest, match=re.escape('Send {"hours": 3}')):
        read_hold(body)


@settings(max_examples=100)
@given(st.binary(max_size=50))
def test_read_hold__arbitrary_bytes__raises_nothing_but_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_hold(body)


class Undecodable:
    """A request whose body is declared as base64 and is not."""

    @property
    def raw_body(self) -> bytes:
        raise ValueError("Incorrect padding")


def test_body_of__not_decodable__raises_bad_request() -> None:
    with pytest.raises(BadRequest, match="cannot be decoded"):
        body_of(Undecodable())


@pytest.mark.parametrize(
    ("query", "days"),
    [
        pytest.param(None, 7, id="no query"),
        pytest.param({"other": "1"}, 7, id="another parameter"),
        pytest.param({"days": "1"}, 1, id="fewest"),
        pytest.param({"days": "90"}, 90, id="most"),
    ],
)
def test_read_days__valid_or_missing__is_the_number(query: dict[str, str] | None, days: int) -> None:
    assert read_days(query) == days


@pytest.mark.parametrize("text", ["", "0", "91", "-1", "7.5", "007", "seven", "\u0667"])
def test_read_days__anything_else__raises_bad_request(text: str) -> None:
    with pytest.raises(BadRequest, match="from 1 to 90"):
        read_days({"days": text})


@pytest.mark.parametrize(
    ("payload", "database_id"),
    [
        pytest.param({"database": "analytics"}, "analytics", id="an id"),
        pytest.param({}, None, id="an empty object"),
        pytest.param(None, None, id="nothing"),
        pytest.param("x", None, id="text"),
        pytest.param([], None, id="a list"),
        pytest.param({"source": "aws.events", "detail": {}}, None, id="the event of a schedule"),
    ],
)
def test_read_start_payload__any_payload__is_the_id_or_the_default_database(
    payload: object, database_id: str | None
) -> None:
    assert read_start_payload(payload) == database_id


def test_read_start_payload__id_is_not_text__raises_bad_request() -> None:
    with pytest.raises(BadRequest):
        read_start_payload({"database": 3})
