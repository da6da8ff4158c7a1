"""The plain stop: stop an available database that was last queried more than an hour ago."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

DATABASE_ID = os.environ["DATABASE_ID"]
METADATA_TABLE = os.environ["METADATA_TABLE"]
IDLE = timedelta(minutes=60)

rds = boto3.client("rds")
dynamodb = boto3.client("dynamodb")


def now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


def handler(event: Any, context: Any) -> dict[str, Any]:
    """The handler of a schedule. Raises what boto3 raises."""
    [instance] = rds.describe_db_instances(DBInstanceIdentifier=DATABASE_ID)["DBInstances"]
    status = instance["DBInstanceStatus"]
    if status != "available":
        return {"message": f"RDS is {status}"}
    item = dynamodb.get_item(TableName=METADATA_TABLE, Key={"key": {"S": "last_rds_query_time"}}).get("Item")
    if item is None:
        return {"message": "The time of the last query is not known"}
    if now() - datetime.fromisoformat(item["value"]["S"]) <= IDLE:
        return {"message": "RDS is in use"}
    rds.stop_db_instance(DBInstanceIdentifier=DATABASE_ID)
    return {"message": "RDS instance stopping"}
