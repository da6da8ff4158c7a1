"""`make doctor`: one list of what is wrong with a stage, before anything is changed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from chalicelib.domain.model import DatabaseRef, Kind
from chalicelib.settings import Settings
from dev.deploy import policies
from dev.deploy.doctor import examine, main
from dev.deploy.findings import Severity
from dev.deploy.rds_check import check_databases
from dev.local.aws import create_database
from dev.table import ensure_table
from tests.deploy.large_stage import LARGE_SETTINGS, tokens
from tests.served import ROOT
from tests.support import ANALYTICS, PROD

NO_TOKENS = (
    "ACCESS_TOKENS is empty, so every request is rejected. Run make token NAME=dashboard ROLE=operator, and add its "
    "entry to ACCESS_TOKENS of the stage prod in .chalice/config.json."
)


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws(config={"lambda": {"use_docker": False}}):
        yield


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with the stages and policies of this one."""
    shutil.copytree(ROOT / ".chalice", tmp_path / ".chalice", ignore=shutil.ignore_patterns("deployments", "deployed"))
    return tmp_path


def configure(root: Path, **settings: str) -> None:
    """Change settings of the stage prod."""
    file = root / ".chalice" / "config.json"
    config = json.loads(file.read_text())
    config["stages"]["prod"]["environment_variables"] |= settings
    file.write_text(json.dumps(config))


def examined(root: Path) -> list[tuple[Severity, str]]:
    return [(finding.severity, finding.text) for finding in examine("prod", root).findings]


def test_examine__stage_that_is_ready__finds_nothing(root: Path, aws: None) -> None:
    create_database(boto3.client("rds"), PROD)
    configure(root, ACCESS_TOKENS=tokens(1))
    diagnosis = examine("prod", root)
    assert diagnosis.findings == ()
    assert diagnosis.settings is not None
    assert str(diagnosis.target) == "account 123456789012, Region us-east-1"


