"""AWS's quotas: what a stage uses of them, what is moved into the zip, and what the simulated AWS refuses."""

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from chalicelib.environment import PACKAGED_SETTINGS
from chalicelib.settings import read_settings
from dev.deploy import policies, quota_checks
from dev.deploy.findings import Severity
from dev.deploy.packaged_settings import MOVABLE, add_settings, settings_to_move, without
from dev.deploy.quotas import ENVIRONMENT_BYTES, environment_bytes, policy_characters
from dev.local.quotas import enforce_quotas
from tests.deploy.large_stage import database_ids, tokens
from tests.served import load_app


def stage(tmp_path: Path, environment: dict[str, str], **functions: Any) -> Path:
    """A project with one stage, "test"."""
    folder = tmp_path / ".chalice"
    folder.mkdir()
    options = {"environment_variables": environment, "lambda_functions": functions}
    (folder / "config.json").write_text(json.dumps({"app_name": "rds-lifecycle", "stages": {"test": options}}))
    return tmp_path


def findings(root: Path, environment: dict[str, str]) -> list[tuple[Severity, str]]:
    found = quota_checks.check_quotas("test", read_settings(environment), load_app().app, root)
    return [(finding.severity, finding.text) for finding in found]


def test_environment_bytes__umlaut_and_separators__counts_the_bytes_of_compact_json() -> None:
    assert environment_bytes({"A": "ü", "B": "1"}) == len('{"A":"ü","B":"1"}'.encode())


def test_settings_to_move__environment_that_fits__moves_nothing() -> None:
    padding = ENVIRONMENT_BYTES - environment_bytes({"DATABASES": ""})
    assert settings_to_move({"DATABASES": "d" * padding}) == {}
    assert settings_to_move({"DATABASES": "d" * (padding + 1)}) == {"DATABASES": "d" * (padding + 1)}


@pytest.mark.parametrize(
    ("databases", "entries", "moved"),
    [
        pytest.param(database_ids(101, 26), 16, ["DATABASES"], id="101 ids of 26 characters and 16 tokens"),
        pytest.param(database_ids(100, 40), 16, ["DATABASES"], id="100 ids of 40 characters and 16 tokens"),
        pytest.param(database_ids(10, 26), 60, ["ACCESS_TOKENS"], id="60 tokens"),
        pytest.param(database_ids(120, 40), 60, ["DATABASES", "ACCESS_TOKENS"], id="both are too large"),
    ],
)
def test_settings_to_move__environment_too_large__moves_the_largest_and_the_rest_fits(
    databases: list[str], entries: int, moved: list[str]
) -> None:
    variables = {"DATABASES": ",".join(databases), "ACCESS_TOKENS": tokens(entries), "IDLE_MINUTES": "30"}
    assert environment_bytes(variables) > ENVIRONMENT_BYTES
    found = settings_to_move(variables)
    assert sorted(found) == sorted(moved)
    rest = without(variables, found)
    assert environment_bytes(rest) <= ENVIRONMENT_BYTES
    assert {**rest, **found} == variables


def test_settings_to_move__large_variables_of_others_or_of_the_deployment__stay() -> None:
    variables = {"DATABASES": "one", "DASHBOARD_URL": f"https://x.example/{'x' * 3000}", "OTHER": "y" * 3000}
    assert "DASHBOARD_URL" not in MOVABLE
    assert settings_to_move(variables) == {"DATABASES": "one"}


def test_without__function_with_its_own_value__keeps_it() -> None:
    moved = {"DATABASES": "one", "IDLE_MINUTES": "5"}
    assert without({"DATABASES": "one", "IDLE_MINUTES": "9"}, moved) == {"IDLE_MINUTES": "9"}


def test_add_settings__twice__leaves_the_zip_and_makes_the_same_copy(tmp_path: Path) -> None:
    archive = tmp_path / "code.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("app.py", "")
    before = archive.read_bytes()
    assert add_settings(archive, {}) == archive
    copy = add_settings(archive, {"DATABASES": "one"})
    made = copy.read_bytes()
    assert add_settings(archive, {"DATABASES": "one"}).read_bytes() == made
    assert add_settings(archive, {"DATABASES": "two"}) != copy
    assert archive.read_bytes() == before
    with zipfile.ZipFile(copy) as opened:
        assert sorted(opened.namelist()) == ["app.py", PACKAGED_SETTINGS]
        assert json.loads(opened.read(PACKAGED_SETTINGS)) == {"DATABASES": "one"}


def test_check_quotas__ordinary_stage__finds_nothing(tmp_path: Path) -> None:
    assert findings(stage(tmp_path, {"DATABASES": "one"}), {"DATABASES": "one"}) == []


