"""A trace: the moments at which somebody needs the database, from a CSV file."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

DEFAULT: Final = Path(__file__).parent / "data" / "activity-trace.csv"
COLUMN: Final = "queried_at"

Trace = tuple[datetime, ...]
"""Aware UTC datetimes, ascending."""


class TraceError(Exception):
    """A file that cannot be replayed: what is wrong where, and what to do about it."""


def read_trace(path: Path = DEFAULT) -> Trace:
    """The moments in the file's column ``queried_at``, or in its first column where none is called so.

    ISO 8601; a time without an offset is UTC. The header may be missing, the order any. Raises TraceError.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            lines = [(rows.line_num, row) for row in rows if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise TraceError(f"{path} cannot be read as CSV: {fault}. Name a CSV file in UTF-8 with TRACE=path.") from fault
    column, lines = _take_header(lines)
    moments = sorted(_moment(path, number, row, column) for number, row in lines)
    if not moments:
        raise TraceError(f"{path} holds no times. It needs one ISO 8601 time a line, at least one.")
    return tuple(moments)


def _take_header(lines: list[tuple[int, list[str]]]) -> tuple[int, list[tuple[int, list[str]]]]:
    """The column that holds the times, and the lines below the header. A first line without a time is a header."""
    if not lines:
        return 0, lines
    names = [cell.strip() for cell in lines[0][1]]
    if COLUMN in names:
        return names.index(COLUMN), lines[1:]
    return 0, lines if any(char.isdigit() for char in names[0]) else lines[1:]


def _moment(path: Path, number: int, row: list[str], column: int) -> datetime:
    if len(row) <= column:
        raise TraceError(f"{path}, line {number}: no column {column + 1}, where the header has {COLUMN}. Add the time.")
    text = row[column].strip()
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise TraceError(
            f"{path}, line {number}: {text!r} is no ISO 8601 time. Write it like 2026-03-02T09:00:00Z, or leave it out."
        ) from None
