"""`make undeploy STAGE=…`: deletes everything that `make deploy` created, except the table."""

import sys

from chalicelib.settings import SettingsError, read_settings
from dev.deploy import conflicts, deployment_state, log_groups
from dev.deploy.deploy import ChaliceFailed, chalice, run
from dev.deploy.findings import NotReady
from dev.deploy.policies import CALLS
from dev.deploy.preflight import check_account
from dev.stage import function_name, stage_environment


def undeploy(stage: str) -> None:
    """Delete the stage. Raises NotReady before anything is changed, ChaliceFailed, and botocore's errors."""
    target = check_account(stage)
    if stacks := conflicts.stacks(target.session.client("lambda"), stage):
        raise NotReady([f"The stage {stage} belongs to the CloudFormation stack {stacks[0]}: delete that stack."])
    found = deployment_state.refresh(stage, target.session)
    print(f"Deleting the stage {stage} from {target}: {len(found)} resources.")
    while found:
        # Chalice deletes one API of a name; if there is a second one, the next pass deletes it.
        chalice("delete", "--stage", stage)
        left = deployment_state.refresh(stage, target.session)
        if len(left) >= len(found):
            raise ChaliceFailed(f"These were not deleted: {', '.join(resource['name'] for resource in left)}.")
        found = left
    groups = [log_groups.log_group(function_name(stage, name)) for name in CALLS]
    log_groups.delete(target.session.client("logs"), groups)
    print(f"Nothing is left of the stage {stage}: its API, functions, roles, rules and logs are deleted.")
    print(f"The table {_table_of(stage)} was kept, with its records and history. Delete it yourself if unused.")


def _table_of(stage: str) -> str:
    try:
        return read_settings(stage_environment(stage)).metadata_table
    except SettingsError:
        return "of the stage"


if __name__ == "__main__":
    sys.exit(run("make undeploy", undeploy))
