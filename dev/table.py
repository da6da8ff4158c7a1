"""The metadata table: creates it, checks an existing one, and changes only a table that rds-lifecycle has created."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from dev.stage import APP_NAME

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

TAG: Final = {"Key": "created-by", "Value": APP_NAME}
"""Marks the tables that rds-lifecycle has created, also those of the CloudFormation template."""

EXPIRY_ATTRIBUTE: Final = "expires_at"

_BACKUP_DELAYS: Final = (1.0, 2.0, 4.0, 8.0, *[10.0] * 10)
"""Seconds between the attempts to enable point-in-time recovery, about two minutes altogether."""

EXPIRY_ON: Final = ("ENABLED", "ENABLING")
"""The states of Time to Live in which items expire, or soon will."""


@dataclass(frozen=True)
class EnsuredTable:
    """``created``: whether the table was created now. ``notices``: what could not be done, each with its remedy."""

    created: bool
    notices: tuple[str, ...]


def ensure_table(
    client: "DynamoDBClient", name: str, kms_key: str | None = None, sleep: Callable[[float], None] = time.sleep
) -> EnsuredTable:
    """Create the table if it is missing, with point-in-time recovery and Time to Live by ``expires_at``.

    A missing table is created, encrypted with the KMS key (None: DynamoDB's own). A table that rds-lifecycle has
    created is completed. Any other table is never changed: Time to Live might delete items of another program.
    """
    table = describe(client, name)
    created = table is None
    if table is None:
        table = _create(client, name, kms_key)
    elif not is_ours(client, table):
        return EnsuredTable(False, ())
    notices = [notice for enable in (_enable_recovery, _enable_expiry) if (notice := enable(client, name, sleep))]
    return EnsuredTable(created, tuple(notices))


def describe(client: "DynamoDBClient", name: str) -> "TableDescriptionTypeDef | None":
    """The table's description; None where it does not exist."""
    try:
        return client.describe_table(TableName=name)["Table"]
    except client.exceptions.ResourceNotFoundException:
        return None


def is_ours(client: "DynamoDBClient", table: "TableDescriptionTypeDef") -> bool:
    """Whether rds-lifecycle has created the table."""
    pages = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=table["TableArn"])
    return any(tag == TAG for page in pages for tag in page["Tags"])


def _create(client: "DynamoDBClient", name: str, kms_key: str | None) -> "TableDescriptionTypeDef":
    encryption: Any = {"SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": kms_key}}
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[TAG],  # type: ignore[list-item]
        **(encryption if kms_key else {}),
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 2, "MaxAttempts": 60})
    return client.describe_table(TableName=name)["Table"]


def _enable_recovery(client: "DynamoDBClient", name: str, sleep: Callable[[float], None]) -> str | None:
    """Enable point-in-time recovery. DynamoDB refuses that for some seconds after a table was created.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateContinuousBackups.html
    """
    backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED":
        return None
    for delay in (*_BACKUP_DELAYS, None):
        try:
            client.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )
        except client.exceptions.ContinuousBackupsUnavailableException:
            if delay is not None:
                sleep(delay)
        else:
            return None
    return (
        f"DynamoDB is still preparing the backups of the table {name}, so point-in-time recovery is not enabled yet. "
        "Run make deploy again in some minutes, which enables it."
    )


def _enable_expiry(client: "DynamoDBClient", name: str, _: Callable[[float], None]) -> str | None:
    """Enable Time to Live. A second change within an hour is refused.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html
    """
    expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if expiry.get("TimeToLiveStatus") in EXPIRY_ON:
        return None
    specification: Any = {"Enabled": True, "AttributeName": EXPIRY_ATTRIBUTE}
    try:
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        return (
            f"DynamoDB refuses to enable Time to Live of the table {name}, which changed within the last hour, so "
            "history items stay for now. Run make deploy again in an hour, which enables it. "
            f"DynamoDB says: {error.response['Error'].get('Message', '')}"
        )
    return None
