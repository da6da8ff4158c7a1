"""`pip install ./client`: on the eldest Python with the eldest libraries that it allows, elsewhere with the newest."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest

from dev.local.postgres import LocalPostgres
from tests.served import ROOT

VERSIONS = ("3.11", "3.13")


def pythons() -> dict[str, str]:
    """Of the versions to be tested those that this machine has, and the one that runs this."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    folders = [*os.get_exec_path(), *map(str, Path.home().glob(".pyenv/versions/*/bin"))]
    found = {own: sys.executable}
    for version in VERSIONS:
        for folder in folders:
            python = shutil.which(f"python{version}", path=folder)
            if python and version not in found and works(python, version):
                found[version] = python
    return found


def works(python: str, version: str) -> bool:
    """A pyenv shim may stand for a version that is not active."""
    said = subprocess.run(
        [python, "-c", "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return said.stdout.strip() == version


def eldest() -> list[str]:
    """The libraries in the lowest versions that the client allows."""
    project = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]
    allowed = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    assert all(">=" in library for library in allowed)
    return [library.replace(">=", "==") for library in allowed]


def uv(*arguments: str | Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments], env=environ, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("version", pythons())
def test_it_works_where_it_is_installed(
    version: str, tmp_path: Path, postgres: LocalPostgres, record_property: Callable[[str, object], None]
) -> None:
    for missing in set(VERSIONS) - set(pythons()):
        # No skipped test: a machine has the Pythons that it has.
        record_property(
            "figure", f"Left out, because Python {missing} is not installed: the client on Python {missing}"
        )
    folder = tmp_path / "environment"
    uv("venv", "--quiet", "--python", pythons()[version], folder)
    extras = [f"{ROOT / 'client'}[sqlalchemy,fastapi,http]", "greenlet", "psycopg[binary]"]
    extras += eldest() if version == VERSIONS[0] else []
    uv("pip", "install", "--quiet", "--python", folder / "bin" / "python", *extras)
    done = subprocess.run(
        [folder / "bin" / "python", "-W", "error", ROOT / "tests" / "client" / "on_another_python.py", postgres.url],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"Python {version}." in done.stdout
    record_property("figure", f"The client, installed by itself, works on {done.stdout.strip()}")
    command = subprocess.run([folder / "bin" / "rds-lifecycle", "--help"], capture_output=True, text=True, check=False)
    assert command.returncode == 0
    assert "exit codes" in command.stdout


def test_alone_it_needs_boto3_and_nothing_else(tmp_path: Path) -> None:
    uv("build", "--quiet", "--wheel", "--out-dir", tmp_path, ROOT / "client")
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [metadata] = [name for name in names if name.endswith("METADATA")]
        requires = [line for line in archive.read(metadata).decode().splitlines() if line.startswith("Requires-Dist")]
    assert [line for line in requires if "extra ==" not in line] == ["Requires-Dist: boto3>=1.28"]
    assert "rds_lifecycle_client/py.typed" in names
    assert not [name for name in names if "__pycache__" in name or "test" in name]


def test_without_its_extras_it_reports_and_wakes_through_aws() -> None:
    code = (
        "import sys\n"
        "for extra in ('fastapi', 'httpx', 'sqlalchemy', 'starlette'):\n"
        "    sys.modules[extra] = None\n"
        "from rds_lifecycle_client import Lifecycle, cli\n"
        "print(Lifecycle.from_environment().wake())\n"
        "sys.exit(cli.main(['status']))\n"
    )
    environ = {"RDS_LIFECYCLE_TABLE": "system-metadata", "RDS_LIFECYCLE_FUNCTION": "start_database"}
    environ |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "PYTHONPATH": str(ROOT / "client" / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environ}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "True\n")
    assert "RDS_LIFECYCLE_URL: it is missing; this command needs the routes" in done.stderr