def test_examine__everything_is_wrong__is_one_list_and_changes_nothing(root: Path, aws: None) -> None:
    configure(
        root,
        DATABASES="missing,cluster:also-missing,second",
        METADATA_TABLE="theirs",
        ACTIVITY_METRIC="DbConnections>0",
    )
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(
        TableName="theirs",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    found = examined(root)
    assert [severity for severity, _ in found] == [
        Severity.ERROR,
        *[Severity.NOTICE] * 2,
        Severity.ERROR,
        *[Severity.NOTICE] * 2,
    ]
    texts = [text for _, text in found]
    assert len(set(texts)) == len(texts)
    assert texts[0].startswith("These policies do not match the settings: policy-prod-")
    assert texts[1].startswith("ACTIVITY_METRIC: DbConnections is not a metric of AWS/RDS")
    assert texts[2].startswith("ACCESS_TOKENS is empty")
    assert texts[3].startswith("METADATA_TABLE: the table theirs has the partition key id (S).")
    assert texts[4] == (
        "DATABASES: RDS has no instances missing, second in this account and Region. Every check fails until they "
        "exist: create them, or correct DATABASES or the Region."
    )
    assert texts[5] == (
        "DATABASES: RDS has no cluster also-missing in this account and Region. Every check fails until it exists: "
        "create it, or correct DATABASES or the Region."
    )
    assert dynamodb.describe_time_to_live(TableName="theirs")["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"


def test_examine__without_tokens__says_what_to_do(root: Path, aws: None) -> None:
    create_database(boto3.client("rds"), PROD)
    assert examined(root) == [(Severity.NOTICE, NO_TOKENS)]


def test_examine__denied_at_lambda__points_to_the_policy(
    root: Path, aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(*_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "GetFunction")

    monkeypatch.setattr("dev.deploy.doctor.conflicts.find", deny)
    [text] = [text for severity, text in examined(root) if severity is Severity.ERROR]
    assert "Allow these credentials what docs/deployer-policy.json lists. Lambda says: " in text


def test_examine__invalid_settings__lists_only_those(root: Path) -> None:
    configure(root, DATABASES="9,", IDLE_MINUTES="soon")
    assert [(severity, text[:25]) for severity, text in examined(root)] == [
        (Severity.ERROR, "stage prod: DATABASES: fo"),
        (Severity.ERROR, "stage prod: IDLE_MINUTES:"),
    ]


def test_examine__without_credentials__lists_them_with_the_errors_of_the_files(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(root, DATABASES="another")
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert [text.split(":")[0] for _, text in examined(root)] == [
        "These policies do not match the settings",
        NO_TOKENS,
        "No Region is set",
        "No AWS credentials are set",
    ]


def test_examine__100_databases_of_40_characters_and_16_tokens__has_no_error(root: Path, aws: None) -> None:
    configure(root, **LARGE_SETTINGS)
    policies.write(root)
    create = boto3.client("rds")
    for name in LARGE_SETTINGS["DATABASES"].split(","):
        create_database(create, DatabaseRef(Kind.INSTANCE, name))
    [(severity, text)] = examined(root)
    assert severity is Severity.NOTICE
    assert "make deploy and make package therefore put DATABASES into the zip" in text


def test_check_databases__denied__is_one_notice_for_each_kind_with_the_permission(aws: None) -> None:
    client = boto3.client("rds")

    def deny(model: Any, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, model.name)

    client.meta.events.register("before-call.rds.*", deny)
    found = check_databases(client, Settings((PROD, DatabaseRef(Kind.INSTANCE, "second"), ANALYTICS)))
    assert [finding.severity for finding in found] == [Severity.NOTICE] * 2
    assert "Allow these credentials rds:DescribeDBInstances" in found[0].text
    assert "Allow these credentials rds:DescribeDBClusters" in found[1].text


def test_check_databases__that_rds_can_never_stop__says_so(aws: None) -> None:
    client = boto3.client("rds")
    create_database(client, PROD)
    client.create_db_instance_read_replica(DBInstanceIdentifier="copy", SourceDBInstanceIdentifier=PROD.id)
    found = check_databases(client, Settings((DatabaseRef(Kind.INSTANCE, "copy"),)))
    [finding] = found
    assert finding.severity is Severity.NOTICE
    assert finding.text.startswith("DATABASES: RDS cannot stop the instance copy, because it is a read replica.")
    assert "Remove it from DATABASES" in finding.text


@pytest.mark.parametrize(
    ("pending", "described_as", "remedy"),
    [
        pytest.param(
            ("DBInstanceClass",),
            "has a pending modification (DBInstanceClass)",
            "it is applied: apply it immediately, or revoke it",
            id="one",
        ),
        pytest.param(
            ("DBInstanceClass", "Port"),
            "has pending modifications (DBInstanceClass, Port)",
            "they are applied: apply them immediately, or revoke them",
            id="two",
        ),
    ],
)
def test_check_databases__with_pending_modifications__names_them(
    pending: tuple[str, ...], described_as: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = SimpleNamespace(ref=PROD, stop_unsupported=False, pending_modifications=pending)
    monkeypatch.setattr("dev.deploy.rds_check.Rds.describe", lambda *_: {PROD: described})
    [finding] = check_databases(boto3.client("rds"), Settings((PROD,)))
    assert finding.severity is Severity.NOTICE
    assert finding.text == (
        f"The instance {PROD.id} {described_as}, which a stop would discard. It is not stopped until {remedy}."
    )


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        pytest.param(["doctor", "prod"], 0, "Errors: 0, notices: 2. Next: make deploy STAGE=prod", id="only notices"),
        pytest.param(["doctor", "moon"], 1, "Errors: 1, notices: 0. Fix the errors;", id="unknown stage"),
    ],
)
def test_main__prints_the_list_and_its_status(
    arguments: list[str],
    status: int,
    line: str,
    aws: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", arguments)
    assert main() == status
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1].startswith(line)
    assert any(text.startswith(("  error: ", "  notice: ")) for text in printed)


def test_examine__table_of_ours__finds_nothing(root: Path, aws: None) -> None:
    create_database(boto3.client("rds"), PROD)
    configure(root, ACCESS_TOKENS=tokens(1))
    ensure_table(boto3.client("dynamodb"), "system-metadata", sleep=lambda _: None)
    assert examined(root) == []
