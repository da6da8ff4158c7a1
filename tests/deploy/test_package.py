"""`chalice package` for every stage, without an account: what it deploys, and what lies in the zip."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dev.stage import stages
from tests.served import ROOT

LIMIT = 1_500_000
SHIPPED = re.compile(
    r"app\.py"
    r"|chalice/(__init__|app)\.py"
    r"|chalicelib/[a-z_]+\.py"
    r"|(aws_lambda_powertools|jmespath)/.+"
    r"|typing_extensions\.py"
    r"|bin/jp\.py"
    r"|[^/]+\.(dist-info|data)/.+"
)


@dataclass
class Package:
    """What `chalice package` made of a fresh copy of the project."""

    folder: Path

    def template(self, stage: str) -> Any:
        """The SAM template of the stage."""
        return json.loads((self.folder / f"out-{stage}" / "sam.json").read_text())

    def names(self, stage: str) -> list[str]:
        """The names of all files in the zip."""
        with zipfile.ZipFile(self.zip(stage)) as archive:
            return archive.namelist()

    def zip(self, stage: str) -> Path:
        """The zip that Lambda gets."""
        return self.folder / f"out-{stage}" / "deployment.zip"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """All stages, packaged in a copy that holds what git holds, with no credentials anywhere."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("app.py", "requirements.txt", "chalicelib", ".chalice"):
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("deployments", "__pycache__"))
        else:
            shutil.copy(source, target)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHONDONT"))}
    environ |= {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(folder)}
    chalice = [sys.executable, "-c", "import sys; from chalice.cli import main; sys.exit(main())"]
    for stage in stages():
        command = [*chalice, "package", "--stage", stage, f"out-{stage}"]
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Could not install dependencies" not in done.stdout, done.stdout
    return Package(folder)


@pytest.mark.parametrize("stage", stages())
def test_the_zip_is_small_and_holds_only_what_runs(package: Package, stage: str) -> None:
    assert package.zip(stage).stat().st_size < LIMIT
    strange = [name for name in package.names(stage) if not SHIPPED.fullmatch(name) or "__pycache__" in name]
    assert strange == []
    assert {path.name for path in (ROOT / "chalicelib").glob("*.py")} == {
        name.removeprefix("chalicelib/") for name in package.names(stage) if name.startswith("chalicelib/")
    }


@pytest.mark.parametrize("stage", stages())
def test_each_function_has_its_time_its_memory_and_a_role_of_its_own(package: Package, stage: str) -> None:
    resources = package.template(stage)["Resources"]
    functions = {name: r["Properties"] for name, r in resources.items() if r["Type"] == "AWS::Serverless::Function"}
    assert {name: p["Timeout"] for name, p in functions.items()} == {
        "APIHandler": 29,
        "Authorize": 29,
        "InactivityCheck": 90,
        "DatabaseEvent": 90,
        "StartDatabase": 90,
    }
    assert {p["MemorySize"] for p in functions.values()} == {512}
    roles = [json.dumps(p["Role"]) for p in functions.values()]
    assert len(set(roles)) == len(roles)


def test_the_check_runs_every_15_minutes_and_events_reach_their_function(package: Package) -> None:
    resources = package.template("prod")["Resources"]
    [schedule] = resources["InactivityCheck"]["Properties"]["Events"].values()
    assert schedule["Properties"]["Schedule"] == "rate(15 minutes)"
    [rule] = resources["DatabaseEvent"]["Properties"]["Events"].values()
    assert rule["Properties"]["Pattern"]["detail"] == {"SourceIdentifier": ["ss-financial-prod"]}


def test_every_route_asks_for_a_token(package: Package) -> None:
    paths = package.template("prod")["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    operations = [(path, method, op) for path, methods in paths.items() for method, op in methods.items()]
    assert len(operations) == 6
    assert all(op["security"] == [{"authorize": []}] for _, _, op in operations)
