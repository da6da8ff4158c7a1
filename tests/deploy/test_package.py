"""`make package` for every stage, without an account: what it deploys, and what lies in the zip."""

import importlib.util
import json
import re
import sys
import zipfile

import pytest

from dev.stage import LOCAL_STAGE, stages
from tests.deploy.conftest import Stages
from tests.served import ROOT

LIMIT = 2_000_000
SHIPPED = re.compile(
    r"app\.py"
    r"|chalice/(__init__|app)\.py"
    r"|chalicelib/[a-z_]+\.py"
    r"|chalicelib/page/([a-z_]+\.(py|html|css|js))"
    r"|(aws_lambda_powertools|jmespath)/.+"
    r"|typing_extensions\.py"
    r"|bin/jp\.py"
    r"|[^/]+\.(dist-info|data)/.+"
)
TAG = sys.implementation.cache_tag


STAGES = [stage for stage in stages() if stage != LOCAL_STAGE]


@pytest.mark.parametrize("stage", STAGES)
def test_the_zip_is_small_and_holds_only_what_runs(packaged: Stages, stage: str) -> None:
    assert packaged(stage).zip(stage).stat().st_size < LIMIT
    with zipfile.ZipFile(packaged(stage).zip(stage)) as archive:
        names = archive.namelist()
    sources = [name for name in names if not name.endswith(".pyc")]
    assert [name for name in sources if not SHIPPED.fullmatch(name) or "__pycache__" in name] == []
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "chalicelib").rglob("*") if path.is_file()}
    assert there == {name for name in sources if name.startswith("chalicelib/") and not name.endswith("/")}


@pytest.mark.parametrize("stage", STAGES)
def test_all_that_the_app_loads_has_its_bytecode_of_the_very_source_beside_it(packaged: Stages, stage: str) -> None:
    with zipfile.ZipFile(packaged(stage).zip(stage)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    compiled = {name: data for name, data in files.items() if name.endswith(".pyc")}
    sources = {re.sub(rf"__pycache__/(\w+)\.{TAG}\.pyc$", r"\1.py", name): data for name, data in compiled.items()}
    app = {name for name in files if re.fullmatch(r"(app|chalice/\w+|chalicelib/(page/)?\w+)\.py", name)}
    assert app | {"aws_lambda_powertools/logging/logger.py", "typing_extensions.py"} <= sources.keys()
    assert not [name for name in sources if name.startswith("aws_lambda_powertools/event_handler/")]
    for name, data in sources.items():
        assert data[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(data[4:8], "little") == 0b01, "by PEP 552, the source is not looked at"
        assert data[8:16] == importlib.util.source_hash(files[name]), name


@pytest.mark.parametrize("stage", STAGES)
def test_each_function_has_its_time_its_memory_and_a_role_of_its_own(packaged: Stages, stage: str) -> None:
    resources = packaged(stage).template(stage)["Resources"]
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


def test_the_check_runs_every_15_minutes_and_events_reach_their_function(packaged: Stages) -> None:
    resources = packaged("prod").template("prod")["Resources"]
    [schedule] = resources["InactivityCheck"]["Properties"]["Events"].values()
    assert schedule["Properties"]["Schedule"] == "rate(15 minutes)"
    [rule] = resources["DatabaseEvent"]["Properties"]["Events"].values()
    assert rule["Properties"]["Pattern"]["detail"] == {"SourceIdentifier": ["ss-financial-prod"]}


def test_every_route_but_the_page_asks_for_a_token(packaged: Stages) -> None:
    paths = packaged("prod").template("prod")["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    operations = [(path, method, op) for path, methods in paths.items() for method, op in methods.items()]
    assert len(operations) == 8
    security = {(path, method): op.get("security") for path, method, op in operations}
    assert security.pop(("/", "get")) is None
    assert all(asked == [{"authorize": []}] for asked in security.values())
