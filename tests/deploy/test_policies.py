"""Each function's policy grants the actions that the function uses, on the resources that it uses, and no others."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from moto.iam.access_control import IAMPolicy, PermissionResult

from chalicelib.settings import Settings
from dev.deploy import policies
from dev.stage import stages
from tests.deploy.permissions import required_permissions
from tests.served import ROOT, Serve, Served
from tests.support import START_MINUTES, STOP_MINUTES


@pytest.mark.parametrize("stage", stages())
def test_policy_files__match_the_settings(stage: str) -> None:
    for name, policy in policies.policies_of(stage).items():
        written = json.loads((ROOT / ".chalice" / name).read_text())
        assert written == policy, f"{name} is outdated: run make policies"


def test_policy_files__exist_for_every_function_and_no_other() -> None:
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    expected = {name for stage in stages() for name in policies.policies_of(stage)}
    assert {path.name for path in (ROOT / ".chalice").glob("policy-*.json")} == expected
    for stage, settings in config["stages"].items():
        for function, options in settings["lambda_functions"].items():
            assert options["iam_policy_file"] == f"policy-{stage}-{function}.json"
            assert options["lambda_timeout"] == (29 if function in ("api_handler", "authorize") else 90)
        assert set(settings["lambda_functions"]) == set(policies.CALLS)


def test_policies__allow_stops_only_to_the_check_and_nothing_to_the_authorizer() -> None:
    for stage in stages():
        written = policies.policies_of(stage)
        assert "Stop" not in json.dumps(written[f"policy-{stage}-api_handler.json"])
        assert "Stop" not in json.dumps(written[f"policy-{stage}-start_database.json"])
        [only] = written[f"policy-{stage}-authorize.json"]["Statement"]
        assert all(action.startswith("logs:") for action in only["Action"])


def test_policies__grant_nothing_but_metrics_on_all_resources() -> None:
    for stage in stages():
        for policy in policies.policies_of(stage).values():
            for statement in policy["Statement"]:
                # GetMetricData supports no resource-level permissions.
                assert "*" not in statement["Resource"] or statement["Action"] == ["cloudwatch:GetMetricData"]
                assert not any(action.endswith("*") for action in statement["Action"])


def project(tmp_path: Path, stage: dict[str, Any]) -> Path:
    folder = tmp_path / ".chalice"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"app_name": "rds-lifecycle", "stages": {"test": stage}}))
    return tmp_path


def test_policies__with_vpc_and_tracing__include_their_statements(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        {
            "environment_variables": {"DATABASES": "one"},
            "xray": True,
            "subnet_ids": ["subnet-1"],
            "security_group_ids": ["sg-1"],
        },
    )
    for policy in policies.policies_of("test", root).values():
        actions = {action for statement in policy["Statement"] for action in statement["Action"]}
        assert {"ec2:CreateNetworkInterface", "xray:PutTraceSegments"} <= actions


def test_write__deletes_policies_of_functions_that_do_not_exist(tmp_path: Path) -> None:
    root = project(tmp_path, {"environment_variables": {"DATABASES": "one"}})
    (root / ".chalice" / "policy-test-warm_up.json").write_text("{}")
    names = policies.write(root)
    assert "policy-test-warm_up.json" not in names
    assert sorted(path.name for path in (root / ".chalice").glob("policy-*.json")) == names


DB, CLUSTER = "arn:*:rds:*:*:db:", "arn:*:rds:*:*:cluster:"
DESCRIBE = {("rds:DescribeDBInstances", f"{DB}*"), ("rds:DescribeDBClusters", f"{CLUSTER}one")}
DESCRIBE_ONE = {("rds:DescribeDBInstances", f"{DB}two"), ("rds:DescribeDBInstances", f"{DB}three")} | {
    ("rds:DescribeDBClusters", f"{CLUSTER}one")
}
START = {("rds:StartDBInstance", f"{DB}two"), ("rds:StartDBInstance", f"{DB}three")} | {
    ("rds:StartDBCluster", f"{CLUSTER}one")
}
STOP = {("rds:StopDBInstance", f"{DB}two"), ("rds:StopDBInstance", f"{DB}three")} | {
    ("rds:StopDBCluster", f"{CLUSTER}one")
}
TABLE = {(f"dynamodb:{call}", "arn:*:dynamodb:*:*:table/metadata") for call in ("BatchGetItem", "UpdateItem")}
METRIC = {("cloudwatch:GetMetricData", "*")}
GRANTED: dict[str, set[tuple[str, str]]] = {
    "api_handler": DESCRIBE | START | TABLE | METRIC,
    "authorize": set(),
    "inactivity_check": DESCRIBE | START | STOP | TABLE | METRIC,
    "database_event": DESCRIBE_ONE | START | STOP | TABLE | METRIC,
    "start_database": DESCRIBE_ONE | START | TABLE,
    "warm_up": DESCRIBE_ONE | START | TABLE,
}


@pytest.mark.parametrize("function", policies.CALLS)
def test_policy__grants_exactly_these_permissions(tmp_path: Path, function: str) -> None:
    environment = {
        "DATABASES": "cluster:one,two,three",
        "METADATA_TABLE": "metadata",
        "ACTIVITY_METRIC": "DBLoad>0.05",
        "WARM_UP_SCHEDULE": "rate(1 day)",
    }
    written = policies.policies_of("test", project(tmp_path, {"environment_variables": environment}))
    granted = {
        (action, resource)
        for statement in written[f"policy-test-{function}.json"]["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    }
    logs = {(action, resource) for action, resource in granted if action.startswith("logs:")}
    suffix = "" if function == "api_handler" else f"-{function}"
    group = f"arn:*:logs:*:*:log-group:/aws/lambda/rds-lifecycle-test{suffix}"
    writes = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
    assert logs == {(action, resource) for action in writes for resource in (group, f"{group}:*")}
    assert granted - logs == GRANTED[function]


@pytest.mark.parametrize("function", policies.CALLS)
def test_policy__with_a_kms_key__permits_its_use_through_dynamodb_where_the_table_is_used(
    tmp_path: Path, function: str
) -> None:
    environment = {"DATABASES": "one", "WARM_UP_SCHEDULE": "rate(1 day)"}
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    root = project(tmp_path, {"environment_variables": {**environment, "TABLE_KMS_KEY": key}})
    written = policies.policies_of("test", root)[f"policy-test-{function}.json"]
    statements = [statement for statement in written["Statement"] if "kms:Decrypt" in statement["Action"]]
    expected = {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": [key],
        "Condition": {"StringLike": {"kms:ViaService": "dynamodb.*"}},
    }
    assert statements == ([] if function == "authorize" else [expected])


class Guard:
    """Checks every AWS call of one function against its policy."""

    def __init__(self, function: str, settings: Settings) -> None:
        from chalice.config import Config

        config = Config(chalice_stage="test", function_name=function, config_from_disk={"app_name": "rds-lifecycle"})
        self.document = policies._policy(function, settings, config)
        self.policy = IAMPolicy({"policy_document": json.dumps(self.document)})
        self.used: set[tuple[str, str]] = set()

    def check(self, model: Any, params: Any, **_: Any) -> None:
        """Fail at a call that the policy does not allow."""
        for action, resource in required_permissions(model.service_model.service_name, model.name, self.read(params)):
            permitted = self.policy.is_action_permitted(action, resource)
            assert permitted == PermissionResult.PERMITTED, f"{action} on {resource} is not granted"
            self.used.add((action, self.granting(action, resource)))

    def read(self, params: Any) -> Any:
        """The call's parameters from botocore's request, or from a simulated client's."""
        body = params.get("body", params)
        return json.loads(body) if isinstance(body, bytes | str) and body else body

    def granting(self, action: str, resource: str) -> str:
        """The resource pattern with which the policy grants it."""
        for statement in self.document["Statement"]:
            for pattern in statement["Resource"]:
                if action in statement["Action"] and re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), resource):
                    return str(pattern)
        raise AssertionError(f"{action} on {resource}")

    def unused(self) -> set[tuple[str, str]]:
        """Permissions that are granted and were not used. Lambda itself uses those of logs."""
        granted = {
            (action, pattern)
            for statement in self.document["Statement"]
            for action in statement["Action"]
            for pattern in statement["Resource"]
            if not action.startswith("logs:")
        }
        return granted - self.used


