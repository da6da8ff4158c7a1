"""`make doctor STAGE=…`: everything that can be known before a deployment, in one list. Changes nothing."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import Settings
from dev.deploy import conflicts
from dev.deploy.findings import Finding, NotReady, error, errors_of, notice
from dev.deploy.preflight import Target, check_account, check_files, read_stage
from dev.deploy.rds_check import check_databases
from dev.deploy.table_check import check_table
from dev.stage import ROOT, stage_argument


@dataclass(frozen=True)
class Diagnosis:
    """The findings. ``target`` and ``settings`` are None where errors have kept them from being read."""

    findings: tuple[Finding, ...]
    settings: Settings | None = None
    target: Target | None = None


def examine(stage: str, root: Path = ROOT) -> Diagnosis:
    """Check the stage's files, then the account. With wrong settings, nothing else can be checked."""
    try:
        settings = read_stage(stage, root)
    except NotReady as problem:
        return Diagnosis(_errors(problem))
    findings = [*check_files(stage, settings, root), *check_tokens(stage, settings)]
    try:
        target = check_account(stage, root)
    except NotReady as problem:
        return Diagnosis((*findings, *_errors(problem)), settings)
    session = target.session
    findings += _checked(lambda: map(error, conflicts.find(session.client("lambda"), stage, settings, root)))
    findings += check_table(session.client("dynamodb"), settings)
    findings += check_databases(session.client("rds"), settings)
    return Diagnosis(tuple(findings), settings, target)


def check_tokens(stage: str, settings: Settings) -> Iterator[Finding]:
    """A notice where the API would reject every request."""
    if not settings.access_tokens:
        yield notice(
            "ACCESS_TOKENS is empty, so every request is rejected. Run make token NAME=dashboard ROLE=operator, and "
            f"add its entry to ACCESS_TOKENS of the stage {stage} in .chalice/config.json."
        )


def _errors(problem: NotReady) -> tuple[Finding, ...]:
    return tuple(map(error, problem.errors))


def _checked(check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except (ClientError, BotoCoreError) as failure:
        return [
            error(
                "Lambda could not be asked about other deployments. Allow these credentials what "
                f"docs/deployer-policy.json lists. Lambda says: {failure}"
            )
        ]


def main() -> int:
    """Print the list for the stage that the command line names. 1 where it has errors."""
    stage = stage_argument("make doctor")
    diagnosis = examine(stage)
    errors = len(errors_of(diagnosis.findings))
    if diagnosis.target is not None:
        print(f"The stage {stage} in {diagnosis.target}:")
    for finding in sorted(diagnosis.findings, key=lambda finding: finding.severity):
        print(f"  {finding}")
    counted = f"Errors: {errors}, notices: {len(diagnosis.findings) - errors}."
    if errors:
        print(f"{counted} Fix the errors; until then, make deploy changes nothing.")
        return 1
    print(f"{counted} Next: make deploy STAGE={stage}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
