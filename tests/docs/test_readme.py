"""Every command in the README does what it says, and its tables are those of the code."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from chalicelib.aws.records import encode_record
from chalicelib.domain.model import DatabaseRecord, EventName, Reason
from chalicelib.settings import SETTING_NAMES
from tests.deploy.project import copy_project
from tests.local.test_make_run import QUICK, running
from tests.served import ROOT, load_app

README = (ROOT / "README.md").read_text()
HOW = (ROOT / "docs" / "how-it-works.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL) for line in block.splitlines() if line
]

SHOWN_ELSEWHERE = {
    "make run": "tests/local/test_make_run.py, and .ci/run",
    "make demo": "tests/local/test_backend_story.py",
    "make test": ".ci/run",
    "make lint": ".ci/run",
    "make format": "rewrites the sources; its two commands are those of make lint",
    "make hunt SEEDS=1000": "tests/simulation/test_command.py, with fewer",
    "make bench QUICK=1": "tests/benchmarks/test_command.py",
    "make screenshots": "tests/browser/test_screenshots.py, one state of all",
    "make policies": "tests/deploy/test_policies.py holds its result to be current",
    "make deploy STAGE=prod": "tests/deploy/test_deploy.py, against a local AWS",
    "make undeploy STAGE=prod": "the same",
    "make package STAGE=prod": "tests/deploy/test_package.py and test_template.py",
}
REHEARSAL = [command for command in COMMANDS if command.startswith("export ") or command.endswith(" STAGE=dev")]


def test_every_command_is_run_here_or_shown_elsewhere() -> None:
    shown = {*SHOWN_ELSEWHERE, *REHEARSAL}
    assert [c for c in COMMANDS if not c.startswith(("curl ", "make token ")) and c not in shown] == []
    assert shown <= set(COMMANDS)


def test_the_rehearsal_works_as_printed_against_make_run(tmp_path: Path) -> None:
    export, *commands = REHEARSAL
    assert commands == ["make deploy STAGE=dev", "make undeploy STAGE=dev"]
    project = copy_project(tmp_path)
    with running(**QUICK) as stack:
        environ = dict(word.split("=", 1) for word in shlex.split(export.replace(":4566", f":{stack.aws_port}"))[1:])
        deployed, removed = (project.make(*shlex.split(command)[1:], **environ) for command in commands)
        assert (deployed.returncode, removed.returncode) == (0, 0), deployed.stderr + removed.stderr
    assert "The API is at https://" in deployed.stdout
    assert "Nothing is left of the stage dev" in removed.stdout


def test_every_curl_works_as_printed() -> None:
    curls = [command for command in COMMANDS if command.startswith("curl ")]
    assert len(curls) == 7
    with running(**{**QUICK, "IDLE_MINUTES": "2", "LOCAL_CHECK_SECONDS": "600"}) as stack:
        for command in curls:
            local = command.replace(":8000", f":{stack.port}").replace(":4566", f":{stack.aws_port}")
            done = subprocess.run(
                [*shlex.split(local), "--silent", "--fail-with-body"], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            assert ("stopped_hours" if "/history" in command else "ss-financial-prod") in done.stdout
            if command.endswith("/restart"):
                assert "RDS instance starting" in done.stdout
                stack.wait_for_line("available by operator")  # no check runs: the RDS event tells


def test_make_token_works_as_printed() -> None:
    [command] = [command for command in COMMANDS if command.startswith("make token ")]
    done = subprocess.run(shlex.split(command), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Entry for ACCESS_TOKENS: dashboard:operator:" in done.stdout


def test_make_alone_lists_its_commands() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert {line.split()[0] for line in done.stdout.splitlines()} >= {
        "run",
        "test",
        "lint",
        "policies",
        "deploy",
        "package",
        "undeploy",
        "token",
    }


def test_every_setting_is_in_its_table() -> None:
    table = README[README.index("## Settings") : README.index("## How it decides")]
    assert set(re.findall(r"`([A-Z_]{5,})`", table)) >= set(SETTING_NAMES)


def test_every_reason_event_and_field_is_explained() -> None:
    assert [reason for reason in Reason if f"`{reason}`" not in README] == []
    assert [name for name in EventName if f"`{name}`" not in HOW] == []
    assert [name for name in encode_record(DatabaseRecord()) if f"`{name}`" not in HOW] == []


def test_every_route_is_in_its_table() -> None:
    app = load_app().app
    for path in app.routes:
        assert path.replace("{database_id}", "{id}") in README


def test_every_direct_dependency_has_its_reason() -> None:
    files = ("requirements.txt", "requirements-run.in", "requirements-dev.in")
    text = "".join((ROOT / file).read_text() for file in files)
    names = re.findall(r"^([a-z][a-z0-9-]+)", text, flags=re.MULTILINE)
    assert [name for name in names if not re.search(rf"\b{name}\b", README)] == []


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "client/README.md",
        "docs/backend.md",
        "docs/guarantees.md",
        "docs/how-it-works.md",
        "docs/operations.md",
        "docs/performance.md",
    ],
)
def test_every_link_leads_somewhere(path: str) -> None:
    folder = (ROOT / path).parent
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / path).read_text()):
        assert target.startswith("https://") or (folder / target).exists()
