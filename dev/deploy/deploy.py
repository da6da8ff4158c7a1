"""`make deploy STAGE=…`: checks the stage, creates its table, and runs `chalice deploy`. Can be run repeatedly."""

import subprocess
import sys
from collections.abc import Callable
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from app import app
from chalicelib.settings import Settings
from dev.deploy import deployment_state, log_groups
from dev.deploy.doctor import check_tokens, examine
from dev.deploy.findings import NotReady, errors_of, notices_of, print_notices
from dev.deploy.policies import functions_of
from dev.deploy.preflight import Target
from dev.stage import ROOT, function_name, stage_argument
from dev.table import ensure_table

# Without -B, importing chalicelib would leave __pycache__ in it, which Chalice would package.
CHALICE: Final = (sys.executable, "-B", "-m", "dev.deploy.chalice_cli")


class ChaliceFailed(Exception):
    """A command of Chalice failed and has printed its error."""


def chalice(*arguments: str) -> None:
    """Run a command of Chalice in the project; its output is printed. Raises ChaliceFailed."""
    sys.stdout.flush()
    done = subprocess.run([*CHALICE, *arguments], cwd=ROOT, check=False)  # noqa: S603 - a fixed command
    if done.returncode != 0:
        raise ChaliceFailed(f"chalice {arguments[0]} ended with status {done.returncode}; see the output above.")


def deploy(stage: str) -> None:
    """Deploy the stage. Raises NotReady before anything is changed, ChaliceFailed, and botocore's errors."""
    settings, target = _check(stage)
    print(f"Deploying the stage {stage} to {target}.")
    table = ensure_table(target.session.client("dynamodb"), settings.metadata_table, settings.table_kms_key)
    print(f"The table {settings.metadata_table} {'was created' if table.created else 'exists already'}.")
    print_notices(table.notices)
    deployment_state.refresh(stage, target.session)
    chalice("deploy", "--stage", stage)
    log_groups.set_retention(target.session.client("logs"), groups_of(target, settings))
    url = deployment_state.api_url(deployment_state.refresh(stage, target.session))
    _print_next_steps(stage, settings, str(url))


def _check(stage: str) -> tuple[Settings, Target]:
    """The stage's settings and its target, where `make doctor` finds no error. Raises NotReady."""
    diagnosis = examine(stage)
    errors, notices = errors_of(diagnosis.findings), notices_of(diagnosis.findings)
    if errors or diagnosis.settings is None or diagnosis.target is None:
        raise NotReady(errors, notices)
    # The missing tokens are the next step, which is printed at the end.
    next_steps = notices_of(check_tokens(stage, diagnosis.settings))
    print_notices(text for text in notices if text not in next_steps)
    return diagnosis.settings, diagnosis.target


def groups_of(target: Target, settings: Settings) -> list[str]:
    """The log groups of the stage's functions."""
    return [log_groups.log_group(function_name(target.stage, name)) for name in functions_of(settings)]


def _print_next_steps(stage: str, settings: Settings, url: str) -> None:
    print(f"\nThe API is at {url}")
    if "/" in app.routes:
        print(f"The status page is at {url}/")
    if settings.access_tokens:
        example = f"{url}/databases/{settings.databases[0].id}"
        print(f"Next: curl -H 'Authorization: Bearer <token>' {example}")
    else:
        print("ACCESS_TOKENS is empty, so every request is rejected. Next: make token NAME=dashboard ROLE=operator,")
        print(f"add its entry to ACCESS_TOKENS of the stage {stage} in .chalice/config.json, and repeat make deploy.")


def run(command: str, work: Callable[[str], None]) -> int:
    """Run the work for the stage that the command line names; the exit status. Prints why it failed."""
    try:
        work(stage_argument(command))
    except NotReady as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 1
    except (ChaliceFailed, ClientError, BotoCoreError) as error:
        print(f"{command}: {error}\nFix the error, and run the command again.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run("make deploy", deploy))