@contextmanager
def checked(app: Served, guard: "Guard") -> Iterator[None]:
    """Check every AWS call against that function's policy."""
    with ExitStack() as stack:
        for client in (app.world.rds, app.world.dynamodb, app.world.cloudwatch):
            client.meta.events.register_first("before-call.*", guard.check)
            stack.callback(client.meta.events.unregister, "before-call.*", guard.check)
        yield


def ids(app: Served) -> list[str]:
    return [ref.id for ref in app.world.settings.databases]


def api_handler(app: Served, guard: Callable[[], Any]) -> None:
    with guard():
        assert app.call("GET", "/databases").status_code == 200
        for database_id in ids(app):
            assert app.call("GET", f"/databases/{database_id}").status_code == 200
            assert app.call("POST", f"/databases/{database_id}/restart").status_code == 202
            assert app.call("POST", f"/databases/{database_id}/activity").status_code == 200
            assert app.call("PUT", f"/databases/{database_id}/hold", body=b'{"hours": 1}').status_code == 200
            assert app.call("DELETE", f"/databases/{database_id}/hold").status_code == 200
    app.world.wait(START_MINUTES)
    app.run_check()
    app.world.clock.advance(minutes=90)
    with guard():
        assert app.call("GET", "/databases").json_body["databases"][0]["reason"] == "idle"


