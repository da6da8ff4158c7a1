"""Whether an existing metadata table can be used: its key, its encryption, and whether its items expire."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import Settings
from dev import table
from dev.deploy.findings import Finding, error, notice

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

_KEY_SCHEMA = [{"AttributeName": "key", "KeyType": "HASH"}]
_KEY_TYPE = {"AttributeName": "key", "AttributeType": "S"}

_USABLE = ("ACTIVE", "UPDATING")
_ANOTHER = "set METADATA_TABLE to another name; make deploy creates that table"
_ARCHIVED = (
    "DynamoDB archives a table whose KMS key could not be used for seven days. Restore the backup that it made, or "
    f"{_ANOTHER}."
)
_REMEDIES = {
    "CREATING": "Wait until it is ACTIVE.",
    "DELETING": f"Wait until it is deleted; then make deploy creates it again. Or {_ANOTHER}.",
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS": (
        "DynamoDB cannot use the table's KMS key: enable the key, or cancel its deletion, or correct its policy. After "
        "seven days, DynamoDB archives the table."
    ),
    "ARCHIVING": _ARCHIVED,
    "ARCHIVED": _ARCHIVED,
}
"""What to do about a table that can be neither read nor written.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ArchivalSummary.html
"""


def check_table(client: "DynamoDBClient", settings: Settings) -> list[Finding]:
    """The findings about the table; empty where it does not exist, because make deploy creates it."""
    try:
        found = table.describe(client, settings.metadata_table)
        if found is None:
            return []
        if unusable := [*_check_status(settings, found), *_check_key(settings, found)]:
            return unusable
        is_ours = table.is_ours(client, found)
        findings = list(_check_encryption(settings, found, is_ours=is_ours))
        if not is_ours:
            findings += _check_expiry(client, settings.metadata_table)
    except (ClientError, BotoCoreError) as failure:
        return [
            error(
                f"The table {settings.metadata_table} could not be checked. Allow these credentials to describe it and "
                f"to list its tags (docs/deployer-policy.json has the policy). DynamoDB says: {failure}"
            )
        ]
    return findings


def _check_status(settings: Settings, found: "TableDescriptionTypeDef") -> Iterator[Finding]:
    status = found["TableStatus"]
    if status not in _USABLE:
        remedy = _REMEDIES.get(status, "Wait until it is ACTIVE, or set METADATA_TABLE to another name.")
        yield error(f"The table {settings.metadata_table} is in the status {status} and cannot be used. {remedy}")


def _check_key(settings: Settings, found: "TableDescriptionTypeDef") -> Iterator[Finding]:
    if found["KeySchema"] != _KEY_SCHEMA or _KEY_TYPE not in found["AttributeDefinitions"]:
        types = {item["AttributeName"]: item["AttributeType"] for item in found["AttributeDefinitions"]}
        keys = [
            f"{'partition' if item['KeyType'] == 'HASH' else 'sort'} key {item['AttributeName']} "
            f"({types.get(item['AttributeName'], '?')})"
            for item in found["KeySchema"]
        ]
        yield error(
            f"METADATA_TABLE: the table {settings.metadata_table} has the {' and the '.join(keys)}. It must have the "
            "partition key key (S) and no sort key. Set METADATA_TABLE to another name; make deploy creates that table."
        )


def _check_encryption(settings: Settings, found: "TableDescriptionTypeDef", *, is_ours: bool) -> Iterator[Finding]:
    """A difference between the key of the table and that of the settings.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.howitworks.html
    """
    key = found.get("SSEDescription", {}).get("KMSMasterKeyArn")
    if key == settings.table_kms_key:
        return
    if is_ours and settings.table_kms_key is not None:
        yield notice(
            f"TABLE_KMS_KEY: the table {settings.metadata_table} is encrypted with {key or 'a key of DynamoDB'}, not "
            f"with {settings.table_kms_key}, and make deploy does not change the encryption of an existing table. To "
            f"change it, run: aws dynamodb update-table --table-name {settings.metadata_table} --sse-specification "
            f"Enabled=true,SSEType=KMS,KMSMasterKeyId={settings.table_kms_key}"
        )
    elif key is None:
        yield notice(
            f"TABLE_KMS_KEY: the table {settings.metadata_table} was not created by rds-lifecycle, and is encrypted "
            "with a key of DynamoDB. The functions can use it without TABLE_KMS_KEY: remove the setting and run make "
            "policies."
        )
    else:
        yield notice(
            f"TABLE_KMS_KEY: the table {settings.metadata_table} is encrypted with {key}. If this is a "
            "customer-managed key, set TABLE_KMS_KEY to it and run make policies; otherwise the functions cannot use "
            "the table."
        )


def _check_expiry(client: "DynamoDBClient", name: str) -> Iterator[Finding]:
    """What Time to Live would do to a table that rds-lifecycle did not create, and how to enable it."""
    expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    status, attribute, ours = expiry.get("TimeToLiveStatus"), expiry.get("AttributeName"), table.EXPIRY_ATTRIBUTE
    is_on = status in table.EXPIRY_ON
    if is_on and attribute != ours:
        yield notice(
            f"The table {name} was not created by rds-lifecycle and is not changed. Its Time to Live uses {attribute}, "
            f"not {ours}, so history items stay until you delete them."
        )
    elif not is_on:
        yield notice(
            f"The table {name} was not created by rds-lifecycle and is not changed. Its Time to Live is off, so "
            f"history items stay until you delete them. If it were on, DynamoDB would delete every item whose {ours} "
            f"has passed: history items after 400 days, but also items of other programs. If none of these has {ours}, "
            f"run: aws dynamodb update-time-to-live --table-name {name} "
            f"--time-to-live-specification Enabled=true,AttributeName={ours}"
        )
