"""What a description of RDS says: the identity, what RDS cannot stop, and what waits for the maintenance window."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.stub import Stubber

from chalicelib.aws.rds import Rds
from chalicelib.domain.model import DatabaseRef, Description, Kind
from tests.support import ANALYTICS, PROD, aws_client


@pytest.fixture
def stubbed() -> Iterator[tuple[Rds, Stubber]]:
    client = aws_client("rds")
    with Stubber(client) as stubber:
        yield Rds(client), stubber
        stubber.assert_no_pending_responses()


def describe_instance(stubbed: tuple[Rds, Stubber], **item: Any) -> Description:
    rds, stubber = stubbed
    item = {"DBInstanceIdentifier": PROD.id, "DBInstanceStatus": "available", "Engine": "postgres", **item}
    stubber.add_response("describe_db_instances", {"DBInstances": [item]})
    return rds.describe([PROD])[PROD]  # type: ignore[return-value]


def describe_cluster(stubbed: tuple[Rds, Stubber], **item: Any) -> Description:
    rds, stubber = stubbed
    item = {"DBClusterIdentifier": ANALYTICS.id, "Status": "available", "Engine": "aurora-postgresql", **item}
    stubber.add_response("describe_db_clusters", {"DBClusters": [item]})
    return rds.describe([ANALYTICS])[ANALYTICS]  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("item", "cause"),
    [
        pytest.param(
            {"DBClusterIdentifier": "analytics"},
            "it is a member of a cluster, which is managed as a whole: write cluster:analytics in DATABASES",
            id="member of a cluster",
        ),
        pytest.param({"ReadReplicaSourceDBInstanceIdentifier": "source"}, "it is a read replica", id="replica"),
        pytest.param(
            {"ReadReplicaSourceDBInstanceIdentifier": "arn:aws:rds:eu-west-1:1:db:source"},
            "it is a read replica",
            id="replica of another Region",
        ),
        pytest.param(
            {"ReadReplicaSourceDBClusterIdentifier": "source"}, "it is a read replica", id="replica of a cluster"
        ),
        pytest.param({"ReadReplicaDBInstanceIdentifiers": ["one"]}, "it has read replicas", id="source of a replica"),
        pytest.param(
            {"ReadReplicaDBInstanceIdentifiers": ["arn:aws:rds:eu-west-1:1:db:one"]},
            "it has read replicas",
            id="source of a replica in another Region",
        ),
        pytest.param(
            {"ReadReplicaDBClusterIdentifiers": ["one"]}, "it has read replicas", id="source of an Aurora replica"
        ),
        pytest.param(
            {"Engine": "sqlserver-se", "MultiAZ": True}, "it is a SQL Server instance with Multi-AZ", id="SQL Server"
        ),
    ],
)
def test_describe__instance_that_rds_cannot_stop__says_why(
    stubbed: tuple[Rds, Stubber], item: dict[str, Any], cause: str
) -> None:
    assert describe_instance(stubbed, **item).stop_unsupported == cause


@pytest.mark.parametrize(
    "item",
    [
        pytest.param({}, id="plain"),
        pytest.param({"MultiAZ": True}, id="PostgreSQL with Multi-AZ"),
        pytest.param({"Engine": "sqlserver-se", "MultiAZ": False}, id="SQL Server without Multi-AZ"),
        pytest.param(
            {"ReadReplicaDBInstanceIdentifiers": [], "ReadReplicaDBClusterIdentifiers": []}, id="no read replicas"
        ),
        pytest.param({"StorageEncrypted": True, "DBInstanceClass": "db.m7g.large"}, id="encrypted"),
    ],
)
def test_describe__instance_that_rds_can_stop__has_no_reason(
    stubbed: tuple[Rds, Stubber], item: dict[str, Any]
) -> None:
    assert describe_instance(stubbed, **item).stop_unsupported is None


@pytest.mark.parametrize(
    ("item", "cause"),
    [
        pytest.param({"Engine": "postgres"}, "it is a Multi-AZ DB cluster", id="PostgreSQL Multi-AZ DB cluster"),
        pytest.param({"Engine": "mysql"}, "it is a Multi-AZ DB cluster", id="MySQL Multi-AZ DB cluster"),
        pytest.param({"EngineMode": "serverless"}, "it is an Aurora Serverless v1 cluster", id="Serverless v1"),
        pytest.param(
            {"ReplicationSourceIdentifier": "arn:aws:rds:eu-west-1:1:cluster:source"},
            "it is a read replica",
            id="replicates another cluster",
        ),
        pytest.param({"ReadReplicaIdentifiers": ["one"]}, "it has read replicas", id="is replicated"),
    ],
)
def test_describe__cluster_that_rds_cannot_stop__says_why(
    stubbed: tuple[Rds, Stubber], item: dict[str, Any], cause: str
) -> None:
    assert describe_cluster(stubbed, **item).stop_unsupported == cause


@pytest.mark.parametrize(
    "item",
    [
        pytest.param({"EngineMode": "provisioned"}, id="provisioned"),
        pytest.param(
            {
                "EngineMode": "provisioned",
                "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4.0},
            },
            id="Serverless v2",
        ),
        pytest.param({"Engine": "aurora-mysql", "ReadReplicaIdentifiers": []}, id="no replicas"),
        pytest.param({"ReplicationSourceIdentifier": ""}, id="no source"),
        pytest.param({"GlobalWriteForwardingStatus": "disabled"}, id="alone in its global database"),
    ],
)
def test_describe__cluster_that_rds_can_stop__has_no_reason(stubbed: tuple[Rds, Stubber], item: dict[str, Any]) -> None:
    assert describe_cluster(stubbed, **item).stop_unsupported is None


@pytest.mark.parametrize(
    ("pending", "expected"),
    [
        pytest.param(None, (), id="absent"),
        pytest.param({}, (), id="empty"),
        pytest.param({"DBInstanceClass": "db.m7g.large"}, ("DBInstanceClass",), id="instance class"),
        pytest.param(
            {"EngineVersion": "17.2", "AllocatedStorage": 100},
            ("AllocatedStorage", "EngineVersion"),
            id="two, in the order of their names",
        ),
        pytest.param({"MultiAZ": False}, ("MultiAZ",), id="a flag that is switched off"),
        pytest.param({"BackupRetentionPeriod": 0}, ("BackupRetentionPeriod",), id="zero days of backups"),
        pytest.param({"ProcessorFeatures": []}, (), id="empty list"),
        pytest.param({"PendingCloudwatchLogsExports": {}}, (), id="empty map"),
        pytest.param(
            {"PendingCloudwatchLogsExports": {"LogTypesToEnable": [], "LogTypesToDisable": []}},
            (),
            id="map of empty lists",
        ),
        pytest.param(
            {"PendingCloudwatchLogsExports": {"LogTypesToEnable": ["audit"], "LogTypesToDisable": []}},
            ("PendingCloudwatchLogsExports",),
            id="map of a list",
        ),
    ],
)
def test_describe__pending_modified_values__are_those_that_are_not_empty(
    stubbed: tuple[Rds, Stubber], pending: dict[str, Any] | None, expected: tuple[str, ...]
) -> None:
    item = {} if pending is None else {"PendingModifiedValues": pending}
    assert describe_instance(stubbed, **item).pending_modifications == expected


@pytest.mark.parametrize(
    ("pending", "expected"),
    [
        pytest.param({}, (), id="empty"),
        pytest.param({"EngineVersion": "16.4"}, ("EngineVersion",), id="engine version"),
        pytest.param({"PendingCloudwatchLogsExports": {"LogTypesToEnable": []}}, (), id="map of an empty list"),
    ],
)
def test_describe__pending_modified_values_of_a_cluster__are_those_that_are_not_empty(
    stubbed: tuple[Rds, Stubber], pending: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert describe_cluster(stubbed, PendingModifiedValues=pending).pending_modifications == expected


class AnswersNone:
    """A client whose answers have None in the place of absent fields, as those of other AWS implementations."""

    def __init__(self, item: dict[str, Any]) -> None:
        self._item = item

    def describe_db_instances(self, **_: Any) -> dict[str, Any]:
        """One instance."""
        return {"DBInstances": [self._item]}


@pytest.mark.parametrize(
    "pending",
    [
        pytest.param(None, id="none"),
        pytest.param({"DBInstanceClass": None, "EngineVersion": None}, id="map of none"),
        pytest.param({"PendingCloudwatchLogsExports": {"LogTypesToEnable": None}}, id="nested none"),
    ],
)
def test_describe__values_are_none__have_the_meaning_of_absent_ones(pending: dict[str, Any] | None) -> None:
    item = {
        "DBInstanceIdentifier": PROD.id,
        "DBInstanceStatus": None,
        "DbiResourceId": None,
        "DBClusterIdentifier": None,
        "ReadReplicaSourceDBInstanceIdentifier": None,
        "ReadReplicaDBInstanceIdentifiers": None,
        "AutomaticRestartTime": None,
        "PendingModifiedValues": pending,
    }
    rds = Rds(AnswersNone(item))  # type: ignore[arg-type]
    assert rds.describe([PROD])[PROD] == Description(PROD, "unknown")


def test_describe__instance__has_its_resource_id_and_restart_time_in_utc(stubbed: tuple[Rds, Stubber]) -> None:
    at = datetime(2026, 3, 9, 10, tzinfo=timezone(timedelta(hours=1)))
    description = describe_instance(stubbed, DbiResourceId="db-FIRST", AutomaticRestartTime=at)
    assert description == Description(PROD, "available", datetime(2026, 3, 9, 9, tzinfo=UTC), "db-FIRST")
    assert description.automatic_restart_at is not None
    assert description.automatic_restart_at.tzinfo is UTC


def test_describe__cluster__has_its_resource_id(stubbed: tuple[Rds, Stubber]) -> None:
    assert describe_cluster(stubbed, DbClusterResourceId="cluster-FIRST").resource_id == "cluster-FIRST"


def test_describe__any__announces_no_automatic_start(stubbed: tuple[Rds, Stubber]) -> None:
    assert not describe_instance(stubbed).automatic_start_announced


def test_describe__id_with_capitals__is_found(stubbed: tuple[Rds, Stubber]) -> None:
    rds, stubber = stubbed
    refs = [DatabaseRef(Kind.INSTANCE, "orders-db", "Orders-DB"), DatabaseRef(Kind.INSTANCE, "billing", "Billing")]
    items = [{"DBInstanceIdentifier": name, "DBInstanceStatus": "available"} for name in ("orders-db", "BILLING")]
    stubber.add_response(
        "describe_db_instances",
        {"DBInstances": items},
        {"Filters": [{"Name": "db-instance-id", "Values": ["orders-db", "billing"]}], "MaxRecords": 100},
    )
    assert rds.describe(refs) == {ref: Description(ref, "available") for ref in refs}
