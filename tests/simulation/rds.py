"""The simulated RDS as a boto3 client's methods: request names, responses and errors as boto3 has them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.domain.model import DatabaseRef, Kind
from dev.local.rds_behavior import NOT_FOUND, DescribedStatus, RdsBehavior, RequestRefused
from tests.simulation.refusals import refusal


class SimulatedRds(RdsBehavior):
    """All databases of one account, behind the methods of a boto3 client."""

    def describe_db_instances(self, **request: Any) -> dict[str, Any]:
        """One by its identifier, or many by a filter."""
        return {"DBInstances": self._described(Kind.INSTANCE, "DBInstanceIdentifier", "db-instance-id", request)}

    def describe_db_clusters(self, **request: Any) -> dict[str, Any]:
        """One by its identifier, or many by a filter."""
        return {"DBClusters": self._described(Kind.CLUSTER, "DBClusterIdentifier", "db-cluster-id", request)}

    def start_db_instance(self, DBInstanceIdentifier: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """Accepted where it is stopped."""
        return {"DBInstance": self._requested("StartDBInstance", self.start, Kind.INSTANCE, DBInstanceIdentifier)}

    def start_db_cluster(self, DBClusterIdentifier: str) -> dict[str, Any]:  # noqa: N803
        """Accepted where it is stopped."""
        return {"DBCluster": self._requested("StartDBCluster", self.start, Kind.CLUSTER, DBClusterIdentifier)}

    def stop_db_instance(self, DBInstanceIdentifier: str) -> dict[str, Any]:  # noqa: N803
        """Accepted where it is available."""
        return {"DBInstance": self._requested("StopDBInstance", self.stop, Kind.INSTANCE, DBInstanceIdentifier)}

    def stop_db_cluster(self, DBClusterIdentifier: str) -> dict[str, Any]:  # noqa: N803
        """Accepted where it is available."""
        return {"DBCluster": self._requested("StopDBCluster", self.stop, Kind.CLUSTER, DBClusterIdentifier)}

    def delete_db_instance(self, DBInstanceIdentifier: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        """The instance is deleted at once."""
        ref = DatabaseRef(Kind.INSTANCE, DBInstanceIdentifier)
        with _client_errors("DeleteDBInstance"):
            self._find(ref)
        self.remove(ref)
        return {}

    def create_db_instance_read_replica(self, SourceDBInstanceIdentifier: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        """The source cannot be stopped any more."""
        with _client_errors("CreateDBInstanceReadReplica"):
            self._find(DatabaseRef(Kind.INSTANCE, SourceDBInstanceIdentifier)).stop_unsupported = True
        return {}

    def _requested(
        self, operation: str, request: Callable[[DatabaseRef], DescribedStatus], kind: Kind, database_id: str
    ) -> dict[str, Any]:
        ref = DatabaseRef(kind, database_id.lower())
        with _client_errors(operation):
            return self._response(ref, request(ref))

    def _described(self, kind: Kind, one: str, many: str, request: dict[str, Any]) -> list[dict[str, Any]]:
        if one in request:
            return [self._requested(f"DescribeDB{kind.capitalize()}s", self.describe, kind, request[one])]
        [wanted] = [f["Values"] for f in request["Filters"] if f["Name"] == many]
        self.advance()
        refs = [ref for ref in (DatabaseRef(kind, name) for name in wanted) if ref in self.databases]
        return [self._response(ref, self.describe(ref)) for ref in refs]

    def _response(self, ref: DatabaseRef, described: DescribedStatus) -> dict[str, Any]:
        restart_at = described.automatic_restart_at
        restart = {"AutomaticRestartTime": restart_at} if restart_at is not None else {}
        pending = {"PendingModifiedValues": dict.fromkeys(described.pending_modifications, "changed")}
        if ref.kind is Kind.CLUSTER:
            return {
                "DBClusterIdentifier": ref.id,
                "DbClusterResourceId": described.resource_id,
                "Status": described.status,
                "Engine": "aurora-postgresql",
                **pending,
                **restart,
            }
        return {
            "DBInstanceIdentifier": ref.id,
            "DbiResourceId": described.resource_id,
            "DBInstanceStatus": described.status,
            "Engine": "postgres",
            "ReadReplicaDBInstanceIdentifiers": ["a-replica"] if self.databases[ref].stop_unsupported else [],
            **pending,
            **restart,
        }


@contextmanager
def _client_errors(operation: str) -> Iterator[None]:
    try:
        yield
    except RequestRefused as error:
        status = 404 if error.code in NOT_FOUND.values() else 400
        raise refusal("rds", operation, error.code, status=status) from None
