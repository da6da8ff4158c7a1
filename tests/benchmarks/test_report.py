"""The results of a benchmark on the terminal and on the page."""

from pathlib import Path

import pytest

from benchmarks.plot import Bar, draw
from benchmarks.report import line, number, page
from benchmarks.results import Result, Section, Table

MET = Result("median", 1.5, "s", goal=2.0)
MISSED = Result("worst", 3.0, "s", goal=2.0, explanation="The disk is slow.")
WITHOUT_GOAL = Result("zip", 1234567, "bytes")


def section(*results: Result) -> Section:
    table = Table(("what", "seconds"), (("one", "1.5"),))
    return Section("Starting", "Started a hundred times.", (table,), results, "It starts.", "starting.svg")


def test_line__of_a_result__says_whether_the_goal_is_met() -> None:
    assert line(MET) == "met    median: 1.500 s, goal at most 2 s"
    assert line(MISSED).startswith("MISSED worst: 3 s")
    assert line(WITHOUT_GOAL) == "       zip: 1,234,567 bytes"


def test_page__with_a_missed_goal__has_the_value_and_the_explanation() -> None:
    written = page([section(MET, MISSED, WITHOUT_GOAL)], "a machine", "make bench")
    assert "1 of 2 goals are met." in written
    assert "| median | 1.500 s | 2 s | yes |" in written
    assert "**Missed: worst**, 3 s instead of 2 s. The disk is slow" in written
    assert "- zip: 1,234,567 bytes" in written
    assert "![Starting](images/starting.svg)" in written
    assert "| what | seconds |\n| --- | ---: |\n| one | 1.5 |" in written


def test_page__with_a_missed_goal_without_explanation__says_so() -> None:
    assert "Measure again" in page([section(Result("worst", 3.0, "s", goal=2.0))], "a machine", "make bench")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0449, "0.045"), (1.006, "1.006"), (36.42, "36.42"), (353.44, "353.4"), (8760.4, "8,760")],
    ids=["zero", "small", "about-one", "tens", "hundreds", "thousands"],
)
def test_number__has_three_or_four_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_image__of_the_same_bars__is_the_same(tmp_path: Path) -> None:
    always_on = Bar("always on", 730, 26.0)
    for name in ("one.svg", "two.svg"):
        draw([always_on, Bar("this app", 30.5, 1.09, is_app=True)], tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    draw([always_on, Bar("this app", 45, 1.5, is_app=True)], tmp_path / "other.svg")
    assert (tmp_path / "other.svg").read_bytes() != (tmp_path / "one.svg").read_bytes()
