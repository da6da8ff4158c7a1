"""`make package` for every stage, without an account: what it deploys, and what lies in the zip."""

import json
import re
import zipfile

import pytest

from dev.stage import LOCAL_STAGE, stages
from tests.deploy.conftest import Stages
from tests.served import ROOT

LIMIT = 1_500_000
SHIPPED = re.compile(
    r"app\.py"
    r"|chalice/(__init__|app)\.py"
    r"|chalicelib/[a-z_]+\.py"
    r"|chalicelib/page/(__init__\.py|[a-z]+\.(html|css|js))"
    r"|(aws_lambda_powertools|jmespath)/.+"
    r"|typing_extensions\.py"
    r"|bin/jp\.py"
    r"|[^/]+\.(dist-info|data)/.+"
)


STAGES = [stage for stage in stages() if stage != LOCAL_STAGE]


@pytest.mark.parametrize("stage", STAGES)
def test_the_zip_is_small_and_holds_only_what_runs(packaged: Stages, stage: str) -> None:
    assert packaged(stage).zip(stage).stat().st_size < LIMIT
    with zipfile.ZipFile(packaged(stage).zip(stage)) as archive:
        names = archive.namelist()
    strange = [name for name in names if not SHIPPED.fullmatch(name) or "__pycache__" in name]
    assert strange == []
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "chalicelib").rglob("*") if path.is_file()}
    assert there == {name for name in names if name.startswith("chalicelib/") and not name.endswith("/")}


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
