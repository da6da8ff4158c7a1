"""The metadata table: created in full, repaired by the next deployment, and never changed if it is not ours."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from chalicelib.settings import Settings
from dev.deploy.findings import Severity
from dev.deploy.table_check import check_table
from dev.local.quotas import BACKUP_REFUSALS, enforce_quotas
from dev.table import TAG, EnsuredTable, ensure_table
from tests.support import PROD

KEY = {"KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}]}
KEY_TYPE = {"AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "S"}]}
CMK = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_CMK = "arn:aws:kms:us-east-1:123456789012:key/9876abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture
def client() -> Iterator[Any]:
    """DynamoDB, which refuses what AWS refuses."""
    enforce_quotas()
    with mock_aws():
        yield boto3.client("dynamodb")


def ensure(client: Any, kms_key: str | None = None) -> tuple[EnsuredTable, list[float]]:
    """Ensure the table; the result, and the pauses in seconds."""
    pauses: list[float] = []
    return ensure_table(client, "metadata", kms_key, pauses.append), pauses


def create(client: Any, **definition: Any) -> None:
    """Create a table as another program does."""
    client.create_table(TableName="metadata", BillingMode="PAY_PER_REQUEST", **{**KEY, **KEY_TYPE, **definition})


def recovery(client: Any) -> str:
    backups = client.describe_continuous_backups(TableName="metadata")["ContinuousBackupsDescription"]
    return str(backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"])


def expiry(client: Any) -> tuple[str, str | None]:
    found = client.describe_time_to_live(TableName="metadata")["TimeToLiveDescription"]
    return found["TimeToLiveStatus"], found.get("AttributeName")


def findings(client: Any, **settings: Any) -> list[tuple[Severity, str]]:
    found = check_table(client, Settings((PROD,), metadata_table="metadata", **settings))
    return [(finding.severity, finding.text) for finding in found]


def test_ensure_table__missing__creates_it_with_recovery_expiry_and_tag(client: Any) -> None:
    made, pauses = ensure(client)
    assert made == EnsuredTable(created=True, notices=())
    assert len(pauses) == BACKUP_REFUSALS, "DynamoDB enables backups some seconds after the creation"
    table = client.describe_table(TableName="metadata")["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["KeySchema"] == KEY["KeySchema"]
    assert (recovery(client), expiry(client)) == ("ENABLED", ("ENABLED", "expires_at"))
    assert client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"] == [TAG]
    assert findings(client) == []
    assert ensure(client) == (EnsuredTable(created=False, notices=()), [])


def test_ensure_table__with_a_kms_key__encrypts_with_it(client: Any) -> None:
    ensure(client, CMK)
    assert client.describe_table(TableName="metadata")["Table"]["SSEDescription"]["KMSMasterKeyArn"] == CMK
    assert findings(client, table_kms_key=CMK) == []


def test_ensure_table__backups_stay_unavailable__says_so_and_the_next_deployment_enables_them(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dev.local.quotas.BACKUP_REFUSALS", 1000)
    made, pauses = ensure(client)
    assert made.created
    [notice] = made.notices
    assert "point-in-time recovery is not enabled yet. Run make deploy again" in notice
    assert 60 <= sum(pauses) <= 180
    assert (recovery(client), expiry(client)) == ("DISABLED", ("ENABLED", "expires_at"))
    monkeypatch.undo()
    assert ensure(client) == (EnsuredTable(created=False, notices=()), [])
    assert recovery(client) == "ENABLED"


def test_ensure_table__expiry_changed_within_the_hour__says_so(client: Any) -> None:
    ensure(client)
    tables: Any = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID]["us-east-1"].tables
    tables["metadata"].ttl = {"TimeToLiveStatus": "DISABLED"}
    made, _ = ensure(client)
    [notice] = made.notices
    assert "changed within the last hour" in notice
    assert "Run make deploy again in an hour" in notice


def test_ensure_table__other_refusal_of_expiry__is_raised(client: Any) -> None:
    ensure(client)

    def refuse(model: Any, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, model.name)

    client.meta.events.register("before-call.dynamodb.DescribeTimeToLive", refuse)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        ensure(client)


def test_ensure_table__of_another_program__changes_nothing_and_says_what_expiry_would_do(client: Any) -> None:
    create(client)
    client.put_item(TableName="metadata", Item={"key": {"S": "session"}, "expires_at": {"N": "1"}})
    [(severity, text)] = findings(client)
    assert severity is Severity.NOTICE
    assert "was not created by rds-lifecycle and is not changed" in text
    assert "DynamoDB would delete every item whose expires_at has passed" in text
    assert "aws dynamodb update-time-to-live --table-name metadata" in text
    assert ensure(client) == (EnsuredTable(created=False, notices=()), [])
    assert (recovery(client), expiry(client)) == ("DISABLED", ("DISABLED", None))


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        pytest.param("expires_at", [], id="by the attribute of history items"),
        pytest.param("ttl", ["uses ttl, not expires_at"], id="by another attribute"),
    ],
)
def test_check_table__of_another_program_with_expiry__says_only_what_differs(
    client: Any, attribute: str, expected: list[str]
) -> None:
    create(client)
    client.update_time_to_live(
        TableName="metadata", TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute}
    )
    found = [text for _, text in findings(client)]
    assert len(found) == len(expected)
    assert all(part in text for part, text in zip(expected, found, strict=True))


@pytest.mark.parametrize(
    ("definition", "described"),
    [
        pytest.param(
            {
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            },
            "has the partition key id (S)",
            id="another name",
        ),
        pytest.param(
            {"AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "N"}]},
            "has the partition key key (N)",
            id="a number",
        ),
        pytest.param(
            {
                "KeySchema": [*KEY["KeySchema"], {"AttributeName": "at", "KeyType": "RANGE"}],
                "AttributeDefinitions": [
                    *KEY_TYPE["AttributeDefinitions"],
                    {"AttributeName": "at", "AttributeType": "S"},
                ],
            },
            "has the partition key key (S) and the sort key at (S)",
            id="a sort key",
        ),
    ],
)
def test_check_table__another_key_schema__is_an_error(client: Any, definition: Any, described: str) -> None:
    create(client, **definition)
    [(severity, text)] = findings(client)
    assert severity is Severity.ERROR
    assert described in text
    assert "It must have the partition key key (S) and no sort key. Set METADATA_TABLE" in text


def test_check_table__encrypted_with_a_key_that_is_not_set__names_the_setting(client: Any) -> None:
    ensure(client, CMK)
    [(severity, text)] = findings(client)
    assert severity is Severity.NOTICE
    assert text.startswith(f"TABLE_KMS_KEY: the table metadata is encrypted with {CMK}.")


@pytest.mark.parametrize(
    ("made_with", "described"),
    [
        pytest.param(None, "a key of DynamoDB", id="key of DynamoDB"),
        pytest.param(OTHER_CMK, OTHER_CMK, id="another key"),
    ],
)
def test_check_table__of_ours_without_the_key_that_is_set__says_how_to_encrypt_it(
    client: Any, made_with: str | None, described: str
) -> None:
    ensure(client, made_with)
    [(severity, text)] = findings(client, table_kms_key=CMK)
    assert severity is Severity.NOTICE
    assert text.startswith(
        f"TABLE_KMS_KEY: the table metadata is encrypted with {described}, not with {CMK}, and make "
    )
    assert "make deploy does not change the encryption of an existing table" in text
    assert text.endswith(
        "run: aws dynamodb update-table --table-name metadata "
        f"--sse-specification Enabled=true,SSEType=KMS,KMSMasterKeyId={CMK}"
    )


def test_check_table__of_another_program_with_a_key_that_it_does_not_use__proposes_no_change_of_it(client: Any) -> None:
    create(client)
    texts = [text for _, text in findings(client, table_kms_key=CMK)]
    assert "The functions can use it without TABLE_KMS_KEY: remove the setting and run make policies." in texts[0]
    assert "update-table" not in "".join(texts)


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        pytest.param("CREATING", "Wait until it is ACTIVE.", id="creating"),
        pytest.param("DELETING", "Wait until it is deleted; then make deploy creates it again.", id="deleting"),
        pytest.param("INACCESSIBLE_ENCRYPTION_CREDENTIALS", "enable the key, or cancel its deletion", id="no key"),
        pytest.param("ARCHIVED", "Restore the backup that it made, or set METADATA_TABLE", id="archived"),
        pytest.param("REPLICATION_NOT_AUTHORIZED", "or set METADATA_TABLE to another name", id="any other"),
    ],
)
def test_check_table__that_cannot_be_used__is_an_error_with_the_remedy(client: Any, status: str, remedy: str) -> None:
    ensure(client)
    set_status(client, status)
    [(severity, text)] = findings(client)
    assert severity is Severity.ERROR
    assert text.startswith(f"The table metadata is in the status {status} and cannot be used. ")
    assert remedy in text


def test_check_table__that_is_updated__finds_nothing(client: Any) -> None:
    ensure(client)
    set_status(client, "UPDATING")
    assert findings(client) == []


def set_status(client: Any, status: str) -> None:
    """Describe the table with this status, which moto never does."""

    def describe(parsed: Any, **_: Any) -> None:
        parsed["Table"]["TableStatus"] = status

    client.meta.events.register("after-call.dynamodb.DescribeTable", describe)


def test_check_table__missing__finds_nothing(client: Any) -> None:
    assert findings(client) == []


def test_check_table__denied__is_an_error_with_the_remedy(client: Any) -> None:
    def deny(model: Any, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, model.name)

    client.meta.events.register("before-call.dynamodb.DescribeTable", deny)
    [(severity, text)] = findings(client)
    assert severity is Severity.ERROR
    assert "Allow these credentials to describe it" in text
    assert "docs/deployer-policy.json has the policy" in text
