"""Bodies that people send."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.requests import read_hold, read_start_payload
from chalicelib.domain.errors import BadRequest


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"hours": 3}', timedelta(hours=3)),
        ('{"hours": 0.5}', timedelta(minutes=30)),
        (b'{"hours": 168}', timedelta(days=7)),
        (b'{"until": "2026-03-02T18:00:00+01:00"}', datetime(2026, 3, 2, 17, tzinfo=UTC)),
        (b'{"until": "2026-03-02T18:00"}', datetime(2026, 3, 2, 18, tzinfo=UTC)),
    ],
)
def test_a_hold_is_so_long_or_until_then(body: bytes | str, wanted: timedelta | datetime) -> None:
    assert read_hold(body) == wanted


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"",
        b"hours=3",
        b"[]",
        b"{}",
        b"3",
        b'{"hours": 0}',
        b'{"hours": -1}',
        b'{"hours": 168.1}',
        b'{"hours": "3"}',
        b'{"hours": true}',
        b'{"hours": NaN}',
        b'{"hours": 1' + b"0" * 400 + b"}",
        b'{"hours": Infinity}',
        b'{"hours": 3, "until": "2026-03-02T18:00:00Z"}',
        b'{"until": 1772442001}',
        b'{"until": "tomorrow"}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_every_other_body_is_refused_with_an_example(body: bytes | None) -> None:
    with pytest.raises(BadRequest, match=re.escape('Send {"hours": 3}')):
        read_hold(body)


@given(st.binary())
def test_no_body_is_worse_than_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_hold(body)


def test_a_direct_call_names_a_database_or_means_the_default_one() -> None:
    assert read_start_payload({"database": "analytics"}) == "analytics"
    others: list[object] = [{}, None, "x", [], {"source": "aws.events", "detail": {}}]
    for payload in others:
        assert read_start_payload(payload) is None
    with pytest.raises(BadRequest):
        read_start_payload({"database": 3})
