"""`pip install ./client`: on the lowest Python with the lowest supported libraries, elsewhere with the latest."""

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
from tests.client.support import WAIT_LIMIT_SECONDS
from tests.served import ROOT

VERSIONS = ("3.11", "3.13")
# Packages are downloaded if they are not in uv's cache.
INSTALL_LIMIT_SECONDS = 300


def installed_pythons() -> dict[str, str]:
    """The tested versions that this machine has, and the version that runs this test."""
    own_version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folders = [*os.get_exec_path(), *map(str, Path.home().glob(".pyenv/versions/*/bin"))]
    found = {own_version: sys.executable}
    for version in VERSIONS:
        for folder in folders:
            python = shutil.which(f"python{version}", path=folder)
            if python and version not in found and is_usable(python, version):
                found[version] = python
    return found


def is_usable(python: str, version: str) -> bool:
    """Whether the command runs that version. A pyenv shim exists for versions that are not active."""
    done = subprocess.run(
        [python, "-c", "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() == version


PYTHONS = installed_pythons()


def lowest_versions() -> list[str]:
    """The libraries in the lowest versions that the client supports."""
    project = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    assert all(">=" in requirement for requirement in requirements)
    return [requirement.replace(">=", "==") for requirement in requirements]


def uv(*arguments: str | Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments],
        env=environ, capture_output=True, text=True, timeout=INSTALL_LIMIT_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(3 * INSTALL_LIMIT_SECONDS)
@pytest.mark.parametrize("version", PYTHONS)
def test_install__with_all_extras__works(
    version: str, tmp_path: Path, postgres: LocalPostgres, record_property: Callable[[str, object], None]
) -> None:
    for missing in set(VERSIONS) - set(PYTHONS):
        # Reported instead of skipped: the installed versions depend on the machine.
        record_property("figure", f"Python {missing} is not installed, so the client was not tested on it")
    folder = tmp_path / "environment"
    uv("venv", "--quiet", "--python", PYTHONS[version], folder)
    requirements = [f"{ROOT / 'client'}[sqlalchemy,fastapi,http]", "greenlet", "psycopg[binary]"]
    requirements += lowest_versions() if version == VERSIONS[0] else []
    # Symbolic links into the cache are faster than copies of boto3's data.
    uv("pip", "install", "--quiet", "--link-mode=symlink", "--python", folder / "bin" / "python", *requirements)
    done = subprocess.run(
        [folder / "bin" / "python", "-W", "error", ROOT / "tests" / "client" / "on_another_python.py", postgres.url],
        cwd=tmp_path, capture_output=True, text=True, timeout=3 * WAIT_LIMIT_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"Python {version}." in done.stdout
    record_property("figure", f"The installed client works on {done.stdout.strip()}")
    command = subprocess.run([folder / "bin" / "rds-lifecycle", "--help"], capture_output=True, text=True, check=False)
    assert command.returncode == 0
    assert "exit codes" in command.stdout


@pytest.mark.timeout(2 * INSTALL_LIMIT_SECONDS)
def test_wheel__without_extras__requires_boto3_only(tmp_path: Path) -> None:
    uv("build", "--quiet", "--wheel", "--out-dir", tmp_path, ROOT / "client")
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [metadata] = [name for name in names if name.endswith("METADATA")]
        requires = [line for line in archive.read(metadata).decode().splitlines() if line.startswith("Requires-Dist")]
    assert [line for line in requires if "extra ==" not in line] == ["Requires-Dist: boto3>=1.28"]
    assert "rds_lifecycle_client/py.typed" in names
    assert not [name for name in names if "__pycache__" in name or "test" in name]


def test_import__without_extras__reports_and_starts_through_aws() -> None:
    code = (
        "import sys\n"
        "for extra in ('fastapi', 'httpx', 'sqlalchemy', 'starlette'):\n"
        "    sys.modules[extra] = None\n"
        "from rds_lifecycle_client import LifecycleClient, cli\n"
        "print(LifecycleClient.from_environment().wake())\n"
        "sys.exit(cli.main(['status']))\n"
    )
    environ = {"RDS_LIFECYCLE_TABLE": "system-metadata", "RDS_LIFECYCLE_FUNCTION": "start_database"}
    environ |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "PYTHONPATH": str(ROOT / "client" / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environ}, capture_output=True, text=True, timeout=WAIT_LIMIT_SECONDS, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "True\n")
    assert "RDS_LIFECYCLE_URL: missing; this command requires it" in done.stderr
