"""The deployed zip, run by AWS's runtime client; each function has only the permissions of its own policy."""

import copy
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib.settings import read_settings
from dev.local.eventbridge import scheduled_event
from tests.deploy.conftest import FULL_SETTINGS
from tests.deploy.deployment import NAMES, Deployment, run_deployment
from tests.deploy.lambda_runtime import FunctionError, Interpreter, install_runtime
from tests.deploy.project import Project
from tests.served import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric has wheels for Linux only")

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
PROD, ANALYTICS = "/databases/ss-financial-prod", "/databases/analytics"


@pytest.fixture(scope="module")
def interpreter(full_package: Project, tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    """An interpreter with the unpacked zip and Lambda's runtime."""
    folder = tmp_path_factory.mktemp("lambda")
    with zipfile.ZipFile(full_package.zip("prod")) as archive:
        archive.extractall(folder / "task")
    return Interpreter(folder / "task", install_runtime(folder / "runtime"))


@pytest.fixture(scope="module")
def running_deployment(full_package: Project, interpreter: Interpreter) -> Iterator[Deployment]:
    """All functions of the template, running."""
    with run_deployment(full_package.template("prod"), interpreter, read_settings(FULL_SETTINGS)) as running:
        yield running


@pytest.fixture
def deployment(running_deployment: Deployment) -> Deployment:
    """The same in its initial state."""
    running_deployment.reset()
    return running_deployment


def test_deployment__runs_every_function_of_the_template(full_package: Project) -> None:
    resources = full_package.template("prod")["Resources"]
    functions = {name for name, resource in resources.items() if resource["Type"] == "AWS::Serverless::Function"}
    assert functions == set(NAMES)


def test_interpreter__finds_only_the_zip_boto3_and_the_runtime_client(interpreter: Interpreter) -> None:
    code = (
        "import sys, importlib.util as u; sys.path[:0] = sys.argv[1].split(':');"
        "print([n for n in sys.argv[2:] if u.find_spec(n)], [p for p in sys.path if 'site-packages' in p])"
    )
    names = ("app", "boto3", "awslambdaric", "moto", "click", "pytest", "dev", "tests", "pip", "yaml")
    done = subprocess.run(interpreter.command(code, *names), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['app', 'boto3', 'awslambdaric'] []"
    assert not (interpreter.task / "chalice" / "cli").exists()


def test_deployment__starts_and_stops_an_instance_and_a_cluster(deployment: Deployment) -> None:
    api = deployment.api
    assert [database["status"] for database in api.call("GET", "/databases", "viewer").body["databases"]] == [
        "stopped"
    ] * 2
    assert api.call("POST", f"{PROD}/restart", None).status == 401
    assert api.call("POST", f"{PROD}/restart", "viewer").status == 403
    assert api.call("POST", f"{PROD}/restart", "unknown").status == 403

    first = deployment.restart(PROD)
    assert (first.status, first.body["message"]) == (202, "RDS instance starting")
    assert first.headers["Location"] == f"/api{PROD}"
    assert int(first.headers["Retry-After"]) > 0
    assert first.headers["Access-Control-Allow-Origin"] == "https://dashboard.example.com"
    assert first.headers["Cache-Control"] == "no-store"
    assert deployment.restart(ANALYTICS).body["message"] == "RDS cluster starting"
    deployment.wait_for_events(("RDS DB Instance Event", "RDS-EVENT-0088"), ("RDS DB Cluster Event", "RDS-EVENT-0151"))
    assert api.call("POST", f"{PROD}/activity", "reporter").status == 200
    up = deployment.show(PROD)
    assert (up["status"], up["ready"], up["reason"]) == ("available", True, "recent-activity")
    assert deployment.check()["ss-financial-prod"]["reason"] == "recent-activity"

    stopped: set[str] = set()

    def all_stopped() -> bool:
        stopped.update(name for name, result in deployment.check().items() if result["action"] == "stop")
        return stopped == {"ss-financial-prod", "analytics"}

    deployment.wait_for(all_stopped, "the end of the idle timeout")
    deployment.wait_for_events(("RDS DB Instance Event", "RDS-EVENT-0087"), ("RDS DB Cluster Event", "RDS-EVENT-0150"))
    assert deployment.show(PROD)["status"] == "stopped"
    assert deployment.show(ANALYTICS)["status"] == "stopped"
    assert deployment.aws.denied == []


def test_restart__while_stopping__starts_after_the_event(deployment: Deployment) -> None:
    deployment.aws.rds.set_status("ss-financial-prod", "available")
    deployment.aws.rds.take_events()
    deployment.aws.client("rds").stop_db_instance(DBInstanceIdentifier="ss-financial-prod")
    assert deployment.restart(PROD).body["message"] == "RDS stopping; it will start as soon as it has stopped"
    deployment.wait_for_events(("RDS DB Instance Event", "RDS-EVENT-0087"))
    assert deployment.show(PROD)["status"] in ("starting", "available")
    assert deployment.aws.denied == []


def test_request_body__plain_encoded_or_missing__is_handled(deployment: Deployment) -> None:
    api = deployment.api
    assert api.call("PUT", f"{PROD}/hold", body='{"hours": 1}').status == 200
    assert api.call("PUT", f"{PROD}/hold", body='{"hours": 1}', encoded=True).status == 200
    missing = api.call("PUT", f"{PROD}/hold")
    assert (missing.status, missing.headers["Content-Type"]) == (400, "application/problem+json")
    assert api.call("DELETE", f"{PROD}/hold").status == 200
    assert api.call("GET", "/databases/nope").body["type"] == "urn:rds-lifecycle:unknown-database"
    assert deployment.aws.denied == []


def test_direct_invocation_and_warm_up__start_databases(deployment: Deployment) -> None:
    answer = deployment.functions["start_database"].invoke({})
    assert (answer["statusCode"], json.loads(answer["body"])["message"]) == (202, "RDS instance starting")
    unknown = deployment.functions["start_database"].invoke({"database": "nope"})
    assert unknown["statusCode"] == 404
    results = deployment.functions["warm_up"].invoke(scheduled_event(datetime.now(UTC)))["results"]
    assert [result["database"] for result in results] == ["ss-financial-prod", "analytics"]
    assert deployment.show(ANALYTICS)["state"] in ("starting", "running")
    assert deployment.aws.denied == []


def test_check__without_permission_to_stop__fails_and_names_the_permission(deployment: Deployment) -> None:
    policy = copy.deepcopy(deployment.policies["inactivity_check"])
    for statement in policy["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action != "rds:StopDBInstance"]
    deployment.aws.grant("KEY-OF-inactivity_check", policy)
    deployment.aws.rds.set_status("ss-financial-prod", "available")

    errors: list[FunctionError] = []

    def fails() -> bool:
        try:
            deployment.check()
        except FunctionError as error:
            errors.append(error)
        return bool(errors)

    deployment.wait_for(fails, "the rejected stop")
    assert errors[0].type == "CheckFailed"
    assert "The function's role lacks the permission rds:StopDBInstance. Run make policies" in str(errors[0])
    assert {action for _, action, _ in deployment.aws.denied} == {"rds:StopDBInstance"}
    arn = "arn:aws:rds:us-east-1:123456789012:db:ss-financial-prod"
    assert {resource for _, _, resource in deployment.aws.denied} == {arn}
    assert deployment.show(PROD)["status"] == "available"


def test_queries_of_the_operations_guide__find_the_log_entries(deployment: Deployment) -> None:
    queries = re.findall(r"```\n((?:fields|filter) .*?)```", OPERATIONS, flags=re.DOTALL)
    assert len(queries) == 7
    api, check = deployment.functions["api_handler"], deployment.functions["inactivity_check"]
    rejected = deployment.api.call("GET", "/databases/nope").body
    deployment.restart(PROD)
    deployment.aws.grant("KEY-OF-inactivity_check", {"Version": "2012-10-17", "Statement": []})
    with pytest.raises(FunctionError, match="missing-permission"):
        deployment.check()
    lines = [entry | {"@message": json.dumps(entry)} for function in (api, check) for entry in function.entries()]
    assert [line for line in lines if "AccessDeniedException" in line.get("problem", "")], "the message of AWS"
    assert any(line.startswith("[ERROR] CheckFailed: The check of 2 of 2 databases failed.") for line in check.lines)
    request_id = rejected["instance"].removeprefix("urn:uuid:")
    for query in queries:
        query_of_this = query.replace("00000000-0000-0000-0000-000000000000", request_id)
        assert [entry for entry in lines if found_by(query_of_this, entry)] != [], query


def found_by(query: str, entry: dict[str, Any]) -> bool:
    """Whether CloudWatch Logs Insights would show the entry, with a value in each of the query's columns."""
    [condition] = re.findall(r"^\|? ?filter (.*)$", query, flags=re.MULTILINE)
    for part in condition.split(" and "):
        match re.split(r"[ ()]+", part, maxsplit=2):
            case ["ispresent", field, ""]:
                holds = field in entry
            case [field, "=", value]:
                holds = entry.get(field) == value.strip('"')
            case ["@message", "like", pattern]:
                holds = pattern.strip("/") in entry["@message"]
            case [field, "in", values]:
                holds = entry.get(field) in json.loads(values)
            case other:
                raise AssertionError(f"unsupported condition: {other}")
        if not holds:
            return False
    columns = re.findall(r"fields (.*)", query)
    names = [name for line in columns for name in line.split(", ") if not name.startswith("@")]
    return all(name in entry for name in names)


def test_api__has_no_permission_to_stop(deployment: Deployment) -> None:
    rds = boto3.client(
        "rds", endpoint_url=deployment.aws.url, aws_access_key_id="KEY-OF-api_handler", aws_secret_access_key="secret"
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        rds.stop_db_instance(DBInstanceIdentifier="ss-financial-prod")
