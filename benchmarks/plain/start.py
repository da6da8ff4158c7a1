"""The plain start: start a stopped database, otherwise report its status."""

import json
import os
from typing import Any

import boto3

DATABASE_ID = os.environ["DATABASE_ID"]

rds = boto3.client("rds")
# The app saves each restart in DynamoDB, so its cold start is compared with one that makes the same two clients.
dynamodb = boto3.client("dynamodb")


def handler(event: Any, context: Any) -> dict[str, Any]:
    """The handler of POST /restart. Raises what boto3 raises."""
    [instance] = rds.describe_db_instances(DBInstanceIdentifier=DATABASE_ID)["DBInstances"]
    status = instance["DBInstanceStatus"]
    if status == "stopped":
        rds.start_db_instance(DBInstanceIdentifier=DATABASE_ID)
        message = "RDS instance starting"
    else:
        message = f"RDS already {status}"
    return {"statusCode": 200, "body": json.dumps({"message": message, "instance_id": DATABASE_ID})}
