"""One chapter on the screen, for whoever runs one benchmark alone."""

from benchmarks.figures import Chapter


def show(chapter: Chapter) -> None:
    """Its tables, and one line for each figure with its goal."""
    for table in chapter.tables:
        for row in (table.head, *table.rows):
            print(*row, sep="\t")
    for figure in chapter.figures:
        goal = "" if figure.goal is None else f" (at most {figure.goal:g}: {'met' if figure.is_met else 'MISSED'})"
        print(f"{figure.name}: {figure.value:.2f} {figure.unit}{goal}")
