"""What a benchmark says, on a terminal and on the page."""

from pathlib import Path

import pytest

from benchmarks.results import Section, Result, Table
from benchmarks.plot import Bar, draw
from benchmarks.report import line, number, page

MET = Result("median", 1.5, "s", goal=2.0)
MISSED = Result("worst", 3.0, "s", goal=2.0, explanation="The disk is slow; a faster one was not to be had.")
TOLD = Result("zip", 1234567, "bytes")


def section(*results: Result) -> Section:
    table = Table(("what", "seconds"), (("one", "1.5"),))
    return Section("Starting", "Started a hundred times.", (table,), results, "It starts.", "starting.svg")


def test_a_line_says_whether_the_goal_is_met() -> None:
    assert line(MET) == "met    median: 1.500 s, goal at most 2 s"
    assert line(MISSED).startswith("MISSED worst: 3 s")
    assert line(TOLD) == "       zip: 1,234,567 bytes"


def test_the_page_says_by_how_much_a_goal_is_missed_and_why() -> None:
    written = page([section(MET, MISSED, TOLD)], "a machine", "make bench")
    assert "1 of 2 goals are met." in written
    assert "| median | 1.500 s | 2 s | yes |" in written
    assert "**Missed: worst**, 3 s instead of 2 s. The disk is slow" in written
    assert "- zip: 1,234,567 bytes" in written
    assert "![Starting](images/starting.svg)" in written
    assert "| what | seconds |\n| --- | ---: |\n| one | 1.5 |" in written


def test_a_miss_without_a_reason_is_not_passed_over() -> None:
    assert "measure again" in page([section(Result("worst", 3.0, "s", goal=2.0))], "a machine", "make bench")


@pytest.mark.parametrize(
    ("value", "spelled"),
    [(0, "0"), (0.0449, "0.045"), (1.006, "1.006"), (36.42, "36.42"), (353.44, "353.4"), (8760.4, "8,760")],
)
def test_numbers_show_what_matters(value: float, spelled: str) -> None:
    assert number(value) == spelled


def test_the_same_bars_give_the_same_picture(tmp_path: Path) -> None:
    always_on = Bar("always on", 730, 26.0)
    for name in ("one.svg", "two.svg"):
        draw([always_on, Bar("this app", 30.5, 1.09, is_ours=True)], tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    draw([always_on, Bar("this app", 45, 1.5, is_ours=True)], tmp_path / "other.svg")
    assert (tmp_path / "other.svg").read_bytes() != (tmp_path / "one.svg").read_bytes()
