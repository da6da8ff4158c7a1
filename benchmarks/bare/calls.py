"""Nothing but the AWS calls that the app makes for a start and for a check with nothing to do, one after the other."""

import os
from typing import Any

import boto3

DATABASE_ID = os.environ["DATABASE_ID"]
METADATA_TABLE = os.environ["METADATA_TABLE"]
RECORD = {"key": {"S": f"rds_lifecycle/{DATABASE_ID}"}}
HISTORY = {"key": {"S": f"rds_history/{DATABASE_ID}/2026-03-02"}}

rds = boto3.client("rds")
dynamodb = boto3.client("dynamodb")


def check(event: Any, context: Any) -> None:
    """Look at the database, and read its record and its activity."""
    keys: Any = [RECORD, {"key": {"S": "last_rds_query_time"}}]
    rds.describe_db_instances(DBInstanceIdentifier=DATABASE_ID)
    dynamodb.batch_get_item(RequestItems={METADATA_TABLE: {"Keys": keys, "ConsistentRead": True}})


def start(event: Any, context: Any) -> None:
    """Look, write down what is asked, start, write down what was done."""
    check(event, context)
    _write()
    rds.start_db_instance(DBInstanceIdentifier=DATABASE_ID)
    _write()


def _write() -> None:
    writes: Any = [
        {
            "Update": {
                "TableName": METADATA_TABLE,
                "Key": key,
                "UpdateExpression": "SET #rev = :rev",
                "ConditionExpression": "#rev < :rev",
                "ExpressionAttributeNames": {"#rev": "rev"},
                "ExpressionAttributeValues": {":rev": {"N": "8"}},
            }
        }
        for key in (RECORD, HISTORY)
    ]
    dynamodb.transact_write_items(TransactItems=writes)
