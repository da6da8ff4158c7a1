"""`make fuzz`, and docs/guarantees.md, which describes what it checks."""

import re
import subprocess

import pytest

from tests.served import ROOT
from tests.simulation import invariants
from tests.simulation.report import Invariant
from tests.simulation.test_fuzz import SEEDS

GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text()


def make_fuzz(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["make", "fuzz", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_make_fuzz__with_several_seeds__shows_progress_and_counters() -> None:
    answer = make_fuzz("SEEDS=12", "FIRST=1")
    assert answer.returncode == 0, answer.stderr
    assert "100 %  12 seeds" in answer.stdout
    assert re.search(r"^12 seeds, \d+\.\d database-years", answer.stdout, flags=re.MULTILINE)
    assert re.search(r"^ +[\d,]+  starts by the app$", answer.stdout, flags=re.MULTILINE)


def test_make_fuzz__with_one_seed_and_steps__shows_these_steps() -> None:
    answer = make_fuzz("SEED=7", "STEPS=0-2")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("  step ") == 3
    assert "repeat it: make fuzz SEED=7 STEPS=0-2" in answer.stdout


@pytest.mark.parametrize("invariant", Invariant)
def test_guarantees__for_every_invariant__have_a_section(invariant: Invariant) -> None:
    assert f"## {invariant.capitalize()}: " in GUARANTEES


def test_guarantees__of_the_tests_and_bounds__have_the_same_numbers() -> None:
    assert f"runs {len(SEEDS)} seeds" in GUARANTEES
    assert invariants.GRACE == 3 * invariants.MINUTE
    assert re.search(r"three\s+minutes", GUARANTEES)