def authorize(app: Served, guard: Callable[[], Any]) -> None:
    with guard():
        app.invoke(
            "authorize", {"type": "TOKEN", "authorizationToken": "Bearer viewer", "methodArn": "a:b:c:d:e:f/s/GET/x"}
        )


def start_database(app: Served, guard: Callable[[], Any]) -> None:
    with guard():
        for database_id in ids(app):
            assert app.invoke("start_database", {"database": database_id})["statusCode"] == 202
    app.world.wait(START_MINUTES + 120)
    with guard():
        assert app.invoke("start_database", {})["statusCode"] == 200


def warm_up(app: Served, guard: Callable[[], Any]) -> None:
    event = app.client.events.generate_cw_event("aws.events", "Scheduled Event", {}, [])
    with guard():
        assert len(app.invoke("warm_up", event)["results"]) == len(ids(app))


def inactivity_check(app: Served, guard: Callable[[], Any]) -> None:
    stop_and_start(app, guard, app.run_check)


def database_event(app: Served, guard: Callable[[], Any]) -> None:
    def events() -> None:
        for database_id in ids(app):
            app.send_event(database_id)

    stop_and_start(app, guard, events)


def stop_and_start(app: Served, guard: Callable[[], Any], run: Callable[[], Any]) -> None:
    for database_id in ids(app):
        app.call("POST", f"/databases/{database_id}/restart")
    app.world.wait(START_MINUTES)
    for database_id in ids(app):
        app.send_event(database_id)
    app.world.clock.advance(minutes=61)
    for ref in app.world.settings.databases:
        app.world.set_connections(0, ref)
    with guard():
        run()
    assert {app.world.status(ref) for ref in app.world.settings.databases} == {"stopping"}
    for database_id in ids(app):
        app.call("POST", f"/databases/{database_id}/restart")
    app.world.wait(STOP_MINUTES)
    with guard():
        run()
    assert {app.world.status(ref) for ref in app.world.settings.databases} == {"starting"}


SCENARIOS: dict[str, Callable[[Served, Callable[[], Any]], None]] = {
    "api_handler": api_handler,
    "authorize": authorize,
    "start_database": start_database,
    "warm_up": warm_up,
    "inactivity_check": inactivity_check,
    "database_event": database_event,
}


@pytest.mark.parametrize("function", policies.CALLS)
@pytest.mark.parametrize(
    "databases",
    ["one,two,cluster:three,cluster:four", "cluster:one,two", "ss-financial-prod"],
    ids=["several of each kind", "one of each kind", "one instance"],
)
def test_function__uses_every_permission_of_its_policy_and_no_other(
    serve: Serve, function: str, databases: str
) -> None:
    app = serve(databases=databases, ACTIVITY_METRIC="DatabaseConnections>0", WARM_UP_SCHEDULE="rate(1 day)")
    guard = Guard(function, app.world.settings)
    SCENARIOS[function](app, lambda: checked(app, guard))
    assert guard.unused() == set()
