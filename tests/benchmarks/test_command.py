"""`make bench`, with little of everything."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.served import ROOT

FOLDER = ROOT / "build" / "performance"


def bench(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["make", "bench", *words], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric has wheels for Linux only")
def test_it_measures_everything_and_says_how_each_figure_stands_to_its_goal(tmp_path: Path) -> None:
    trace = tmp_path / "moments.csv"
    trace.write_text("queried_at\n2026-03-02T09:00:00Z\n2026-03-02T09:20:00Z\n2026-03-04T20:00:00Z\n")
    (FOLDER / "performance.md").unlink(missing_ok=True)
    done = bench("QUICK=1", f"TRACE={trace}")
    page = (FOLDER / "performance.md").read_text()
    # A goal may be missed where so little is measured; then make says so, too.
    assert (done.returncode != 0) is ("\nMISSED" in done.stdout), done.stderr
    assert re.search(r"^met    Stops while in use: 0 ", done.stdout, flags=re.MULTILINE)
    lines = re.findall(r"^(?:met   |MISSED) (.+?): .+, goal at most ", done.stdout, flags=re.MULTILINE)
    assert len(lines) > 20
    assert [name for name in lines if f"| {name.split(': ')[0]}" not in page] == []
    assert "Written to build/performance/performance.md" in done.stdout
    assert (FOLDER / "images" / "hours.svg").exists()


def test_a_trace_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    trace = tmp_path / "moments.csv"
    trace.write_text("queried_at\nyesterday\n")
    done = bench(f"TRACE={trace}")
    assert done.returncode == 2
    assert "line 2" in done.stderr
    assert "Traceback" not in done.stderr
