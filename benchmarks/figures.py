"""What a benchmark gives: figures with their goals, and the tables they come from."""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[str], None]
"""Takes one short line that says what is being measured now."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value and the most that it may be; ``goal`` is None where it is only told."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    remark: str = ""
    """Where the goal is missed: why, and what was tried."""

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached. A figure without a goal misses none."""
        return self.goal is None or self.value <= self.goal


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a head, as a reader sees them. The first column is text, the others are numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One subject: how it was measured, in Markdown, what came out, and what that means."""

    title: str
    method: str
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]
    meaning: str = ""
    plot: str = ""
    """The name of a picture in docs/images that belongs to it, if there is one."""
