"""Checks whether a stage can be deployed to this account, before `make deploy` changes anything."""

import os
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import Settings, SettingsError, read_settings
from dev.deploy import conflicts, policies
from dev.stage import LOCAL_STAGE, ROOT, stage_environment


class NotReady(Exception):
    """Why nothing was changed; each error is one line."""

    def __init__(self, errors: list[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("Nothing was changed:\n  " + "\n  ".join(errors))


@dataclass(frozen=True)
class Target:
    """A stage, and the account and region to which it is deployed."""

    stage: str
    session: boto3.Session
    account: str

    def __str__(self) -> str:
        return f"account {self.account}, region {self.session.region_name}"


def check_stage(stage: str, root: Path = ROOT) -> Settings:
    """The stage's settings, if its files allow a deployment. Raises NotReady."""
    try:
        settings = read_settings(stage_environment(stage, root))
    except KeyError as error:
        raise NotReady([error.args[0]]) from None
    except SettingsError as error:
        raise NotReady([f"stage {stage}: {message}" for message in error.errors]) from None
    if stage == LOCAL_STAGE:
        raise NotReady([f"STAGE: the stage {stage} is for make run only, because its tokens are public."])
    if stale := policies.stale_files(stage, root):
        raise NotReady([f"These policies do not match the settings: {', '.join(stale)}. Run make policies."])
    return settings


def check_account(stage: str, root: Path = ROOT) -> Target:
    """The account and region of the current credentials. Raises NotReady."""
    try:
        stage_environment(stage, root)
        session = boto3.Session()
        missing = []
        if not session.region_name:
            missing.append("No region is set: export AWS_DEFAULT_REGION, or choose a profile with AWS_PROFILE.")
        if session.get_credentials() is None:
            missing.append(
                "No AWS credentials are set: export AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        if missing:
            raise NotReady(missing)
        account = session.client("sts").get_caller_identity()["Account"]
    except KeyError as error:
        raise NotReady([error.args[0]]) from None
    except (BotoCoreError, ClientError) as error:
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "AWS")
        raise NotReady([f"{endpoint} rejects the credentials or does not respond: {error}"]) from error
    return Target(stage, session, account)


def check_conflicts(target: Target, settings: Settings, root: Path = ROOT) -> None:
    """Check that the stage conflicts with no other deployment in the account and region. Raises NotReady."""
    if found := conflicts.find(target.session.client("lambda"), target.stage, settings, root):
        raise NotReady(found)
