"""Deployments in the account that a new one would conflict with: a CloudFormation stack of the stage, other stages."""

from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.settings import Settings, SettingsError, read_settings
from dev.deploy.packaged_settings import settings_to_move
from dev.stage import LOCAL_STAGE, ROOT, function_name, stage_environment, stages

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


def find(client: "LambdaClient", stage: str, settings: Settings, root: Path = ROOT) -> list[str]:
    """Why the stage cannot be deployed beside the existing deployments, one line for each conflict."""
    found = [
        f"The CloudFormation stack {stack} has deployed the stage {stage} here: update or delete that stack instead."
        for stack in stacks(client, stage)
    ]
    for other in stages(root):
        if other not in (stage, LOCAL_STAGE):
            found += _shared_resources(other, _deployed_settings(client, other, root), settings)
    return found


def stacks(client: "LambdaClient", stage: str) -> list[str]:
    """The CloudFormation stack that has deployed the stage's functions; empty where there is none.

    CloudFormation sets this tag on what it creates:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
    """
    try:
        tags = client.get_function(FunctionName=function_name(stage, "inactivity_check")).get("Tags", {})
    except client.exceptions.ResourceNotFoundException:
        return []
    return [tags["aws:cloudformation:stack-name"]] if "aws:cloudformation:stack-name" in tags else []


def _shared_resources(other: str, theirs: Settings | None, ours: Settings) -> list[str]:
    """What two stages must not share. They may share a table, as long as they share no item of it."""
    if theirs is None:
        return []
    shared = []
    both = {ref.id for ref in ours.databases} & {ref.id for ref in theirs.databases}
    if both:
        shared.append(
            f"DATABASES: {', '.join(sorted(both))} is already managed by the stage {other} of this account, and each "
            "stage would ignore the other's restarts. Remove it from one of the stages, and deploy that stage first."
        )
    keys = _activity_keys(ours) & _activity_keys(theirs)
    if keys and ours.metadata_table == theirs.metadata_table:
        shared.append(
            f"ACTIVITY_KEY: the stage {other} of this account also reads {', '.join(sorted(keys))} in the table "
            f"{ours.metadata_table}, so that queries of one database would keep the other running. "
            "Set another ACTIVITY_KEY or another METADATA_TABLE for this stage."
        )
    return shared


def _activity_keys(settings: Settings) -> set[str]:
    return {key for ref in settings.databases for key in settings.activity_keys_of(ref)}


def _deployed_settings(client: "LambdaClient", stage: str, root: Path) -> Settings | None:
    """The settings that the stage is deployed with. Those in its zip are read from config.json instead."""
    try:
        answer = client.get_function_configuration(FunctionName=function_name(stage, "inactivity_check"))
        variables = answer.get("Environment", {}).get("Variables", {})
        return read_settings({**settings_to_move(stage_environment(stage, root)), **variables})
    except (client.exceptions.ResourceNotFoundException, SettingsError):
        return None
