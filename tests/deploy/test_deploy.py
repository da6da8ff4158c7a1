"""`make deploy` and `make undeploy` on a simulated AWS: what they create, change and keep."""

import base64
import hashlib
import json
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.environment import PACKAGED_SETTINGS
from chalicelib.settings import read_settings
from dev.deploy.policies import policies_of
from tests.deploy.account import Account
from tests.deploy.guarded_aws import guarded_aws
from tests.deploy.large_stage import LARGE_SETTINGS
from tests.deploy.project import Project, copy_project
from tests.served import ROOT, TOKENS, load_app

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
RULE = "arn:aws:events:us-east-1:123456789012:rule/"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/"
TIMES = {"api_handler": 29, "authorize": 29, "inactivity_check": 90, "database_event": 90, "start_database": 90}
HANDLERS = {"api_handler": "app.app"} | {name: f"app.{name}" for name in TIMES if name != "api_handler"}


@pytest.fixture
def account() -> Iterator[Account]:
    with guarded_aws() as aws:
        yield Account(aws)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_project(tmp_path_factory.mktemp("clone"))


@pytest.fixture
def project(clone: Project) -> Project:
    """As in a new clone, except that Chalice may have built the zip already."""
    for name in ("deployed", "config.json"):
        made = clone.folder / ".chalice" / name
        shutil.rmtree(made) if made.is_dir() else made.unlink(missing_ok=True)
    for file in (ROOT / ".chalice").glob("*.json"):
        shutil.copy(file, clone.folder / ".chalice" / file.name)
    return clone


