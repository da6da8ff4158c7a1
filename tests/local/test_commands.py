"""The small commands of operators."""

import hashlib
import subprocess
import sys

import boto3
from moto import mock_aws

from chalicelib.settings import read_settings
from dev.table import ensure_table
from tests.served import ROOT


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)


def test_make_token_prints_a_token_and_an_entry_that_fits_it() -> None:
    done = run("dev.token", "--name", "dashboard", "--role", "reporter")
    assert done.returncode == 0
    token, entry = (line.split(": ")[1] for line in done.stdout.splitlines())
    [known] = read_settings({"DATABASES": "any", "ACCESS_TOKENS": entry}).access_tokens
    assert (known.name, known.role, known.digest) == (
        "dashboard",
        "reporter",
        hashlib.sha256(token.encode()).hexdigest(),
    )
    assert run("dev.token", "--name", "dashboard", "--role", "reporter").stdout != done.stdout


def test_the_table_is_made_once_with_recovery_and_expiry() -> None:
    with mock_aws():
        client = boto3.client("dynamodb")
        assert ensure_table(client, "metadata")
        assert not ensure_table(client, "metadata")
        made = client.describe_table(TableName="metadata")["Table"]
        assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert made["KeySchema"] == [{"AttributeName": "key", "KeyType": "HASH"}]
        expiry = client.describe_time_to_live(TableName="metadata")["TimeToLiveDescription"]
        assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires_at")
        recovery = client.describe_continuous_backups(TableName="metadata")["ContinuousBackupsDescription"]
        assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_make_token_refuses_what_the_settings_would_refuse() -> None:
    assert run("dev.token", "--name", "a:b", "--role", "viewer").returncode == 1
    assert run("dev.token", "--name", "ok", "--role", "king").returncode == 2
    assert run("dev.token", "--name", "", "--role", "viewer").returncode == 1