def test_check_quotas__environment_too_large__says_how_much_and_what_happens(tmp_path: Path) -> None:
    environment = {"DATABASES": ",".join(database_ids(101, 26)), "ACCESS_TOKENS": tokens(16)}
    [(severity, text)] = findings(stage(tmp_path, environment), environment)
    more = environment_bytes(environment) - ENVIRONMENT_BYTES
    assert severity is Severity.NOTICE
    assert f"{more} more than the 4,096 that Lambda accepts" in text
    assert "Its largest variable is DATABASES with 2,726 bytes" in text
    assert text.endswith("put DATABASES into the zip; a plain chalice deploy of this stage would fail.")


def test_check_quotas__variables_that_cannot_be_moved__is_an_error_for_each_function(tmp_path: Path) -> None:
    environment = {"DATABASES": "one", "OTHER": "x" * 5000}
    found = findings(stage(tmp_path, environment), environment)
    errors = [text for severity, text in found if severity is Severity.ERROR]
    assert len(errors) == len(policies.functions_of(read_settings(environment)))
    assert all(
        "Its largest variable is OTHER with 5,000 bytes. Shorten it. Use fewer databases or fewer " in text
        for text in errors
    )


def test_check_quotas__environment_of_one_function_too_large__names_it(tmp_path: Path) -> None:
    own = {"environment_variables": {"OTHER": "x" * 5000}}
    root = stage(tmp_path, {"DATABASES": "one"}, inactivity_check=own)
    [(severity, text)] = findings(root, {"DATABASES": "one"})
    assert severity is Severity.ERROR
    assert text.startswith("The environment of rds-lifecycle-test-inactivity_check has ")


def test_check_quotas__policies_too_large__names_each_and_the_excess(tmp_path: Path) -> None:
    environment = {"DATABASES": ",".join(database_ids(200, 40))}
    errors = [text for severity, text in findings(stage(tmp_path, environment), environment) if "policy-" in text]
    assert [text.split()[0] for text in errors] == [
        f"policy-test-{name}.json" for name in ("api_handler", "inactivity_check", "database_event", "start_database")
    ]
    assert all("more than the 10,240 that IAM accepts" in text for text in errors)


@pytest.mark.parametrize("kind", ["", "cluster:"], ids=["instances", "clusters"])
def test_policies__of_100_databases_and_every_setting__fit(tmp_path: Path, kind: str) -> None:
    environment = {
        "DATABASES": ",".join(kind + name for name in database_ids(100, 40)),
        "ACTIVITY_METRIC": "DatabaseConnections>0",
        "WARM_UP_SCHEDULE": "rate(1 day)",
        "TABLE_KMS_KEY": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    }
    written = policies.policies_of("test", stage(tmp_path, environment))
    # `make package` adds the permission to send to the dead-letter queue.
    assert max(map(policy_characters, written.values())) < 10_240 - 400


def test_check_patterns__pattern_too_long__names_the_function_and_the_excess() -> None:
    source = SimpleNamespace(name="database_event", event_pattern={"detail": {"SourceIdentifier": ["d" * 2100]}})
    [finding] = quota_checks.check_patterns(SimpleNamespace(event_sources=[source]))
    assert finding.severity is Severity.ERROR
    assert "The event pattern of database_event has 2,138 characters, 90 more than the 2,048" in finding.text


def test_simulated_aws__beyond_a_quota__refuses_the_call() -> None:
    enforce_quotas()
    large: Any = {"Variables": {"DATABASES": "d" * ENVIRONMENT_BYTES}}
    with mock_aws(config={"lambda": {"use_docker": False}}):
        iam, functions, events = boto3.client("iam"), boto3.client("lambda"), boto3.client("events")
        role = iam.create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        function: Any = {"Runtime": "python3.13", "Role": role, "Handler": "app.app", "Code": {"ZipFile": b"zip"}}
        with pytest.raises(ClientError, match="exceeded the 4KB limit"):
            functions.create_function(FunctionName="large", Environment=large, **function)
        functions.create_function(FunctionName="small", **function)
        with pytest.raises(ClientError, match="exceeded the 4KB limit"):
            functions.update_function_configuration(FunctionName="small", Environment=large)
        with pytest.raises(ClientError, match="less than or equal to 2048"):
            events.put_rule(Name="any", EventPattern=json.dumps({"detail": {"id": ["d" * 2048]}}))
        statement = {
            "Effect": "Allow",
            "Action": "rds:StartDBInstance",
            "Resource": ["arn:aws:rds:*:*:db:" + "d" * 6000],
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=400)
        iam.put_role_policy(RoleName="any", PolicyName="first", PolicyDocument=document)
        with pytest.raises(ClientError, match="Maximum policy size"):
            iam.put_role_policy(RoleName="any", PolicyName="second", PolicyDocument=document)
