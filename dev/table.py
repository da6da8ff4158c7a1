"""`make table STAGE=…`: the metadata table, made where it is missing; an existing one only gets its expiry."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
from chalice.config import Config

from chalicelib.settings import SettingsError, read_settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOT: Final = Path(__file__).resolve().parent.parent


def ensure_table(client: "DynamoDBClient", name: str) -> bool:
    """On demand, with point-in-time recovery, expiring by ``expires_at``. Returns whether it had to be made."""
    try:
        client.describe_table(TableName=name)
        made = False
    except client.exceptions.ResourceNotFoundException:
        client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 2, "MaxAttempts": 60})
        client.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        made = True
    expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if expiry.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        client.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
        )
    return made


def stage_environment(stage: str, root: Path = ROOT) -> Mapping[str, str]:
    """The environment variables of the stage. Raises KeyError for a stage that is not in config.json."""
    config = json.loads((root / ".chalice" / "config.json").read_text())
    if stage not in config["stages"]:
        raise KeyError(f"{stage!r} is no stage of .chalice/config.json; there are {', '.join(config['stages'])}")
    environment: Mapping[str, str] = Config(chalice_stage=stage, config_from_disk=config).environment_variables
    return environment


def main() -> int:
    """Make the table of the stage named by STAGE; say what was done."""
    try:
        name = read_settings(stage_environment(os.environ.get("STAGE", ""))).metadata_table
    except (KeyError, SettingsError) as error:
        print(error.args[0], file=sys.stderr)
        return 1
    made = ensure_table(boto3.client("dynamodb"), name)
    print(f"The table {name} {'was made' if made else 'is there already'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
