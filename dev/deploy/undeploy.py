"""`make undeploy STAGE=…`: removes everything that `make deploy` made, except for the table."""

import sys

from chalicelib.settings import SettingsError, read_settings
from dev import deployed, log_groups, neighbours
from dev.deploy.deploy import ChaliceFailed, chalice, run
from dev.deploy.policies import CALLS
from dev.deploy.preflight import NotReady, check_account
from dev.stage import function_name, stage_environment


def undeploy(stage: str) -> None:
    """Remove the stage. Raises NotReady before anything is touched, ChaliceFailed, and botocore's errors."""
    target = check_account(stage)
    if stacks := neighbours.stacks(target.session.client("lambda"), stage):
        raise NotReady([f"The stage {stage} belongs to the CloudFormation stack {stacks[0]}: delete that."])
    found = deployed.look(stage, target.session)
    print(f"Removing the stage {stage} from {target}: {len(found)} resources.")
    while found:
        # More than once where an API was made twice: Chalice knows only one of a name.
        chalice("delete", "--stage", stage)
        left = deployed.look(stage, target.session)
        if len(left) >= len(found):
            raise ChaliceFailed(f"These are still there: {', '.join(resource['name'] for resource in left)}.")
        found = left
    groups = [log_groups.log_group(function_name(stage, name)) for name in CALLS]
    log_groups.delete(target.session.client("logs"), groups)
    print(f"Nothing is left of the stage {stage}: API, functions, roles, rules and logs are gone.")
    print(f"The table {_table_of(stage)} is kept, with its records and history. It is yours to delete.")


def _table_of(stage: str) -> str:
    try:
        return read_settings(stage_environment(stage)).metadata_table
    except SettingsError:
        return "of the stage"


if __name__ == "__main__":
    sys.exit(run("make undeploy", undeploy))
