"""docs/performance.md is what `make bench` writes, and the README's figures are its."""

import re

import pytest

from benchmarks import bill
from tests.served import ROOT

PAGE = (ROOT / "docs" / "performance.md").read_text()
README = (ROOT / "README.md").read_text()
INTERVALS = {15: "15 minutes, the default", 5: "5 minutes", 1: "1 minute"}


def row(text: str, first: str) -> list[str]:
    """The cells of the table's row that begins so."""
    [found] = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in found.strip("|").split("|")][1:]


@pytest.mark.parametrize(("column", "minutes"), enumerate(INTERVALS))
def test_readme__numbers_of_the_benchmarks__are_those_measured(column: int, minutes: int) -> None:
    hours, usd = row(README, INTERVALS[minutes])[:2]
    assert hours == row(PAGE, "every minute" if minutes == 1 else f"every {minutes} minutes")[0]
    assert float(usd) == pytest.approx(float(row(PAGE, "total, USD")[column]), abs=0.02)


def test_readme__intervals_of_the_bill__are_all_listed() -> None:
    assert tuple(INTERVALS) == bill.INTERVALS


def test_missed_goals__each__has_a_reason() -> None:
    [(met, goals)] = re.findall(r"^(\d+) of (\d+) goals are met\.$", PAGE, flags=re.MULTILINE)
    missed = re.findall(r"^\*\*Missed: [^*]+\*\*, .+ instead of .+\. \S.+$", PAGE, flags=re.MULTILINE)
    assert int(goals) > 20
    assert len(missed) == int(goals) - int(met) == len(re.findall(r"\| no \|$", PAGE, flags=re.MULTILINE))
    assert "No explanation is known" not in PAGE


def test_pictures__each__exists() -> None:
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", PAGE)
    assert pictures
    assert all((ROOT / "docs" / picture).exists() for picture in pictures)
