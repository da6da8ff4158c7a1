"""Any CSV file of times can be replayed; for an invalid file, the error has the line and the reason."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.trace import TraceError, read_trace

NINE, TEN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC), datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "times.csv"


@pytest.mark.parametrize(
    "text",
    [
        "queried_at\n2026-03-02T09:00:00Z\n2026-03-02T10:00:00Z\n",
        "2026-03-02T09:00:00Z\n2026-03-02T10:00:00Z\n",
        "when,who\n2026-03-02T09:00:00,ann\n2026-03-02 10:00,bob\n",
        "who,queried_at\r\nann,2026-03-02T14:30:00+05:30\r\n\r\nbob,2026-03-02T10:00:00Z\r\n",
        "\ufeffqueried_at\n2026-03-02T10:00:00Z\n2026-03-02T09:00:00Z",
    ],
    ids=["header", "no-header", "first-column-without-offset", "named-column-with-offset", "unordered-with-bom"],
)
def test_read_trace__of_a_valid_file__returns_ordered_utc_times(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="")
    assert read_trace(file) == (NINE, TEN)
    assert all(at.tzinfo is UTC for at in read_trace(file))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("queried_at\n2026-03-02T09:00:00Z\nyesterday\n", "line 3: 'yesterday' is not an ISO 8601 time"),
        ("queried_at\n\n1772442000\n", "line 3: '1772442000' is not an ISO 8601 time"),
        ("who,queried_at\nann\n", "line 2: column 2 (queried_at) is missing"),
        ("queried_at\n", "contains no times"),
        ("", "contains no times"),
    ],
    ids=["word", "unix-time", "missing-column", "header-only", "empty"],
)
def test_read_trace__of_an_invalid_file__raises_an_error_with_its_place(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(TraceError) as error:
        read_trace(file)
    assert str(file) in str(error.value)
    assert message in str(error.value)


def test_read_trace__of_a_missing_or_binary_file__raises_an_error(file: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read as CSV"):
        read_trace(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TraceError, match="cannot be read as CSV"):
        read_trace(file)


def test_default_trace__covers_one_year() -> None:
    trace = read_trace()
    assert len(trace) == 618
    assert 365 <= (trace[-1] - trace[0]).days <= 400
