"""`make hunt`, and docs/guarantees.md, which says what it looks for."""

import re
import subprocess

import pytest

from tests.served import ROOT
from tests.simulation import promises
from tests.simulation.promises import Promise
from tests.simulation.test_hunt import SEEDS

GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text()


def hunt(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["make", "hunt", *words], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_hunt_shows_its_progress_and_its_figures() -> None:
    answer = hunt("SEEDS=20", "FIRST=7")
    assert answer.returncode == 0, answer.stderr
    assert "100 %  20 seeds" in answer.stdout
    assert re.search(r"^20 seeds, \d+\.\d database-years", answer.stdout, flags=re.MULTILINE)
    assert re.search(r"^ +[\d,]+  starts by the app$", answer.stdout, flags=re.MULTILINE)


def test_one_seed_is_shown_step_by_step() -> None:
    answer = hunt("SEED=7", "STEPS=0-2")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("  step ") == 3
    assert "again: make hunt SEED=7 STEPS=0-2" in answer.stdout


@pytest.mark.parametrize("promise", Promise)
def test_every_promise_is_explained(promise: Promise) -> None:
    assert f"## {promise.capitalize()}: " in GUARANTEES


def test_the_figures_of_the_guarantees_are_those_of_the_tests() -> None:
    assert f"plays {len(SEEDS)} seeds" in GUARANTEES
    assert promises.GRACE == 3 * promises.MINUTE
    assert "three\nminutes" in GUARANTEES
