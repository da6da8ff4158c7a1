"""The chapters as a page of Markdown, and the figures as lines for a terminal."""

from collections.abc import Sequence
from typing import Final

from benchmarks.figures import Chapter, Figure, Table

_UNEXPLAINED: Final = "Nothing is known of why: measure again while the machine has nothing else to do."


def line(figure: Figure) -> str:
    """One figure with its goal and whether it is met."""
    if figure.goal is None:
        return f"       {figure.name}: {spell(figure)}"
    return f"{'met   ' if figure.is_met else 'MISSED'} {figure.name}: {spell(figure)}, goal at most {_goal(figure)}"


def spell(figure: Figure) -> str:
    """The value with its unit."""
    return f"{number(figure.value)} {figure.unit}".rstrip()


def number(value: float) -> str:
    """Enough digits to see what matters, and no more."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"


def page(chapters: Sequence[Chapter], machine: str, repeat: str) -> str:
    """The whole page."""
    figures = [figure for chapter in chapters for figure in chapter.figures]
    missed = sum(not figure.is_met for figure in figures)
    goals = sum(figure.goal is not None for figure in figures)
    parts = [
        "# Performance",
        f"Written by `{repeat}`, not by hand. Measured on {machine}.",
        f"{goals - missed} of {goals} goals are met.",
        *(_summary(chapters)),
        *(part for chapter in chapters for part in _chapter(chapter)),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(chapters: Sequence[Chapter]) -> list[str]:
    rows = tuple(
        (figure.name, spell(figure), _goal(figure), "yes" if figure.is_met else "no")
        for chapter in chapters
        for figure in chapter.figures
        if figure.goal is not None
    )
    return [_table(Table(("figure", "measured", "goal, at most", "met"), rows))]


def _chapter(chapter: Chapter) -> list[str]:
    told = [f"- {figure.name}: {spell(figure)}" for figure in chapter.figures if figure.goal is None]
    missed = [
        f"**Missed: {figure.name}**, {spell(figure)} instead of {_goal(figure)}. {figure.remark or _UNEXPLAINED}"
        for figure in chapter.figures
        if not figure.is_met
    ]
    picture = f"![{chapter.title}](images/{chapter.plot})" if chapter.plot else ""
    parts = [f"## {chapter.title}", chapter.method, picture, *map(_table, chapter.tables), "\n".join(told), *missed]
    return [part for part in (*parts, chapter.meaning) if part]


def _goal(figure: Figure) -> str:
    return "" if figure.goal is None else f"{number(figure.goal)} {figure.unit}".rstrip()


def _table(table: Table) -> str:
    rule = ("---", *("---:" for _ in table.head[1:]))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (table.head, rule, *table.rows))
