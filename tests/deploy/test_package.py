"""`make package`, which needs no account: the template and the content of the zip."""

import importlib.util
import json
import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from chalicelib.environment import PACKAGED_SETTINGS
from chalicelib.settings import read_settings
from dev.deploy.findings import NotReady
from dev.deploy.package import check_interval
from tests.deploy.large_stage import LARGE_SETTINGS
from tests.deploy.project import Project, copy_project
from tests.served import ROOT

LIMIT = 2_000_000
SHIPPED = re.compile(
    r"app\.py"
    r"|chalice/(__init__|app)\.py"
    r"|chalicelib/([a-z_]+/)*[a-z_]+\.py"
    r"|chalicelib/page/[a-z]+\.(html|css|js)"
    r"|(aws_lambda_powertools|jmespath)/.+"
    r"|typing_extensions\.py"
    r"|bin/jp\.py"
    r"|[^/]+\.(dist-info|data)/.+"
)
TAG = sys.implementation.cache_tag


def test_zip__contains_only_what_runs_and_stays_small(package: Project) -> None:
    assert package.zip("prod").stat().st_size < LIMIT
    with zipfile.ZipFile(package.zip("prod")) as archive:
        names = archive.namelist()
    sources = [name for name in names if not name.endswith(".pyc")]
    assert [name for name in sources if not SHIPPED.fullmatch(name) or "__pycache__" in name] == []
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "chalicelib").rglob("*") if path.is_file()}
    assert there == {name for name in sources if name.startswith("chalicelib/") and not name.endswith("/")}


def test_zip__contains_current_bytecode_of_every_module_that_the_app_loads(package: Project) -> None:
    with zipfile.ZipFile(package.zip("prod")) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    compiled = {name: data for name, data in files.items() if name.endswith(".pyc")}
    sources = {re.sub(rf"__pycache__/(\w+)\.{TAG}\.pyc$", r"\1.py", name): data for name, data in compiled.items()}
    app = {name for name in files if re.fullmatch(r"(app|chalice/\w+|chalicelib/(\w+/)*\w+)\.py", name)}
    assert app | {"aws_lambda_powertools/logging/logger.py", "typing_extensions.py"} <= sources.keys()
    assert not [name for name in sources if name.startswith("aws_lambda_powertools/event_handler/")]
    for name, data in sources.items():
        assert data[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(data[4:8], "little") == 0b01, "PEP 552: never compared with the source"
        assert data[8:16] == importlib.util.source_hash(files[name]), name


def pins(name: str) -> dict[str, set[str]]:
    """The hashes of each pin of a requirements file."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    found = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {pin: {word for word in rest if word.startswith("--hash=sha256:")} for pin, *rest in found}


def test_requirements__of_the_zip__are_pinned_with_hashes_as_those_of_the_development() -> None:
    packaged = pins("requirements.txt")
    assert {pin.split("==")[0] for pin in packaged} == {"aws-lambda-powertools", "jmespath", "typing-extensions"}
    assert all(packaged.values())
    for name in ("requirements-run.txt", "requirements-dev.txt"):
        assert packaged.items() <= pins(name).items()


def test_package__of_a_requirement_with_another_hash__is_refused(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    file = project.folder / "requirements.txt"
    file.write_text(re.sub(r"sha256:\w+", f"sha256:{'0' * 64}", file.read_text(), count=1))
    done = project.run(sys.executable, "-B", "-m", "dev.deploy.package", "prod")
    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stdout + done.stderr
    assert not project.zip("prod").exists()


def test_template__gives_each_function_its_timeout_memory_and_own_role(package: Project) -> None:
    resources = package.template("prod")["Resources"]
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


def test_template__schedules_the_check_every_15_minutes_and_routes_rds_events(package: Project) -> None:
    resources = package.template("prod")["Resources"]
    [schedule] = resources["InactivityCheck"]["Properties"]["Events"].values()
    assert schedule["Properties"]["Schedule"] == "rate(15 minutes)"
    [rule] = resources["DatabaseEvent"]["Properties"]["Events"].values()
    assert rule["Properties"]["Pattern"] == {
        "source": ["aws.rds"],
        "detail-type": ["RDS DB Instance Event", "RDS DB Cluster Event"],
    }


def test_template__requires_a_token_for_every_route_except_the_page(package: Project) -> None:
    paths = package.template("prod")["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    operations = [(path, method, op) for path, methods in paths.items() for method, op in methods.items()]
    assert len(operations) == 8
    security = {(path, method): op.get("security") for path, method, op in operations}
    assert security.pop(("/", "get")) is None
    assert all(required == [{"authorize": []}] for required in security.values())


def test_check_interval__longer_than_alarms_support__is_rejected() -> None:
    check_interval(read_settings({"DATABASES": "one", "CHECK_INTERVAL_MINUTES": "5037"}))
    with pytest.raises(NotReady, match="alarms support intervals of up to 5037 minutes"):
        check_interval(read_settings({"DATABASES": "one", "CHECK_INTERVAL_MINUTES": "5038"}))


def test_package__of_a_stage_too_large_for_the_environment__has_the_setting_in_the_zip(
    package: Project, tmp_path: Path
) -> None:
    shutil.copytree(package.folder, tmp_path, symlinks=True, dirs_exist_ok=True)
    project = Project(tmp_path)
    project.configure("prod", **LARGE_SETTINGS)
    assert "put DATABASES into the zip" in project.python("dev.deploy.package", "prod")
    with zipfile.ZipFile(project.zip("prod")) as archive:
        assert json.loads(archive.read(PACKAGED_SETTINGS)) == {"DATABASES": LARGE_SETTINGS["DATABASES"]}
    resources = project.template("prod")["Resources"]
    functions = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::Serverless::Function"]
    assert len(functions) == 5
    for function in functions:
        assert function["Environment"]["Variables"] == {"ACCESS_TOKENS": LARGE_SETTINGS["ACCESS_TOKENS"]}
