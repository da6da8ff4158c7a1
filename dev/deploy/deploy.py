"""`make deploy STAGE=…`: checks first, then the table, `chalice deploy`, and what to do next. Safe to run again."""

import subprocess
import sys
from collections.abc import Callable
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from app import app
from chalicelib.settings import Settings
from dev import deployed, log_groups
from dev.deploy.policies import functions_of
from dev.deploy.preflight import NotReady, Target, check_account, check_neighbours, check_stage
from dev.stage import ROOT, function_name
from dev.table import ensure_table

CHALICE: Final = (sys.executable, "-m", "dev.deploy.chalice_cli")


class ChaliceFailed(Exception):
    """A command of Chalice ended with an error, which it has printed."""


def chalice(*arguments: str) -> None:
    """Run a command of Chalice in the project, its output for all to see. Raises ChaliceFailed."""
    sys.stdout.flush()
    done = subprocess.run([*CHALICE, *arguments], cwd=ROOT, check=False)  # noqa: S603 - a fixed command
    if done.returncode != 0:
        raise ChaliceFailed(f"chalice {arguments[0]} ended with status {done.returncode}; its words are above.")


def deploy(stage: str) -> None:
    """Deploy the stage. Raises NotReady before anything is touched, ChaliceFailed, and botocore's errors."""
    settings = check_stage(stage)
    target = check_account(stage)
    check_neighbours(target, settings)
    print(f"Deploying the stage {stage} to {target}.")
    made = ensure_table(target.session.client("dynamodb"), settings.metadata_table)
    print(f"The table {settings.metadata_table} {'was made' if made else 'is there already'}.")
    deployed.look(stage, target.session)
    chalice("deploy", "--stage", stage)
    log_groups.limit(target.session.client("logs"), groups_of(target, settings))
    url = deployed.api_url(deployed.look(stage, target.session))
    _tell_what_next(stage, settings, str(url))


def groups_of(target: Target, settings: Settings) -> list[str]:
    """The log groups of the stage's functions."""
    return [log_groups.log_group(function_name(target.stage, name)) for name in functions_of(settings)]


def _tell_what_next(stage: str, settings: Settings, url: str) -> None:
    print(f"\nThe API is at {url}")
    if "/" in app.routes:
        print(f"The status page is at {url}/")
    if settings.access_tokens:
        example = f"{url}/databases/{settings.databases[0].id}"
        print(f"Next: curl -H 'Authorization: Bearer <a token>' {example}")
    else:
        print("ACCESS_TOKENS is empty, so everybody is refused. Next: make token NAME=dashboard ROLE=operator, put its")
        print(f"entry into ACCESS_TOKENS of the stage {stage} in .chalice/config.json, and make deploy STAGE={stage}.")


def run(command: str, work: Callable[[str], None]) -> int:
    """The work for the stage that the command line names; its status. Says why, where nothing or not all was done."""
    try:
        work(sys.argv[1] if len(sys.argv) > 1 else "")
    except NotReady as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 1
    except (ChaliceFailed, ClientError, BotoCoreError) as error:
        print(f"{command}: {error}\nIt can be run again as soon as that is mended.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run("make deploy", deploy))
