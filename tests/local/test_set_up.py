"""dev/set-up, which installs the packages: with stand-ins for Python and uv, as tests install nothing."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.served import ROOT

PYTHON = """#!/bin/sh
case "$*" in *"config get global.index-url"*) echo https://packages.example/simple ;; esac
"""
UV = """#!/bin/sh
[ "$1" = --version ] && exit 0
echo "$UV_DEFAULT_INDEX" "$@" >>"$0.log"
exit "${UV_FAILS:-0}"
"""


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment that has uv, in a folder with a space in its name."""
    folder = tmp_path / "a clone" / ".venv"
    (folder / "bin").mkdir(parents=True)
    for name, text in (("python", PYTHON), ("uv", UV)):
        program = folder / "bin" / name
        program.write_text(text)
        program.chmod(0o755)
    return folder


def set_up(venv: Path, packages: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    command = [str(ROOT / "dev" / "set-up"), str(venv), packages]
    return subprocess.run(command, env={**kept, **environ}, capture_output=True, text=True, check=False)


def installed(venv: Path) -> list[str]:
    """The names of the requirements files that uv was given."""
    return re.findall(r"requirements-\w+\.txt", (venv / "bin" / "uv.log").read_text())


def markers(venv: Path) -> set[str]:
    return {path.name for path in venv.iterdir() if path.is_file()}


@pytest.mark.parametrize(("packages", "marked"), [("run", {"run"}), ("dev", {"run", "dev"})])
def test_set_up__of_a_set__installs_its_pins_and_marks_it(venv: Path, packages: str, marked: set[str]) -> None:
    done = set_up(venv, packages)
    assert done.returncode == 0, done.stderr
    assert installed(venv) == [f"requirements-{packages}.txt"]
    assert markers(venv) == marked


def test_set_up__of_run_where_dev_is_installed__keeps_the_packages_of_dev(venv: Path) -> None:
    (venv / "dev").touch()
    assert set_up(venv, "run").returncode == 0
    assert installed(venv) == ["requirements-dev.txt"]
    assert markers(venv) == {"run", "dev"}


def test_set_up__that_fails__leaves_no_marker(venv: Path) -> None:
    (venv / "run").touch()
    assert set_up(venv, "dev", UV_FAILS="3").returncode != 0
    assert markers(venv) == set()


@pytest.mark.parametrize(
    ("environ", "index"),
    [
        ({}, "https://packages.example/simple"),
        ({"PIP_INDEX_URL": "https://pip.example/simple"}, "https://pip.example/simple"),
        ({"UV_DEFAULT_INDEX": "https://uv.example/simple"}, "https://uv.example/simple"),
    ],
    ids=["pip's configuration", "pip's environment variable", "uv's environment variable"],
)
def test_set_up__with_an_index_of_ones_own__passes_it_to_uv(venv: Path, environ: dict[str, str], index: str) -> None:
    assert set_up(venv, "run", **environ).returncode == 0
    assert (venv / "bin" / "uv.log").read_text().split()[0] == index


def test_pins_of_run_are_pins_of_dev_too() -> None:
    run, dev = ((ROOT / f"requirements-{name}.txt").read_text() for name in ("run", "dev"))
    pins = re.findall(r"^[a-z].*?==.*(?:\n    .*)*", run, flags=re.MULTILINE)
    assert len(pins) > 50
    assert [pin for pin in pins if pin not in dev] == []


def test_pins_name_no_index() -> None:
    assert "://" not in "".join((ROOT / f"requirements-{name}.txt").read_text() for name in ("run", "dev"))
