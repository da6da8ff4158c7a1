"""The sections as a Markdown page, and the results as lines for a terminal."""

from collections.abc import Sequence
from typing import Final

from benchmarks.results import Result, Section, Table

_NO_EXPLANATION: Final = "No explanation is known. Measure again while the machine is idle."


def line(result: Result) -> str:
    """One result with its goal, and whether the goal is met."""
    if result.goal is None:
        return f"       {result.name}: {value_of(result)}"
    return f"{'met   ' if result.is_met else 'MISSED'} {result.name}: {value_of(result)}, goal at most {_goal(result)}"


def value_of(result: Result) -> str:
    """The value with its unit."""
    return f"{number(result.value)} {result.unit}".rstrip()


def number(value: float) -> str:
    """The number with three or four significant digits."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"


def page(sections: Sequence[Section], machine: str, repeat: str) -> str:
    """The whole page."""
    results = [result for section in sections for result in section.results]
    missed = sum(not result.is_met for result in results)
    goals = sum(result.goal is not None for result in results)
    parts = [
        "# Performance",
        f"Written by `{repeat}`; do not edit it. Measured on {machine}.",
        f"{goals - missed} of {goals} goals are met.",
        *(_summary(sections)),
        *(part for section in sections for part in _section(section)),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(sections: Sequence[Section]) -> list[str]:
    rows = tuple(
        (result.name, value_of(result), _goal(result), "yes" if result.is_met else "no")
        for section in sections
        for result in section.results
        if result.goal is not None
    )
    return [_table(Table(("result", "measured", "goal, at most", "met"), rows))]


def _section(section: Section) -> list[str]:
    without_goal = [f"- {result.name}: {value_of(result)}" for result in section.results if result.goal is None]
    missed = [
        f"**Missed: {result.name}**, {value_of(result)} instead of {_goal(result)}. "
        f"{result.explanation or _NO_EXPLANATION}"
        for result in section.results
        if not result.is_met
    ]
    image = f"![{section.title}](images/{section.plot})" if section.plot else ""
    parts = [
        f"## {section.title}",
        section.method,
        image,
        *map(_table, section.tables),
        "\n".join(without_goal),
        *missed,
    ]
    return [part for part in (*parts, section.conclusion) if part]


def _goal(result: Result) -> str:
    return "" if result.goal is None else f"{number(result.goal)} {result.unit}".rstrip()


def _table(table: Table) -> str:
    rule = ("---", *("---:" for _ in table.head[1:]))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (table.head, rule, *table.rows))
