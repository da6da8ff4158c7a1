"""`make screenshots`, for one state."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.served import ROOT


@pytest.mark.usefixtures("browser")
def test_screenshots__of_one_state__are_light_and_dark_in_both_widths(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.browser.screenshots", "--only", "sign-in", "--to", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    files = [tmp_path / f"sign-in-{scheme}-{width}.png" for scheme in ("light", "dark") for width in ("wide", "narrow")]
    assert result.stdout.splitlines() == [str(file) for file in files]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    widths = [struct.unpack(">I", file.read_bytes()[16:20])[0] for file in files]
    assert widths == [1000, 320, 1000, 320]
