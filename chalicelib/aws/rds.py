"""RDS instances and clusters behind one small interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from chalicelib.aws.clients import aws_call, error_code
from chalicelib.domain.errors import (
    CannotStart,
    CannotStop,
    DatabaseNotFound,
    InsufficientCapacity,
    InvalidState,
    Problem,
)
from chalicelib.domain.model import DatabaseRef, Description, Kind

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient

_NO_STATUS: Final = "unknown"

# Error codes without the suffix "Fault", which some codes have and others lack:
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StartDBInstance.html
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StopDBCluster.html
_NOT_FOUND: Final = ("DBInstanceNotFound", "DBClusterNotFound")
_INVALID_STATE: Final = ("InvalidDBInstanceState", "InvalidDBClusterState")
_NO_CAPACITY: Final = (
    "InsufficientDBClusterCapacity",
    "InsufficientDBInstanceCapacity",
    "InsufficientStorageClusterCapacity",
)
_START_BLOCKERS: Final = {
    "AuthorizationNotFound": "its security group authorization does not exist",
    "DBSubnetGroupDoesNotCoverEnoughAZs": "its subnet group no longer covers enough Availability Zones",
    "DBSubnetGroupNotFound": "its subnet group does not exist",
    "InstanceQuotaExceeded": "the account's quota of RDS instances is used up",
    "InvalidParameterCombination": "RDS does not start databases of this engine or deployment type",
    "InvalidSubnet": "a subnet of its subnet group does not exist",
    "InvalidVPCNetworkState": "its VPC no longer matches its subnet group",
    "KMSKeyNotAccessible": "RDS cannot use its KMS key",
    "StorageQuotaExceeded": "the account's storage quota for RDS is used up",
    "VpcEncryptionControlViolationException": "its VPC's encryption control forbids it",
}

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html#USER_StopInstance.Limitations
# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-cluster-stop-start.html#aurora-cluster-stop-limitations
_STOP_UNSUPPORTED: Final = "RDS cannot stop it: it refuses to stop databases of its engine or deployment type."
_REMOVE_FROM_SETTINGS: Final = "Remove it from DATABASES, or hold it. The stop is tried again on the next day (UTC)."
_REPLICA: Final = "it is a read replica"
_REPLICA_SOURCE: Final = "it has read replicas"


@dataclass(frozen=True, slots=True)
class _Api:
    """How the RDS API names one kind. ``noun`` is part of the operation names, ``resource`` of the response."""

    noun: str
    resource: str
    identifier: str
    filter_name: str
    parse: Callable[[Mapping[str, Any]], Description]


class Rds:
    """RDS, through a boto3 client."""

    def __init__(self, client: RDSClient) -> None:
        self._client = client

    def describe(self, refs: Sequence[DatabaseRef]) -> dict[DatabaseRef, Description | Problem]:
        """One call for a single database, otherwise one call for each hundred of a kind.

        IAM can limit a call for a single database to its ARN; a call with filters needs ``db:*``.
        https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
        """
        found: dict[DatabaseRef, Description | Problem] = {}
        for kind in Kind:
            of_kind = [ref for ref in refs if ref.kind is kind]
            if not of_kind:
                continue
            try:
                descriptions = {description.ref: description for description in self._describe(kind, of_kind)}
            except Problem as problem:
                found.update(dict.fromkeys(of_kind, problem))
            else:
                found.update({ref: descriptions.get(ref) or _not_found(ref) for ref in of_kind})
        return found

    def start(self, ref: DatabaseRef) -> Description:
        """Start the database. RDS responds at once; the start takes minutes.

        Raises InvalidState, CannotStart, InsufficientCapacity, DatabaseNotFound and what aws_call raises.
        """
        action, call = f"rds:StartDB{ref.kind.capitalize()}", self._operation("start", ref)
        with aws_call(action):
            try:
                return call()
            except ClientError as error:
                if problem := _start_problem(ref, action, error):
                    raise problem from error
                raise

    def stop(self, ref: DatabaseRef) -> Description:
        """Stop the database. RDS responds at once; the stop takes minutes.

        Raises InvalidState, CannotStop, DatabaseNotFound and what aws_call raises.
        """
        action, call = f"rds:StopDB{ref.kind.capitalize()}", self._operation("stop", ref)
        with aws_call(action):
            try:
                return call()
            except ClientError as error:
                if problem := _stop_problem(ref, action, error):
                    raise problem from error
                raise

    def _operation(self, verb: str, ref: DatabaseRef) -> Callable[[], Description]:
        api = _APIS[ref.kind]
        operation = getattr(self._client, f"{verb}_{api.noun}")
        return lambda: api.parse(operation(**{api.identifier: ref.id})[api.resource])

    def _describe(self, kind: Kind, refs: Sequence[DatabaseRef]) -> list[Description]:
        api = _APIS[kind]
        operation, resources = f"describe_{api.noun}s", f"{api.resource}s"
        with aws_call(f"rds:DescribeDB{kind.capitalize()}s"):
            try:
                if len(refs) == 1:
                    pages = [getattr(self._client, operation)(**{api.identifier: refs[0].id})]
                else:
                    pages = self._client.get_paginator(operation).paginate(  # type: ignore[call-overload]
                        Filters=[{"Name": api.filter_name, "Values": [ref.id for ref in refs]}],
                        PaginationConfig={"PageSize": 100},
                    )
                return [api.parse(item) for page in pages for item in page[resources]]
            except ClientError as error:
                if _code(error) in _NOT_FOUND:
                    return []
                raise


def _instance(item: Mapping[str, Any]) -> Description:
    """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html."""
    unsupported = None
    if item.get("DBClusterIdentifier"):
        cluster = item["DBClusterIdentifier"]
        unsupported = f"it is a member of a cluster, which is managed as a whole: write cluster:{cluster} in DATABASES"
    elif item.get("ReadReplicaSourceDBInstanceIdentifier") or item.get("ReadReplicaSourceDBClusterIdentifier"):
        unsupported = _REPLICA
    elif item.get("ReadReplicaDBInstanceIdentifiers") or item.get("ReadReplicaDBClusterIdentifiers"):
        unsupported = _REPLICA_SOURCE
    elif item.get("MultiAZ") and item.get("Engine", "").startswith("sqlserver"):
        unsupported = "it is a SQL Server instance with Multi-AZ"
    ref = DatabaseRef(Kind.INSTANCE, item["DBInstanceIdentifier"].lower())
    return _description(ref, item.get("DBInstanceStatus"), item.get("DbiResourceId"), unsupported, item)


def _cluster(item: Mapping[str, Any]) -> Description:
    """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBCluster.html."""
    unsupported = None
    if not item.get("Engine", "aurora").startswith("aurora"):
        unsupported = "it is a Multi-AZ DB cluster"
    elif item.get("EngineMode") == "serverless":
        unsupported = "it is an Aurora Serverless v1 cluster"
    elif item.get("ReplicationSourceIdentifier"):
        unsupported = _REPLICA
    elif item.get("ReadReplicaIdentifiers"):
        unsupported = _REPLICA_SOURCE
    ref = DatabaseRef(Kind.CLUSTER, item["DBClusterIdentifier"].lower())
    return _description(ref, item.get("Status"), item.get("DbClusterResourceId"), unsupported, item)


def _description(
    ref: DatabaseRef, status: str | None, resource_id: str | None, unsupported: str | None, item: Mapping[str, Any]
) -> Description:
    """``PendingModifiedValues`` are those that wait for the maintenance window. A stop removes most of them.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html
    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-cluster-stop-start.html
    """
    pending = item.get("PendingModifiedValues") or {}
    return Description(
        ref,
        status or _NO_STATUS,
        automatic_restart_at=_utc(item.get("AutomaticRestartTime")),
        resource_id=resource_id,
        stop_unsupported=unsupported,
        pending_modifications=tuple(sorted(name for name, value in pending.items() if not _is_empty(value))),
    )


def _is_empty(value: Any) -> bool:
    """Whether nothing is pending: no value, or a map or list without values. False and 0 are values."""
    if isinstance(value, Mapping):
        return all(_is_empty(inner) for inner in value.values())
    return value is None or value == []


_APIS: Final = {
    Kind.INSTANCE: _Api("db_instance", "DBInstance", "DBInstanceIdentifier", "db-instance-id", _instance),
    Kind.CLUSTER: _Api("db_cluster", "DBCluster", "DBClusterIdentifier", "db-cluster-id", _cluster),
}


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)


def _not_found(ref: DatabaseRef) -> DatabaseNotFound:
    message = f"RDS has no {ref.kind} with this id in this account and Region."
    return DatabaseNotFound(message, "Correct DATABASES or the Region.", log_detail=str(ref))


def _start_problem(ref: DatabaseRef, action: str, error: ClientError) -> Problem | None:
    code, log_detail = _code(error), f"{action}: {error}"
    if code in _NO_CAPACITY:
        message = "AWS has no capacity for its instance class at the moment."
        remedy = "The restart stays pending and is tried again at every check."
        return InsufficientCapacity(message, remedy, log_detail=log_detail)
    if blocker := _START_BLOCKERS.get(code):
        remedy = "Fix that in the RDS console, then request the restart again."
        return CannotStart(f"RDS cannot start it: {blocker}.", remedy, log_detail=log_detail)
    return _common_problem(ref, action, error)


def _stop_problem(ref: DatabaseRef, action: str, error: ClientError) -> Problem | None:
    if _code(error) == "InvalidParameterCombination":
        return CannotStop(_STOP_UNSUPPORTED, _REMOVE_FROM_SETTINGS, log_detail=f"{action}: {error}")
    return _common_problem(ref, action, error)


def _common_problem(ref: DatabaseRef, action: str, error: ClientError) -> Problem | None:
    if _code(error) in _NOT_FOUND:
        return _not_found(ref)
    if _code(error) in _INVALID_STATE:
        message = "RDS refused the call because the state of the database has changed."
        return InvalidState(message, log_detail=f"{action}: {error}")
    return None


def _code(error: ClientError) -> str:
    return error_code(error).removesuffix("Fault")
