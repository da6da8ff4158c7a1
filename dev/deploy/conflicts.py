"""What is deployed in the account already by other hands: this stage as a CloudFormation stack, and other stages."""

from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.settings import Settings, SettingsError, read_settings
from dev.stage import LOCAL_STAGE, ROOT, function_name, stages

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


def faults(client: "LambdaClient", stage: str, settings: Settings, root: Path = ROOT) -> list[str]:
    """Why the stage cannot be deployed beside what is there, one line each."""
    found = [
        f"The stage {stage} was deployed here by the CloudFormation stack {stack}: deploy and remove it by that."
        for stack in stacks(client, stage)
    ]
    for other in stages(root):
        if other not in (stage, LOCAL_STAGE):
            found += _shared(other, _deployed_settings(client, other), settings)
    return found


def stacks(client: "LambdaClient", stage: str) -> list[str]:
    """The CloudFormation stack that holds the stage's functions; none where it was not deployed so."""
    try:
        tags = client.get_function(FunctionName=function_name(stage, "inactivity_check")).get("Tags", {})
    except client.exceptions.ResourceNotFoundException:
        return []
    return [tags["aws:cloudformation:stack-name"]] if "aws:cloudformation:stack-name" in tags else []


def _shared(other: str, theirs: Settings | None, ours: Settings) -> list[str]:
    """What only one of two stages may have. A table may be shared, as long as no item in it is."""
    if theirs is None:
        return []
    shared = []
    both = {ref.id for ref in ours.databases} & {ref.id for ref in theirs.databases}
    if both:
        shared.append(
            f"DATABASES: {', '.join(sorted(both))} is minded by the stage {other} of this account already; "
            "neither would know of the other's restarts. Take it out of one of them, and deploy that one first."
        )
    keys = {ours.activity_key_of(ref) for ref in ours.databases} & {
        theirs.activity_key_of(ref) for ref in theirs.databases
    }
    if keys and ours.metadata_table == theirs.metadata_table:
        shared.append(
            f"ACTIVITY_KEY: the stage {other} of this account reads {', '.join(sorted(keys))} in the table "
            f"{ours.metadata_table} too: queries of one database would keep the other awake. "
            "Give this stage another ACTIVITY_KEY or another METADATA_TABLE."
        )
    return shared


def _deployed_settings(client: "LambdaClient", stage: str) -> Settings | None:
    try:
        answer = client.get_function_configuration(FunctionName=function_name(stage, "inactivity_check"))
        return read_settings(answer.get("Environment", {}).get("Variables", {}))
    except (client.exceptions.ResourceNotFoundException, SettingsError):
        return None
