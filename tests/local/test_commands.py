"""`make token`, and the creation of the table."""

import hashlib
import subprocess
import sys

import pytest

from chalicelib.settings import SettingsError, read_settings
from dev.token import entry
from tests.served import ROOT


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)


def test_make_token__prints_a_new_token_and_its_entry() -> None:
    done = run("dev.token", "--name", "dashboard", "--role", "reporter")
    assert done.returncode == 0
    token, printed = (line.split(": ")[1] for line in done.stdout.splitlines())
    [known] = read_settings({"DATABASES": "any", "ACCESS_TOKENS": printed}).access_tokens
    assert (known.name, known.role, known.digest) == (
        "dashboard",
        "reporter",
        hashlib.sha256(token.encode()).hexdigest(),
    )


def test_make_token__with_an_invalid_role__fails() -> None:
    done = run("dev.token", "--name", "ok", "--role", "king")
    assert done.returncode == 2
    assert "invalid choice: 'king'" in done.stderr


@pytest.mark.parametrize("name", ["a:b", ""], ids=["colon", "empty"])
def test_token_entry__with_an_invalid_name__is_rejected(name: str) -> None:
    with pytest.raises(SettingsError, match="ACCESS_TOKENS"):
        entry(name, "viewer", "token")


def test_make_test_unit__dry_run__names_the_folders_of_the_fast_tests() -> None:
    command = ["make", "--dry-run", "test-unit"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    [line] = [line for line in done.stdout.splitlines() if "pytest" in line]
    folders = [word for word in line.split() if word.startswith("tests/")]
    assert folders == ["tests/unit", "tests/adapters", "tests/service", "tests/api"]
    assert all((ROOT / folder).is_dir() for folder in folders)
