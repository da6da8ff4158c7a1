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


def check_table(client: "DynamoDBClient", settings: Settings) -> list[Finding]:
    """The findings about the table; empty where it does not exist, because make deploy creates it."""
    try:
        found = table.describe(client, settings.metadata_table)
        if found is None:
            return []
        if wrong_key := list(_check_key(settings, found)):
            return wrong_key
        findings = list(_check_encryption(settings, found))
        if not table.is_ours(client, found):
            findings += _check_expiry(client, settings.metadata_table)
    except (ClientError, BotoCoreError) as failure:
        return [
            error(
                f"The table {settings.metadata_table} could not be checked. Allow these credentials to describe it and "
                f"to list its tags (docs/operations.md has the policy). DynamoDB says: {failure}"
            )
        ]
    return findings


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


def _check_encryption(settings: Settings, found: "TableDescriptionTypeDef") -> Iterator[Finding]:
    key = found.get("SSEDescription", {}).get("KMSMasterKeyArn")
    if key is not None and key != settings.table_kms_key:
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
