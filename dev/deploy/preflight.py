"""Before anything at AWS is touched: can this stage be deployed, from here, to this account?"""

import os
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import Settings, SettingsError, read_settings
from dev import neighbours, policies
from dev.stage import LOCAL_STAGE, ROOT, stage_environment


class NotReady(Exception):
    """Why nothing was touched; each fault is one line for people."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("Nothing was touched:\n  " + "\n  ".join(faults))


@dataclass(frozen=True)
class Target:
    """A stage, and the account and region that it goes to."""

    stage: str
    session: boto3.Session
    account: str

    def __str__(self) -> str:
        return f"account {self.account}, region {self.session.region_name}"


def check_stage(stage: str, root: Path = ROOT) -> Settings:
    """The stage's settings, if it can be deployed as far as its files tell. Raises NotReady."""
    try:
        settings = read_settings(stage_environment(stage, root))
    except KeyError as error:
        raise NotReady([error.args[0]]) from None
    except SettingsError as error:
        raise NotReady([f"stage {stage}: {fault}" for fault in error.errors]) from None
    if stage == LOCAL_STAGE:
        raise NotReady([f"STAGE: the stage {stage} is for make run; everybody knows its tokens."])
    if stale := policies.stale_files(stage, root):
        raise NotReady([f"The policies are not current ({', '.join(stale)}): run make policies."])
    return settings


def check_account(stage: str, root: Path = ROOT) -> Target:
    """The account and region of the credentials that are set. Raises NotReady."""
    try:
        stage_environment(stage, root)
        session = boto3.Session()
        missing = []
        if not session.region_name:
            missing.append("No region is set: export AWS_DEFAULT_REGION, or choose a profile with AWS_PROFILE.")
        if session.get_credentials() is None:
            missing.append("No AWS credentials are set: export AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret.")
        if missing:
            raise NotReady(missing)
        account = session.client("sts").get_caller_identity()["Account"]
    except KeyError as error:
        raise NotReady([error.args[0]]) from None
    except (BotoCoreError, ClientError) as error:
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "AWS")
        raise NotReady([f"{endpoint} does not accept these credentials, or does not answer: {error}"]) from error
    return Target(stage, session, account)


def check_neighbours(target: Target, settings: Settings, root: Path = ROOT) -> None:
    """That this stage takes nothing from another one in the same account and region. Raises NotReady."""
    if faults := neighbours.faults(target.session.client("lambda"), target.stage, settings, root):
        raise NotReady(faults)
