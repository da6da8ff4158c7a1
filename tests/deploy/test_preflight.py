"""The checks before a deployment report every error before anything is changed on AWS."""

import json
import shutil
from pathlib import Path

import pytest
from moto import mock_aws

from dev.deploy import conflicts, policies
from dev.deploy.findings import NotReady
from dev.deploy.preflight import check_account, check_stage
from tests.served import ROOT
from tests.support import PROD


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with the stages and policies of this one."""
    shutil.copytree(ROOT / ".chalice", tmp_path / ".chalice", ignore=shutil.ignore_patterns("deployments", "deployed"))
    return tmp_path


def configure(root: Path, stage: str, **settings: str) -> None:
    file = root / ".chalice" / "config.json"
    config = json.loads(file.read_text())
    config["stages"][stage]["environment_variables"] |= settings
    file.write_text(json.dumps(config))


def test_check_stage__of_a_deployable_stage__returns_its_settings(root: Path) -> None:
    settings, notices = check_stage("prod", root)
    assert (settings.databases, notices) == ((PROD,), [])


@pytest.mark.parametrize("stage", ["moon", ""], ids=["unknown", "empty"])
def test_checks__of_an_unknown_stage__name_the_stages(root: Path, stage: str) -> None:
    for check in (check_stage, check_account):
        with pytest.raises(NotReady, match=f"STAGE: '{stage}' is not a stage of .* Its stages: local, dev, prod"):
            check(stage, root)


def test_check_stage__of_the_local_stage__is_rejected(root: Path) -> None:
    with pytest.raises(NotReady, match="its tokens are public"):
        check_stage("local", root)


def test_check_stage__with_invalid_settings__reports_all_errors(root: Path) -> None:
    configure(root, "dev", DATABASES="9,", IDLE_MINUTES="soon")
    with pytest.raises(NotReady) as error:
        check_stage("dev", root)
    assert [message.split(":")[:2] for message in error.value.errors] == [
        ["stage dev", " DATABASES"],
        ["stage dev", " IDLE_MINUTES"],
    ]


@pytest.mark.parametrize(
    "settings",
    [{"DATABASES": "another"}, {"WARM_UP_SCHEDULE": "rate(1 day)"}],
    ids=["another database", "another function"],
)
def test_check_stage__with_outdated_policies__names_them(root: Path, settings: dict[str, str]) -> None:
    configure(root, "dev", **settings)
    with pytest.raises(NotReady, match=r"policies do not match the settings: policy-dev-.* Run make policies"):
        check_stage("dev", root)
    policies.write(root)
    check_stage("dev", root)


def test_check_stage__with_an_edited_policy__names_it(root: Path) -> None:
    file = root / ".chalice" / "policy-prod-api_handler.json"
    file.write_text(file.read_text().replace("rds:StartDBInstance", "rds:StopDBInstance"))
    with pytest.raises(NotReady, match=r"do not match the settings: policy-prod-api_handler\.json\."):
        check_stage("prod", root)


def test_check_account__without_region_and_credentials__reports_both(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(NotReady) as error:
        check_account("dev")
    region, credentials = error.value.errors
    assert region.startswith("No region is set: export AWS_DEFAULT_REGION")
    assert credentials.startswith("No AWS credentials are set: export AWS_PROFILE")


def test_check_account__with_an_unknown_profile__names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(NotReady, match="nobody"):
        check_account("dev")


def test_check_account__without_a_response__names_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(NotReady, match=r"http://127\.0\.0\.1:9 rejects the credentials or does not respond"):
        check_account("dev")


def test_check_conflicts__with_a_stack_of_the_stage__names_it() -> None:
    with mock_aws(config={"lambda": {"use_docker": False}}):
        target = check_account("prod")
        role = target.session.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        target.session.client("lambda").create_function(
            FunctionName="rds-lifecycle-prod-inactivity_check",
            Runtime="python3.13",
            Role=role,
            Handler="app.inactivity_check",
            Code={"ZipFile": b"zip"},
            Tags={"aws:cloudformation:stack-name": "databases"},
        )
        [conflict] = conflicts.find(target.session.client("lambda"), "prod", check_stage("prod")[0])
        assert conflict.startswith("The CloudFormation stack databases has deployed the stage prod here")
