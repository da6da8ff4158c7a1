"""README.md: its commands work, its tables agree with the code, and the links of all documents lead somewhere."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from chalicelib.aws.records import encode_record
from chalicelib.domain.model import EventName, Reason
from chalicelib.domain.record import DatabaseRecord
from chalicelib.settings import NO_DEFAULT, REQUIRED, SETTINGS
from tests.deploy.project import copy_project
from tests.local.test_make_run import QUICK, running
from tests.served import ROOT, load_app

README = (ROOT / "README.md").read_text()
HOW_IT_WORKS = (ROOT / "docs" / "how-it-works.md").read_text()
DOCUMENTS = (
    "CHANGELOG.md",
    "README.md",
    "client/README.md",
    "docs/backend.md",
    "docs/guarantees.md",
    "docs/how-it-works.md",
    "docs/operations.md",
    "docs/performance.md",
)
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL) for line in block.splitlines() if line
]

RUN_ELSEWHERE = {
    "make run": "tests/local/test_make_run.py and .ci/run",
    "make demo": "tests/local/test_backend_story.py",
    "make test": ".ci/run",
    "make test-unit": "tests/local/test_commands.py checks its folders, whose tests make test runs",
    "make lint": ".ci/run",
    "make format": "changes the sources; make lint runs the same two commands as a check",
    "make fuzz SEEDS=1000": "tests/simulation/test_command.py, with fewer seeds",
    "make bench QUICK=1": "tests/benchmarks/test_command.py",
    "make screenshots": "tests/browser/test_screenshots.py, for one state",
    "make policies": "tests/deploy/test_policies.py checks that its output is current",
    "make doctor STAGE=prod": "tests/deploy/test_doctor.py, against a simulated AWS",
    "make deploy STAGE=prod": "tests/deploy/test_deploy.py, against a simulated AWS",
    "make undeploy STAGE=prod": "tests/deploy/test_deploy.py",
    "make package STAGE=prod": "tests/deploy/test_package.py and test_template.py",
}
REHEARSAL = [command for command in COMMANDS if command.startswith(("export ", "unset ")) or "STAGE=dev" in command]


def settings_table() -> list[list[str]]:
    """The rows of README's table of settings, as name, default and meaning, without the backticks around the first."""
    section = README[README.index("## Settings") : README.index("## How it decides")]
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| (.+) \|$", section, flags=re.MULTILINE)
    return [list(row) for row in rows]


def test_commands__in_readme__are_run_by_a_test_or_by_ci() -> None:
    known = {*RUN_ELSEWHERE, *REHEARSAL}
    assert [c for c in COMMANDS if not c.startswith(("curl ", "make token ")) and c not in known] == []
    assert known <= set(COMMANDS)


def test_rehearsal__against_make_run__deploys_and_undeploys(tmp_path: Path) -> None:
    export, *commands, unset = REHEARSAL
    assert commands == ["make doctor STAGE=dev", "make deploy STAGE=dev", "make undeploy STAGE=dev"]
    project = copy_project(tmp_path)
    with running(**QUICK) as stack:
        environ = dict(word.split("=", 1) for word in shlex.split(export.replace(":4566", f":{stack.aws_port}"))[1:])
        assert shlex.split(unset)[1:] == list(environ)
        examined, deployed, removed = (project.make(*shlex.split(command)[1:], **environ) for command in commands)
        codes = (examined.returncode, deployed.returncode, removed.returncode)
        assert codes == (0, 0, 0), examined.stdout + deployed.stderr + removed.stderr
    assert "RDS has no instance ss-financial-dev" in examined.stdout
    assert "The API is at https://" in deployed.stdout
    assert "Nothing is left of the stage dev" in removed.stdout


def test_curl_commands__against_make_run__succeed() -> None:
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
                # No check runs within this time, so only the RDS event can have caused this line.
                stack.wait_for_line("available by operator")


def test_make_token__with_name_and_role__prints_an_entry_for_the_settings() -> None:
    [command] = [command for command in COMMANDS if command.startswith("make token ")]
    done = subprocess.run(shlex.split(command), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Entry for ACCESS_TOKENS: dashboard:operator:" in done.stdout


def test_make__without_target__lists_the_commands() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert {line.split()[0] for line in done.stdout.splitlines()} >= {
        "run",
        "test",
        "lint",
        "policies",
        "doctor",
        "deploy",
        "package",
        "undeploy",
        "token",
    }


def test_settings_table__compared_with_the_code__has_the_same_names_and_defaults() -> None:
    documented = sorted((name, default) for name, default, _ in settings_table())
    without_value = (REQUIRED, NO_DEFAULT)
    assert documented == sorted(
        (setting.name, setting.default if setting.default in without_value else f"`{setting.default}`")
        for setting in SETTINGS
    )


@pytest.mark.parametrize("row", settings_table(), ids=lambda row: row[0])
def test_settings_table__each_row__has_a_default_and_one_sentence(row: list[str]) -> None:
    _, default, meaning = row
    assert re.fullmatch(r"required|none|`[^`]+`", default)
    assert re.fullmatch(r"[A-Z].*[^.]\.", meaning)
    assert ". " not in meaning


def test_decision_table__compared_with_the_code__has_every_reason() -> None:
    assert [reason for reason in Reason if f"`{reason}`" not in README] == []


def test_how_it_works__compared_with_the_code__has_every_event_and_record_attribute() -> None:
    assert [name for name in EventName if f"`{name}`" not in HOW_IT_WORKS] == []
    assert [name for name in encode_record(DatabaseRecord()) if f"`{name}`" not in HOW_IT_WORKS] == []


@pytest.mark.parametrize("path", load_app().app.routes)
def test_route_table__compared_with_the_app__has_every_path(path: str) -> None:
    assert path.replace("{database_id}", "{id}") in README


@pytest.mark.parametrize("requirements", ["requirements.txt", *sorted(path.name for path in ROOT.glob("*.in"))])
def test_dependency_table__compared_with_the_requirements__has_every_package(requirements: str) -> None:
    names = re.findall(r"^([a-z][a-z0-9-]+)", (ROOT / requirements).read_text(), flags=re.MULTILINE)
    assert names
    assert [name for name in names if not re.search(rf"^\|[^|]*\b{name}\b", README, flags=re.MULTILINE)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links__of_a_document__lead_to_a_file_a_heading_or_https(document: str) -> None:
    text, folder = (ROOT / document).read_text(), (ROOT / document).parent
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, heading = target.partition("#")
        if target.startswith("https://"):
            continue
        linked = folder / path if path else ROOT / document
        assert linked.exists(), target
        assert not heading or heading in anchors(linked.read_text()), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_reference_links__of_a_document__are_defined_and_used(document: str) -> None:
    text = (ROOT / document).read_text()
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    used = set(re.findall(r"\]\[([a-z0-9-]+)\]", prose))
    defined = dict(re.findall(r"^\[([a-z0-9-]+)\]: (\S+)$", prose, flags=re.MULTILINE))
    assert used == set(defined)
    assert [url for url in defined.values() if not url.startswith("https://")] == []


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
