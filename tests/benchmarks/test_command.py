"""`make bench`, with few measurements."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.served import ROOT

FOLDER = ROOT / "build" / "performance"


def make_bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["make", "bench", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric has wheels for Linux only")
def test_make_bench__with_quick__measures_everything_and_compares_it_with_the_goals(tmp_path: Path) -> None:
    trace = tmp_path / "times.csv"
    trace.write_text("queried_at\n2026-03-02T09:00:00Z\n2026-03-02T09:20:00Z\n2026-03-04T20:00:00Z\n")
    (FOLDER / "performance.md").unlink(missing_ok=True)
    done = make_bench("QUICK=1", f"TRACE={trace}")
    page = (FOLDER / "performance.md").read_text()
    # Few measurements may miss a goal; then make fails.
    assert (done.returncode != 0) is ("\nMISSED" in done.stdout), done.stderr
    assert re.search(r"^met    Stops while in use: 0 ", done.stdout, flags=re.MULTILINE)
    lines = re.findall(r"^(?:met   |MISSED) (.+?): .+, goal at most ", done.stdout, flags=re.MULTILINE)
    assert len(lines) > 20
    assert [name for name in lines if f"| {name.split(': ')[0]}" not in page] == []
    assert "Written to build/performance/performance.md" in done.stdout
    assert (FOLDER / "images" / "hours.svg").exists()


def test_make_bench__with_an_invalid_trace__says_so_at_once(tmp_path: Path) -> None:
    trace = tmp_path / "times.csv"
    trace.write_text("queried_at\nyesterday\n")
    done = make_bench(f"TRACE={trace}")
    assert done.returncode == 2
    assert "line 2" in done.stderr
    assert "Traceback" not in done.stderr
