"""Whatever is wrong with a deployment is said before AWS is asked to change anything."""

import json
import shutil
from pathlib import Path

import pytest
from moto import mock_aws

from dev import policies
from dev.deploy.preflight import NotReady, check_account, check_neighbours, check_stage
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


def test_a_stage_that_can_be_deployed_is_returned_with_its_settings(root: Path) -> None:
    assert check_stage("prod", root).databases == (PROD,)


@pytest.mark.parametrize("stage", ["moon", ""])
def test_an_unknown_stage_is_named_with_those_that_exist(root: Path, stage: str) -> None:
    for check in (check_stage, check_account):
        with pytest.raises(NotReady, match=f"STAGE: '{stage}' is no stage of .*; there are local, dev, prod"):
            check(stage, root)


def test_the_local_stage_is_never_deployed(root: Path) -> None:
    with pytest.raises(NotReady, match="everybody knows its tokens"):
        check_stage("local", root)


def test_all_faults_of_the_settings_are_told_at_once(root: Path) -> None:
    configure(root, "dev", DATABASES="9,", IDLE_MINUTES="soon")
    with pytest.raises(NotReady) as refused:
        check_stage("dev", root)
    assert [fault.split(":")[:2] for fault in refused.value.faults] == [
        ["stage dev", " DATABASES"],
        ["stage dev", " IDLE_MINUTES"],
    ]


@pytest.mark.parametrize("settings", [{"DATABASES": "another"}, {"WARM_UP_SCHEDULE": "rate(1 day)"}])
def test_policies_that_do_not_fit_the_settings_are_named(root: Path, settings: dict[str, str]) -> None:
    configure(root, "dev", **settings)
    with pytest.raises(NotReady, match=r"policies are not current \(policy-dev-.*\): run make policies"):
        check_stage("dev", root)
    policies.write(root)
    check_stage("dev", root)


def test_a_policy_that_was_edited_by_hand_is_not_current(root: Path) -> None:
    file = root / ".chalice" / "policy-prod-api_handler.json"
    file.write_text(file.read_text().replace("rds:StartDBInstance", "rds:StopDBInstance"))
    with pytest.raises(NotReady, match=r"not current \(policy-prod-api_handler\.json\)"):
        check_stage("prod", root)


def test_missing_region_and_credentials_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(NotReady) as refused:
        check_account("dev")
    region, credentials = refused.value.faults
    assert region.startswith("No region is set: export AWS_DEFAULT_REGION")
    assert credentials.startswith("No AWS credentials are set: export AWS_PROFILE")


def test_a_profile_that_does_not_exist_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(NotReady, match="nobody"):
        check_account("dev")


def test_an_aws_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(NotReady, match=r"http://127\.0\.0\.1:9 does not accept these credentials, or does not answer"):
        check_account("dev")


def test_a_stage_that_a_stack_has_deployed_is_left_to_the_stack() -> None:
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
        with pytest.raises(NotReady, match="deployed here by the CloudFormation stack databases"):
            check_neighbours(target, check_stage("prod"))
