"""The stage, the account and the Region of a deployment, checked before anything is changed."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import Settings, SettingsError, read_settings
from dev.deploy import policies
from dev.deploy.findings import Finding, NotReady, error, errors_of, notices_of
from dev.deploy.metric_check import check_metric
from dev.deploy.name_checks import check_stage_name
from dev.deploy.quota_checks import check_quotas
from dev.stage import LOCAL_STAGE, ROOT, stage_environment

ENDPOINT: Final = "AWS_ENDPOINT_URL"
"""The variable that sends every request elsewhere than to AWS.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
"""


@dataclass(frozen=True)
class Target:
    """A stage, and the account and Region to which it is deployed."""

    stage: str
    session: boto3.Session
    account: str

    def __str__(self) -> str:
        endpoint = os.environ.get(ENDPOINT)
        at = f", at {endpoint} ({ENDPOINT})" if endpoint else ""
        return f"account {self.account}, Region {self.session.region_name}{at}"


def read_stage(stage: str, root: Path = ROOT) -> Settings:
    """The settings of a stage that can be deployed. Raises NotReady."""
    try:
        environment = stage_environment(stage, root)
    except KeyError as problem:
        raise NotReady([problem.args[0]]) from None
    errors = list(check_stage_name(stage))
    try:
        settings = read_settings(environment)
    except SettingsError as problem:
        raise NotReady([*errors, *(f"stage {stage}: {message}" for message in problem.errors)]) from None
    if errors:
        raise NotReady(errors)
    if stage == LOCAL_STAGE:
        raise NotReady([f"STAGE: the stage {stage} is for make run only, because its tokens are public."])
    return settings


def check_files(stage: str, settings: Settings, root: Path = ROOT) -> list[Finding]:
    """The findings about the stage's policies, quotas and metric, for which no account is needed."""
    from app import app  # noqa: PLC0415 - only this check loads the app

    found = [*check_quotas(stage, settings, app, root), *check_metric(settings)]
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
    """The account and Region of the current credentials. Raises NotReady."""
    try:
        stage_environment(stage, root)
        session = boto3.Session()
        missing = []
        if not session.region_name:
            missing.append("No Region is set: export AWS_DEFAULT_REGION, or choose a profile with AWS_PROFILE.")
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
        endpoint = os.environ.get(ENDPOINT, "AWS")
        raise NotReady([f"{endpoint} rejects the credentials or does not respond: {problem}"]) from problem
    return Target(stage, session, account)
