"""A trace: the times at which users need the database, from a CSV file."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

DEFAULT: Final = Path(__file__).parent / "data" / "activity-trace.csv"
COLUMN: Final = "queried_at"

Trace = tuple[datetime, ...]
"""Aware UTC datetimes, ascending."""


class TraceError(Exception):
    """A file that cannot be replayed: the error, its place and its remedy."""


def read_trace(path: Path = DEFAULT) -> Trace:
    """The times in the file's column ``queried_at``, or in its first column.

    ISO 8601; a time without an offset is UTC. The header may be missing, and the order is free. Raises TraceError.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            lines = [(rows.line_num, row) for row in rows if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TraceError(
            f"{path} cannot be read as CSV: {error}. Set TRACE to the path of a CSV file in UTF-8."
        ) from error
    column, lines = _take_header(lines)
    times = sorted(_time(path, number, row, column) for number, row in lines)
    if not times:
        raise TraceError(f"{path} contains no times. Write at least one ISO 8601 time, one on each line.")
    return tuple(times)


def _take_header(lines: list[tuple[int, list[str]]]) -> tuple[int, list[tuple[int, list[str]]]]:
    """The column that holds the times, and the lines below the header. A first line without a time is a header."""
    if not lines:
        return 0, lines
    names = [cell.strip() for cell in lines[0][1]]
    if COLUMN in names:
        return names.index(COLUMN), lines[1:]
    return 0, lines if any(char.isdigit() for char in names[0]) else lines[1:]


def _time(path: Path, number: int, row: list[str], column: int) -> datetime:
    if len(row) <= column:
        raise TraceError(f"{path}, line {number}: column {column + 1} ({COLUMN}) is missing. Add the time.")
    text = row[column].strip()
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise TraceError(
            f"{path}, line {number}: {text!r} is not an ISO 8601 time. "
            "Write it like 2026-03-02T09:00:00Z, or remove the line."
        ) from None
