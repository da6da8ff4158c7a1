"""The checks before a deployment report every error before anything is changed on AWS."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from dev.deploy import conflicts, policies
from dev.deploy.findings import NotReady
from dev.deploy.preflight import Target, check_account, check_stage
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


def test_checks__of_an_unknown_stage__name_the_stages(root: Path) -> None:
    for check in (check_stage, check_account):
        with pytest.raises(NotReady, match=r"STAGE: 'moon' is not a stage of .* Its stages: local, dev, prod"):
            check("moon", root)


@pytest.mark.parametrize(
    "module", ["dev.deploy.doctor", "dev.deploy.deploy", "dev.deploy.package", "dev.deploy.undeploy"]
)
@pytest.mark.parametrize("arguments", [[], [""]], ids=["without argument", "with an empty one"])
def test_commands__without_a_stage__say_how_to_name_it(module: str, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == f"STAGE is missing: make {module.rpartition('.')[2]} STAGE=prod\n"


def rename(root: Path, stage: str) -> None:
    """Give the stage prod another name."""
    file = root / ".chalice" / "config.json"
    config = json.loads(file.read_text())
    config["stages"][stage] = config["stages"].pop("prod")
    file.write_text(json.dumps(config).replace("policy-prod-", f"policy-{stage}-"))


def test_check_stage__with_the_longest_name_that_aws_accepts__is_accepted(root: Path) -> None:
    stage = "p" * 27
    rename(root, stage)
    policies.write(root)
    assert len(f"rds-lifecycle-{stage}-inactivity_check-event") == 64
    assert check_stage(stage, root)[0].databases == (PROD,)


def test_check_stage__with_a_name_too_long_for_its_rules__says_how_many_characters_it_may_have(root: Path) -> None:
    stage = "production-of-the-eu-region-2"
    rename(root, stage)
    with pytest.raises(NotReady) as error:
        check_stage(stage, root)
    [line] = error.value.errors
    assert line.startswith(f"STAGE: the name of the stage {stage} has 29 characters, and may have at most 27: AWS ")
    assert f"64 characters in the name rds-lifecycle-{stage}-inactivity_check-event, which has 66." in line
    assert line.endswith("Rename the stage and its policy files in .chalice/config.json, and run make policies.")


def test_check_stage__with_a_name_of_other_characters__is_an_error_beside_those_of_the_settings(root: Path) -> None:
    rename(root, "prod.eu")
    configure(root, "prod.eu", IDLE_MINUTES="soon")
    with pytest.raises(NotReady) as error:
        check_stage("prod.eu", root)
    name, idle = error.value.errors
    assert name.startswith("STAGE: the name of the stage 'prod.eu' may have only letters, digits, - and _")
    assert idle.startswith("stage prod.eu: IDLE_MINUTES")


@pytest.mark.parametrize(
    ("metric", "advice"),
    [
        pytest.param("DatabaseConnection>0", "Did you mean DatabaseConnections?", id="a letter is missing"),
        pytest.param("databaseconnections>0", "Did you mean DatabaseConnections?", id="other case"),
        pytest.param("DBload>0.05", "Did you mean DBLoad?", id="other case of a short name"),
        pytest.param("Zzz>0", "Check its name, for example in CloudWatch.", id="nothing is similar"),
        pytest.param("DBLoadCpu>0.1", "Did you mean DBLoadCPU?", id="other case of a part of the load"),
    ],
)
def test_check_stage__with_an_unknown_metric__is_a_notice_with_the_closest_name(
    root: Path, metric: str, advice: str
) -> None:
    configure(root, "prod", ACTIVITY_METRIC=metric)
    _, [notice] = check_stage("prod", root)
    name = metric.partition(">")[0]
    assert notice.startswith(f"ACTIVITY_METRIC: {name} is not a metric of AWS/RDS that rds-lifecycle knows. {advice}")
    assert notice.endswith("one that RDS does not publish: no database would be stopped.")


@pytest.mark.parametrize("metric", ["DBLoadCPU>0.1", "CommitThroughput>0", "auto"])
def test_check_stage__with_a_known_metric__has_no_notice(root: Path, metric: str) -> None:
    configure(root, "prod", ACTIVITY_METRIC=metric)
    assert check_stage("prod", root)[1] == []


def test_target__with_an_endpoint__names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target("prod", boto3.Session(region_name="us-east-1"), "123456789012")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert str(target) == "account 123456789012, Region us-east-1"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert str(target) == "account 123456789012, Region us-east-1, at http://127.0.0.1:4566 (AWS_ENDPOINT_URL)"


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
    assert region.startswith("No Region is set: export AWS_DEFAULT_REGION")
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


def test_make_policies__wrong_settings_of_two_stages__names_each_stage_and_changes_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(root, "dev", IDLE_MINUTES="soon")
    configure(root, "prod", DATABASES="", METADATA_TABLE="another")
    before = {file.name: file.read_text() for file in (root / ".chalice").glob("policy-*.json")}
    write = policies.write
    monkeypatch.setattr(policies, "write", lambda: write(root))
    assert policies.main() == 1
    first, *lines = capsys.readouterr().err.splitlines()
    assert first.startswith("make policies: no policy was written.")
    assert [line.split(": ")[:2] for line in lines] == [
        ["  stage dev", "IDLE_MINUTES"],
        ["  stage prod", "DATABASES"],
    ]
    assert {file.name: file.read_text() for file in (root / ".chalice").glob("policy-*.json")} == before
