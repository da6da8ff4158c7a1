"""The results of a benchmark with their goals, and the tables that they come from."""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[str], None]
"""Called with one short line about what is measured now."""


@dataclass(frozen=True, slots=True)
class Result:
    """One measured value and the most that it may be; without a goal it is only reported."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    explanation: str = ""
    """If the goal is missed: the reason, and what was tried."""

    @property
    def is_met(self) -> bool:
        """Whether the goal is met. A result without a goal counts as met."""
        return self.goal is None or self.value <= self.goal


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text and their head. The first column is text, the others are numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the page: the method, the results, and the conclusion, in Markdown."""

    title: str
    method: str
    tables: tuple[Table, ...]
    results: tuple[Result, ...]
    conclusion: str = ""
    plot: str = ""
    """The name of its image in docs/images, if it has one."""
