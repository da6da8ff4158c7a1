"""What RDS says about the databases of a stage: that they exist, and what keeps them from being stopped."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from chalicelib.aws.rds import Rds
from chalicelib.domain.errors import DatabaseNotFound, Problem
from chalicelib.domain.model import DatabaseRef, Description, Kind
from chalicelib.settings import Settings
from dev.deploy.findings import Finding, notice

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient


def check_databases(client: "RDSClient", settings: Settings) -> list[Finding]:
    """One finding for each condition of a database; one for all of a kind that are missing or could not be read."""
    described = Rds(client).describe(settings.databases)
    findings: list[Finding] = []
    for kind in Kind:
        findings += _missing(kind, [ref.id for ref, d in described.items() if _is_missing(ref, d, kind)])
    for ref, description in described.items():
        if not isinstance(description, Problem):
            findings += _conditions(description)
        elif not isinstance(description, DatabaseNotFound):
            findings += [found for found in _unread(ref.kind, description) if found not in findings]
    return findings


def _is_missing(ref: DatabaseRef, description: Description | Problem, kind: Kind) -> bool:
    return ref.kind is kind and isinstance(description, DatabaseNotFound)


def _missing(kind: Kind, ids: list[str]) -> Iterator[Finding]:
    if ids:
        several = len(ids) > 1
        yield notice(
            f"DATABASES: RDS has no {kind}{'s' if several else ''} {', '.join(ids)} in this account and Region. Every "
            f"check fails until {'they exist: create them' if several else 'it exists: create it'}, or correct "
            "DATABASES or the Region."
        )


def _unread(kind: Kind, problem: Problem) -> Iterator[Finding]:
    yield notice(
        f"RDS could not be asked about the {kind}s in DATABASES, so they are not checked. Allow these credentials "
        f"rds:DescribeDB{kind.capitalize()}s, or try again. {problem.log_detail}"
    )


def _conditions(description: Description) -> Iterator[Finding]:
    ref = description.ref
    if description.stop_unsupported:
        yield notice(
            f"DATABASES: RDS cannot stop the {ref.kind} {ref.id}, because {description.stop_unsupported}. Remove it "
            "from DATABASES: it would never be stopped."
        )
    if pending := description.pending_modifications:
        several = len(pending) > 1
        yield notice(
            f"The {ref.kind} {ref.id} has {'pending modifications' if several else 'a pending modification'} "
            f"({', '.join(pending)}), which a stop would discard. It is not stopped until "
            f"{'they are applied: apply them' if several else 'it is applied: apply it'} immediately, or revoke "
            f"{'them' if several else 'it'}."
        )
