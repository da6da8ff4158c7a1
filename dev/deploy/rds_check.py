"""What RDS says about the databases of a stage: that they exist, and what keeps them from being stopped."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from chalicelib.aws.rds import Rds
from chalicelib.domain.errors import DatabaseNotFound, Problem
from chalicelib.domain.model import DatabaseRef, Description
from chalicelib.settings import Settings
from dev.deploy.findings import Finding, notice

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient


def check_databases(client: "RDSClient", settings: Settings) -> list[Finding]:
    """One finding for each condition of a database; one for all that RDS refused to describe for the same reason."""
    findings: list[Finding] = []
    for ref, described in Rds(client).describe(settings.databases).items():
        found = _problem(ref, described) if isinstance(described, Problem) else _conditions(described)
        findings += [finding for finding in found if finding not in findings]
    return findings


def _problem(ref: DatabaseRef, problem: Problem) -> Iterator[Finding]:
    if isinstance(problem, DatabaseNotFound):
        yield notice(
            f"DATABASES: RDS has no {ref.kind} {ref.id} in this account and Region. Every check fails until it exists: "
            "create it, or correct DATABASES or the Region."
        )
        return
    yield notice(
        f"RDS could not be asked about the {ref.kind}s in DATABASES, so they are not checked. Allow these credentials "
        f"rds:DescribeDB{ref.kind.capitalize()}s, or try again. {problem.log_detail}"
    )


def _conditions(description: Description) -> Iterator[Finding]:
    ref = description.ref
    if description.stop_unsupported:
        yield notice(
            f"DATABASES: RDS can never stop the {ref.kind} {ref.id}, because of its engine or deployment type, so the "
            "check fails when it is idle. Remove it from DATABASES; an Aurora cluster is named there as cluster:<id>."
        )
    # Descriptions have this attribute once the app keeps databases with pending modifications running.
    if pending := getattr(description, "pending_modifications", ()):
        yield notice(
            f"The {ref.kind} {ref.id} has pending modifications ({', '.join(pending)}), which a stop would discard. "
            "Apply them, or cancel them, before it is to be stopped."
        )
