"""RDS instances and clusters behind one small interface."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, assert_never

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
    from mypy_boto3_rds.type_defs import DBClusterTypeDef, DBInstanceTypeDef

_NO_STATUS: Final = "unknown"
_NOT_FOUND: Final = frozenset({"DBInstanceNotFound", "DBInstanceNotFoundFault", "DBClusterNotFoundFault"})
_WRONG_STATE: Final = frozenset(
    {
        "InvalidDBInstanceState",
        "InvalidDBInstanceStateFault",
        "InvalidDBClusterState",
        "InvalidDBClusterStateFault",
    }
)
_NO_CAPACITY: Final = frozenset(
    {
        "InsufficientDBClusterCapacityFault",
        "InsufficientDBInstanceCapacity",
        "InsufficientDBInstanceCapacityFault",
        "InsufficientStorageClusterCapacity",
        "InsufficientStorageClusterCapacityFault",
    }
)
# "Errors" of StartDBInstance and StartDBCluster in the RDS API reference: those that a person has to mend.
_START_BLOCKERS: Final = {
    "AuthorizationNotFound": "its security group authorization is gone",
    "AuthorizationNotFoundFault": "its security group authorization is gone",
    "DBSubnetGroupDoesNotCoverEnoughAZs": "its subnet group no longer covers enough availability zones",
    "DBSubnetGroupNotFoundFault": "its subnet group is gone",
    "InvalidParameterCombination": "RDS does not start databases of this make",
    "InvalidSubnet": "a subnet of its subnet group is gone",
    "InvalidVPCNetworkStateFault": "its VPC no longer fits its subnet group",
    "KMSKeyNotAccessibleFault": "RDS cannot use its KMS key",
    "StorageQuotaExceeded": "the account's storage quota for RDS is used up",
    "InstanceQuotaExceeded": "the account's quota of RDS instances is used up",
    "VpcEncryptionControlViolationException": "its VPC's encryption control forbids it",
}
# "Limitations" of stopping in the RDS and Aurora user guides.
_STOP_UNSUPPORTED: Final = (
    "RDS cannot stop it: read replicas and their sources, SQL Server Multi-AZ instances, single members of an Aurora "
    "cluster, Multi-AZ DB clusters and Aurora global databases cannot be stopped."
)
_REMOVE_FROM_SETTINGS: Final = "Take it out of DATABASES; an Aurora cluster is named there as cluster:<id>."


class Rds:
    """The real RDS, through a boto3 client."""

    def __init__(self, client: RDSClient) -> None:
        self._client = client

    def describe(self, refs: Sequence[DatabaseRef]) -> dict[DatabaseRef, Description | Problem]:
        """One call for one database, one per hundred where there are more of a kind.

        A call for one names it, so that IAM can grant exactly that one; a call with filters needs ``db:*``.
        """
        found: dict[DatabaseRef, Description | Problem] = {}
        for kind in Kind:
            of_kind = [ref for ref in refs if ref.kind is kind]
            if of_kind:
                try:
                    sightings = {s.ref: s for s in self._describe_kind(kind, of_kind)}
                except Problem as problem:
                    found.update(dict.fromkeys(of_kind, problem))
                else:
                    found.update({ref: sightings.get(ref) or _not_found(ref) for ref in of_kind})
        return found

    def start(self, ref: DatabaseRef) -> Description:
        """Start it. RDS answers at once and takes minutes."""
        action = f"rds:StartDB{ref.kind.capitalize()}"
        with aws_call(action):
            try:
                match ref.kind:
                    case Kind.INSTANCE:
                        return _instance(self._client.start_db_instance(DBInstanceIdentifier=ref.id)["DBInstance"])
                    case Kind.CLUSTER:
                        return _cluster(self._client.start_db_cluster(DBClusterIdentifier=ref.id)["DBCluster"])
                    case unexpected:
                        assert_never(unexpected)
            except ClientError as error:
                _raise_common(ref, action, error)
                if error_code(error) in _NO_CAPACITY:
                    raise InsufficientCapacity(
                        "AWS has no capacity for its instance class at the moment.",
                        "The restart is kept and tried again at every check.",
                        log_detail=f"{action}: {error}",
                    ) from error
                if why := _START_BLOCKERS.get(error_code(error)):
                    todo = "Mend that in the RDS console, then ask again."
                    raise CannotStart(
                        f"RDS refuses to start it: {why}.", todo, log_detail=f"{action}: {error}"
                    ) from error
                raise

    def stop(self, ref: DatabaseRef) -> Description:
        """Stop it. RDS answers at once and takes minutes."""
        action = f"rds:StopDB{ref.kind.capitalize()}"
        with aws_call(action):
            try:
                match ref.kind:
                    case Kind.INSTANCE:
                        return _instance(self._client.stop_db_instance(DBInstanceIdentifier=ref.id)["DBInstance"])
                    case Kind.CLUSTER:
                        return _cluster(self._client.stop_db_cluster(DBClusterIdentifier=ref.id)["DBCluster"])
                    case unexpected:
                        assert_never(unexpected)
            except ClientError as error:
                if ref.kind is Kind.INSTANCE and error_code(error) == "InvalidDBClusterStateFault":
                    # StopDBInstance answers this for members of a cluster and for replicas, whatever their state.
                    raise cannot_stop(f"{action}: {error}") from error
                _raise_common(ref, action, error)
                if error_code(error) == "InvalidParameterCombination":
                    raise cannot_stop(f"{action}: {error}") from error
                raise

    def _describe_kind(self, kind: Kind, refs: Sequence[DatabaseRef]) -> Iterable[Description]:
        action = f"rds:DescribeDB{kind.capitalize()}s"
        with aws_call(action):
            try:
                match kind:
                    case Kind.INSTANCE:
                        return [_instance(item) for item in self._instances(refs)]
                    case Kind.CLUSTER:
                        return [_cluster(item) for item in self._clusters(refs)]
                    case unexpected:
                        assert_never(unexpected)
            except ClientError as error:
                if error_code(error) in _NOT_FOUND:
                    return []
                raise

    def _instances(self, refs: Sequence[DatabaseRef]) -> Iterable[DBInstanceTypeDef]:
        if len(refs) == 1:
            return self._client.describe_db_instances(DBInstanceIdentifier=refs[0].id)["DBInstances"]
        pages = self._client.get_paginator("describe_db_instances").paginate(
            Filters=[{"Name": "db-instance-id", "Values": [ref.id for ref in refs]}], PaginationConfig={"PageSize": 100}
        )
        return [item for page in pages for item in page["DBInstances"]]

    def _clusters(self, refs: Sequence[DatabaseRef]) -> Iterable[DBClusterTypeDef]:
        if len(refs) == 1:
            return self._client.describe_db_clusters(DBClusterIdentifier=refs[0].id)["DBClusters"]
        pages = self._client.get_paginator("describe_db_clusters").paginate(
            Filters=[{"Name": "db-cluster-id", "Values": [ref.id for ref in refs]}], PaginationConfig={"PageSize": 100}
        )
        return [item for page in pages for item in page["DBClusters"]]


def _instance(item: DBInstanceTypeDef) -> Description:
    ref = DatabaseRef(Kind.INSTANCE, item["DBInstanceIdentifier"])
    stop_unsupported = bool(
        item.get("ReadReplicaSourceDBInstanceIdentifier")
        or item.get("ReadReplicaDBInstanceIdentifiers")
        or item.get("DBClusterIdentifier")
        or (item.get("MultiAZ") and item.get("Engine", "").startswith("sqlserver"))
    )
    status = item.get("DBInstanceStatus", _NO_STATUS)
    return Description(ref, status, _utc(item.get("AutomaticRestartTime")), stop_unsupported)


def _cluster(item: DBClusterTypeDef) -> Description:
    ref = DatabaseRef(Kind.CLUSTER, item["DBClusterIdentifier"])
    stop_unsupported = not item.get("Engine", "aurora").startswith("aurora")
    return Description(ref, item.get("Status", _NO_STATUS), _utc(item.get("AutomaticRestartTime")), stop_unsupported)


def cannot_stop(log_detail: str) -> CannotStop:
    """The refusal of a stop that RDS will always refuse, in plain words."""
    return CannotStop(_STOP_UNSUPPORTED, _REMOVE_FROM_SETTINGS, log_detail=log_detail)


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)


def _not_found(ref: DatabaseRef) -> DatabaseNotFound:
    return DatabaseNotFound(
        f"RDS knows no {ref.kind} of this id in this account and region.",
        "Mend DATABASES, or the region.",
        log_detail=str(ref),
    )


def _raise_common(ref: DatabaseRef, action: str, error: ClientError) -> None:
    code = error_code(error)
    if code in _NOT_FOUND:
        raise _not_found(ref) from error
    if code in _WRONG_STATE:
        raise InvalidState("RDS says that its state has changed meanwhile.", log_detail=f"{action}: {error}") from error
