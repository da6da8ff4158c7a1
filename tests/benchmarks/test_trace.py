"""Any CSV of times can be replayed, and one that cannot says where and why."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.trace import TraceError, read_trace

NINE, TEN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC), datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "moments.csv"


@pytest.mark.parametrize(
    "text",
    [
        "queried_at\n2026-03-02T09:00:00Z\n2026-03-02T10:00:00Z\n",
        "2026-03-02T09:00:00Z\n2026-03-02T10:00:00Z\n",
        "when,who\n2026-03-02T09:00:00,ann\n2026-03-02 10:00,bob\n",
        "who,queried_at\r\nann,2026-03-02T14:30:00+05:30\r\n\r\nbob,2026-03-02T10:00:00Z\r\n",
        "\ufeffqueried_at\n2026-03-02T10:00:00Z\n2026-03-02T09:00:00Z",
    ],
    ids=["with a header", "without one", "first column, no offset", "named column, offset, Windows", "unordered, BOM"],
)
def test_a_csv_of_times_is_read_in_order_as_utc(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="")
    assert read_trace(file) == (NINE, TEN)
    assert all(moment.tzinfo is UTC for moment in read_trace(file))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("queried_at\n2026-03-02T09:00:00Z\nyesterday\n", "line 3: 'yesterday' is no ISO 8601 time"),
        ("queried_at\n\n1772442000\n", "line 3: '1772442000' is no ISO 8601 time"),
        ("who,queried_at\nann\n", "line 2: no column 2"),
        ("queried_at\n", "holds no times"),
        ("", "holds no times"),
    ],
)
def test_a_bad_csv_says_where_and_what_to_do(file: Path, text: str, told: str) -> None:
    file.write_text(text)
    with pytest.raises(TraceError) as error:
        read_trace(file)
    assert str(file) in str(error.value)
    assert told in str(error.value)


def test_a_file_that_is_not_there_or_no_text_says_so(file: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read as CSV"):
        read_trace(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TraceError, match="cannot be read as CSV"):
        read_trace(file)


def test_the_default_trace_is_a_year_of_use() -> None:
    trace = read_trace()
    assert len(trace) == 618
    assert 365 <= (trace[-1] - trace[0]).days <= 400
