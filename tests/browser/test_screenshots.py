"""`make screenshots`, for one state."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.served import ROOT


@pytest.mark.usefixtures("browser")
def test_it_takes_pictures_of_every_look(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.browser.screenshots", "--only", "sign-in", "--to", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    taken = sorted(tmp_path.iterdir())
    assert done.stdout.splitlines() == [
        str(path) for path in sorted(taken, key=lambda p: ("dark" in p.name, "narrow" in p.name))
    ]
    assert [path.name for path in taken] == [
        f"sign-in-{scheme}-{width}.png" for scheme in ("dark", "light") for width in ("narrow", "wide")
    ]
    widths = [struct.unpack(">I", path.read_bytes()[16:20])[0] for path in taken]
    assert widths == [320, 1000, 320, 1000]