def deploy(project: Project, account: Account, stage: str, command: str = "deploy") -> str:
    done = project.make(command, f"STAGE={stage}", **account.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def name_of(stage: str, function: str) -> str:
    return f"rds-lifecycle-{stage}" if function == "api_handler" else f"rds-lifecycle-{stage}-{function}"


def test_deploy__of_changed_settings__updates_and_undeploy_deletes(
    project: Project, account: Account, package: Project
) -> None:
    output = deploy(project, account, "dev")
    [api] = account.everything()["apis"]
    assert "The table system-metadata-dev was created." in output
    assert f"The API is at https://{api}.execute-api.us-east-1.amazonaws.com/api" in output
    assert "Next: make token NAME=dashboard ROLE=operator" in output
    assert output.count("ACCESS_TOKENS is empty") == 1
    endpoint = f"at {account.environ['AWS_ENDPOINT_URL']} (AWS_ENDPOINT_URL)"
    assert f"Deploying the stage dev to account 123456789012, Region us-east-1, {endpoint}.\n" in output
    assert_everything_is_there(project, account, api)
    assert_the_zip_is_that_of_the_package(project, account, package)
    first = account.everything()

    project.configure(
        "dev",
        ACCESS_TOKENS=TOKENS,
        CHECK_INTERVAL_MINUTES="5",
        WARM_UP_SCHEDULE="cron(0 7 ? * MON *)",
        CORS_ORIGIN="https://dashboard.example.com",
    )
    output = deploy(project, account, "dev")
    assert "The table system-metadata-dev exists already." in output
    assert f"Next: curl -H 'Authorization: Bearer <token>' https://{api}." in output
    assert account.rules()["rds-lifecycle-dev-inactivity_check-event"]["ScheduleExpression"] == "rate(5 minutes)"
    assert account.rules()["rds-lifecycle-dev-warm_up-event"]["ScheduleExpression"] == "cron(0 7 ? * MON *)"
    assert account.functions()["rds-lifecycle-dev"]["Environment"]["Variables"]["ACCESS_TOKENS"] == TOKENS

    assert {methods.get("OPTIONS") for path, methods in account.routes(api).items() if path != "/"} == {"NONE"}

    project.configure("dev", WARM_UP_SCHEDULE="")
    deploy(project, account, "dev")
    left = account.everything()
    assert {name: left[name] for name in ("functions", "roles", "rules", "apis")} == {
        name: first[name] for name in ("functions", "roles", "rules", "apis")
    }, "nothing is created twice"

    output = deploy(project, account, "dev", "undeploy")
    assert "The table system-metadata-dev was kept" in output
    nothing: set[str] = set()
    assert account.everything() == {**dict.fromkeys(left, nothing), "tables": {"system-metadata-dev"}}
    assert "0 resources" in deploy(project, account, "dev", "undeploy")


def assert_everything_is_there(project: Project, account: Account, api: str) -> None:
    functions = account.functions()
    assert set(functions) == {name_of("dev", function) for function in TIMES}
    written = policies_of("dev", project.folder)
    for function, seconds in TIMES.items():
        found, role = functions[name_of("dev", function)], f"rds-lifecycle-dev-{function}"
        assert (found["Timeout"], found["MemorySize"], found["Handler"]) == (seconds, 512, HANDLERS[function])
        assert found["Environment"]["Variables"] == {
            "DATABASES": "ss-financial-dev",
            "METADATA_TABLE": "system-metadata-dev",
        }
        assert found["Role"].endswith(f":role/{role}")
        assert list(account.inline_policies(role).values()) == [written[f"policy-dev-{function}.json"]]
    assert account.everything()["roles"] == {f"rds-lifecycle-dev-{function}" for function in TIMES}

    check, event = "rds-lifecycle-dev-inactivity_check-event", "rds-lifecycle-dev-database_event-event"
    assert set(account.rules()) == {check, event}
    assert account.rules()[check]["ScheduleExpression"] == "rate(15 minutes)"
    assert json.loads(account.rules()[event]["EventPattern"]) == {
        "source": ["aws.rds"],
        "detail-type": ["RDS DB Instance Event", "RDS DB Cluster Event"],
    }
    assert account.target(check) == f"{ARN}rds-lifecycle-dev-inactivity_check"
    assert account.target(event) == f"{ARN}rds-lifecycle-dev-database_event"

    gateway = ("apigateway.amazonaws.com", f"arn:aws:execute-api:us-east-1:123456789012:{api}/*")
    assert account.invokers("rds-lifecycle-dev") == [gateway]
    assert account.invokers("rds-lifecycle-dev-authorize") == [gateway]
    assert account.invokers("rds-lifecycle-dev-inactivity_check") == [("events.amazonaws.com", RULE + check)]
    assert account.invokers("rds-lifecycle-dev-database_event") == [("events.amazonaws.com", RULE + event)]
    assert account.invokers("rds-lifecycle-dev-start_database") == []
    assert_the_api_is_that_of_the_app(account, api)


def assert_the_api_is_that_of_the_app(account: Account, api: str) -> None:
    declared = {
        path: {method: "CUSTOM" if view.authorizer else "NONE" for method, view in methods.items()}
        for path, methods in load_app().app.routes.items()
    }
    assert account.routes(api) == declared
    gateway = account.aws.client("apigateway")
    [authorizer] = gateway.get_authorizers(restApiId=api)["items"]
    assert (authorizer["name"], authorizer["type"]) == ("authorize", "TOKEN")
    assert f"{ARN}rds-lifecycle-dev-authorize/invocations" in authorizer["authorizerUri"]
    assert [stage["stageName"] for stage in gateway.get_stages(restApiId=api)["item"]] == ["api"]


def assert_the_zip_is_that_of_the_package(project: Project, account: Account, package: Project) -> None:
    [deployed] = (project.folder / ".chalice" / "deployments").glob("*.zip")
    digest = base64.b64encode(hashlib.sha256(deployed.read_bytes()).digest()).decode()
    assert {function["CodeSha256"] for function in account.functions().values()} == {digest}
    assert checksums(deployed) == checksums(package.zip("prod"))


def checksums(file: Path) -> dict[str, int]:
    with zipfile.ZipFile(file) as archive:
        return {info.filename: info.CRC for info in archive.infolist()}


def test_deploy__of_two_stages__shares_no_resource_but_a_configured_table(project: Project, account: Account) -> None:
    deploy(project, account, "dev")
    dev = account.everything()
    deploy(project, account, "prod")
    both = account.everything()
    prod = {kind: names - dev[kind] for kind, names in both.items()}
    assert {kind: len(names) for kind, names in prod.items()} == {kind: len(names) for kind, names in dev.items()}
    dev_arns = {function["FunctionArn"] for name, function in account.functions().items() if name in dev["functions"]}
    assert {account.target(rule) for rule in prod["rules"]} & dev_arns == set()
    for role in prod["roles"]:
        [document] = account.inline_policies(role).values()
        assert "dev" not in json.dumps(document)

    project.configure("prod", METADATA_TABLE="system-metadata-dev", DATABASES="ss-financial-dev,ss-financial-prod")
    rejected = project.make("deploy", "STAGE=prod", **account.environ)
    assert rejected.returncode != 0
    keys = "last_rds_query_time, last_rds_query_time/ss-financial-dev"
    assert f"ACTIVITY_KEY: the stage dev of this account also reads {keys} in the table" in rejected.stderr
    assert "DATABASES: ss-financial-dev is already managed by the stage dev of this account" in rejected.stderr
    assert account.functions()["rds-lifecycle-prod"]["Environment"]["Variables"] == {"DATABASES": "ss-financial-prod"}
    project.configure("prod", ACTIVITY_KEY="last_prod_query_time", DATABASES="ss-financial-prod")
    deploy(project, account, "prod")
    tables = {
        account.functions()[name_of(stage, "api_handler")]["Environment"]["Variables"]["METADATA_TABLE"]
        for stage in ("dev", "prod")
    }
    assert tables == {"system-metadata-dev"}

    deploy(project, account, "dev", "undeploy")
    assert account.everything() == {**prod, "tables": both["tables"]}


def test_deploy__after_a_failed_one_and_from_another_clone__creates_nothing_twice(
    project: Project, account: Account
) -> None:
    table = create_existing_resources(account)
    account.aws.failing_request = "POST /restapis"
    failed = project.make("deploy", "STAGE=dev", **account.environ)
    assert failed.returncode != 0
    assert "chalice deploy ended with status" in failed.stderr
    assert "Fix the error, and run the command again." in failed.stderr
    assert account.functions() != {}
    account.aws.failing_request = None
    deploy(project, account, "dev")
    [api] = account.everything()["apis"]
    assert_existing_configuration_is_kept(account, table)

    state = project.folder / ".chalice" / "deployed" / "dev.json"
    state.unlink()
    deploy(project, account, "dev")
    assert account.everything()["apis"] == {api}
    state.unlink()
    deploy(project, account, "dev", "undeploy")
    assert [kind for kind, names in account.everything().items() if names] == ["tables"]


def create_existing_resources(account: Account) -> dict[str, Any]:
    """Log groups with and without a retention, and the table with provisioned throughput; returns the table."""
    logs = account.aws.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/rds-lifecycle-dev-authorize")
    logs.put_retention_policy(logGroupName="/aws/lambda/rds-lifecycle-dev-authorize", retentionInDays=365)
    logs.create_log_group(logGroupName="/aws/lambda/rds-lifecycle-dev")
    table: dict[str, Any] = account.aws.client("dynamodb").create_table(
        TableName="system-metadata-dev",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )["TableDescription"]
    return table


def assert_existing_configuration_is_kept(account: Account, before: dict[str, Any]) -> None:
    client = account.aws.client("dynamodb")
    after = client.describe_table(TableName="system-metadata-dev")["Table"]
    for field in ("ProvisionedThroughput", "KeySchema", "CreationDateTime"):
        assert after[field] == before[field]
    recovery = client.describe_continuous_backups(TableName="system-metadata-dev")["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"
    expiry = client.describe_time_to_live(TableName="system-metadata-dev")["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "DISABLED"}
    groups = account.aws.client("logs").describe_log_groups()["logGroups"]
    assert {group["logGroupName"]: group["retentionInDays"] for group in groups} == {
        f"/aws/lambda/{name}": 30 for name in account.functions()
    } | {"/aws/lambda/rds-lifecycle-dev-authorize": 365}


def test_deploy__with_invalid_settings__fails_before_any_request(project: Project, account: Account) -> None:
    config = project.folder / ".chalice" / "config.json"
    wrong = '"DATABASES": "9,", "IDLE_MINUTES": "soon"'
    config.write_text(config.read_text().replace('"DATABASES": "ss-financial-dev"', wrong))
    done = project.make("deploy", "STAGE=dev", **account.environ)
    assert done.returncode != 0
    assert done.stderr.startswith("make deploy: Nothing was changed:\n  stage dev: DATABASES: found '9,'")
    assert "stage dev: IDLE_MINUTES: found 'soon'" in done.stderr
    assert "Traceback" not in done.stderr
    assert account.aws.requests == []


def test_deploy__of_a_stage_too_large_for_the_environment__packages_the_largest_setting(
    project: Project, account: Account, tmp_path: Path
) -> None:
    project.configure("dev", **LARGE_SETTINGS)
    output = deploy(project, account, "dev")
    assert "put DATABASES into the zip; a plain chalice deploy of this stage would fail" in output
    functions = account.functions()
    assert set(functions) == {name_of("dev", function) for function in TIMES}
    for function in functions.values():
        assert set(function["Environment"]["Variables"]) == {"ACCESS_TOKENS", "METADATA_TABLE"}
    assert settings_of(project, account, tmp_path / "unpacked") == read_settings(
        {**LARGE_SETTINGS, "METADATA_TABLE": "system-metadata-dev"}
    )
    deploy(project, account, "dev")

    # The packaged settings are known to the other stages, and are not theirs.
    shared = LARGE_SETTINGS["DATABASES"].split(",")[99]
    project.configure("prod", DATABASES=shared)
    rejected = project.make("deploy", "STAGE=prod", **account.environ)
    assert f"DATABASES: {shared} is already managed by the stage dev" in rejected.stderr
    project.configure("prod", DATABASES="ss-financial-prod")
    deploy(project, account, "prod")
    assert account.functions()["rds-lifecycle-prod"]["Environment"]["Variables"] == {"DATABASES": "ss-financial-prod"}
    with zipfile.ZipFile(code_of(project, account, "rds-lifecycle-prod")) as opened:
        assert PACKAGED_SETTINGS not in opened.namelist()


def test_deploy__with_a_stage_name_a_layer_and_a_domain__keeps_and_deletes_them(
    project: Project, account: Account
) -> None:
    domain = {"domain_name": "api.example.com", "certificate_arn": f"{CERTIFICATE}1"}
    project.change_stage("dev", api_gateway_stage="v1", automatic_layer=True, api_gateway_custom_domain=domain)
    output = deploy(project, account, "dev")
    [api] = account.everything()["apis"]
    assert f"The API is at https://{api}.execute-api.us-east-1.amazonaws.com/v1\n" in output
    first = options_of(account)
    assert first == ({"rds-lifecycle-dev-managed-layer": 1}, {"api.example.com": [api]})
    deploy(project, account, "dev")
    (project.folder / ".chalice" / "deployed" / "dev.json").unlink()
    deploy(project, account, "dev")
    assert account.everything()["apis"] == {api}
    assert options_of(account) == first, "nothing is created twice, and none of an earlier deployment is left"
    output = deploy(project, account, "dev", "undeploy")
    assert "Nothing is left of the stage dev" in output
    assert options_of(account) == ({}, {})
    assert [kind for kind, names in account.everything().items() if names] == ["tables"]


def test_deployer_policy__of_the_guide__permits_every_call_and_nothing_else(project: Project, account: Account) -> None:
    document = json.loads((ROOT / "docs" / "deployer-policy.json").read_text())
    account.aws.grant("DEPLOYER", without_conditions(document))
    deployer = Account(account.aws, access_key="DEPLOYER")
    domain = {"domain_name": "api.example.com", "certificate_arn": f"{CERTIFICATE}1"}
    project.change_stage("dev", automatic_layer=True, api_gateway_custom_domain=domain)
    project.configure("dev", DATABASES="one,cluster:two", WARM_UP_SCHEDULE="rate(1 day)")
    deploy(project, deployer, "dev", "doctor")
    deploy(project, deployer, "dev")
    project.configure("dev", WARM_UP_SCHEDULE="")
    deploy(project, deployer, "dev", "doctor")
    (project.folder / ".chalice" / "deployed" / "dev.json").unlink()
    deploy(project, deployer, "dev")
    deploy(project, deployer, "dev", "undeploy")
    assert account.aws.denied == []
    assert unused(document, account.aws.used["DEPLOYER"]) == []


def without_conditions(document: Any) -> Any:
    """The policy as moto can evaluate it: without conditions."""
    statements = [{name: part for name, part in s.items() if name != "Condition"} for s in document["Statement"]]
    return {**document, "Statement": statements}


def unused(document: Any, used: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """The actions and the resources of each statement that no call has needed."""
    found = []
    for statement in document["Statement"]:
        patterns = [re.escape(pattern).replace(r"\*", ".*") for pattern in statement["Resource"]]
        needed = {
            (action, pattern)
            for action, resource in used
            for pattern in patterns
            if action in statement["Action"] and re.fullmatch(pattern, resource)
        }
        found += [(statement["Sid"], action) for action in statement["Action"] if action not in {a for a, _ in needed}]
        found += [(statement["Sid"], pattern) for pattern in patterns if pattern not in {p for _, p in needed}]
    return found


def options_of(account: Account) -> tuple[dict[str, int], dict[str, list[str]]]:
    """The number of versions of each layer, and the APIs of each domain."""
    functions, gateway = account.aws.client("lambda"), account.aws.client("apigateway")
    layers = [layer["LayerName"] for layer in functions.list_layers()["Layers"]]
    domains = [domain["domainName"] for domain in gateway.get_domain_names()["items"]]
    return (
        {name: len(functions.list_layer_versions(LayerName=name)["LayerVersions"]) for name in layers},
        {
            name: [mapping["restApiId"] for mapping in gateway.get_base_path_mappings(domainName=name)["items"]]
            for name in domains
        },
    )


def code_of(project: Project, account: Account, function: str) -> Path:
    """The zip of a deployed function: the one of Chalice's zips that AWS has received."""
    digest = account.functions()[function]["CodeSha256"]
    zips = (project.folder / ".chalice" / "deployments").glob("*.zip")
    return next(
        file for file in zips if base64.b64encode(hashlib.sha256(file.read_bytes()).digest()).decode() == digest
    )


def settings_of(project: Project, account: Account, folder: Path) -> Any:
    """The settings that the deployed function of the API reads, with its code and its environment."""
    with zipfile.ZipFile(code_of(project, account, "rds-lifecycle-dev")) as opened:
        opened.extractall(folder)
    variables = account.functions()["rds-lifecycle-dev"]["Environment"]["Variables"]
    code = "import sys, pickle, app; sys.stdout.buffer.write(pickle.dumps(app.current_settings()))"
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=folder, env=variables, capture_output=True, check=True
    )
    return pickle.loads(done.stdout)  # noqa: S301 - our own process
