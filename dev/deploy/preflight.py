"""The stage, the account and the region of a deployment, checked before anything is changed."""

import os
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import Settings, SettingsError, read_settings
from dev.deploy import policies
from dev.deploy.findings import Finding, NotReady, error, errors_of, notices_of
from dev.deploy.quota_checks import check_quotas
from dev.stage import LOCAL_STAGE, ROOT, stage_environment


@dataclass(frozen=True)
class Target:
    """A stage, and the account and region to which it is deployed."""

    stage: str
    session: boto3.Session
    account: str

    def __str__(self) -> str:
        return f"account {self.account}, region {self.session.region_name}"


def read_stage(stage: str, root: Path = ROOT) -> Settings:
    """The settings of a stage that can be deployed. Raises NotReady."""
    try:
        settings = read_settings(stage_environment(stage, root))
    except KeyError as problem:
        raise NotReady([problem.args[0]]) from None
    except SettingsError as problem:
        raise NotReady([f"stage {stage}: {message}" for message in problem.errors]) from None
    if stage == LOCAL_STAGE:
        raise NotReady([f"STAGE: the stage {stage} is for make run only, because its tokens are public."])
    return settings


def check_files(stage: str, settings: Settings, root: Path = ROOT) -> list[Finding]:
    """The findings about the stage's policies and quotas, for which no account is needed."""
    from app import app  # noqa: PLC0415 - only this check loads the app

    found = check_quotas(stage, settings, app, root)
    if stale := policies.stale_files(stage, root):
        found.insert(0, error(f"These policies do not match the settings: {', '.join(stale)}. Run make policies."))
    return found


def check_stage(stage: str, root: Path = ROOT) -> tuple[Settings, list[str]]:
    """The stage's settings, if its files allow a deployment, and the notices about them. Raises NotReady."""
    settings = read_stage(stage, root)
    findings = check_files(stage, settings, root)
    if errors := errors_of(findings):
        raise NotReady(errors, notices_of(findings))
    return settings, notices_of(findings)


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
    except KeyError as problem:
        raise NotReady([problem.args[0]]) from None
    except (BotoCoreError, ClientError) as problem:
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "AWS")
        raise NotReady([f"{endpoint} rejects the credentials or does not respond: {problem}"]) from problem
    return Target(stage, session, account)
