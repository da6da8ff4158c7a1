"""The RDS adapter against moto, and with scripted answers for what moto cannot produce."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber

from chalicelib.aws.rds import Rds
from chalicelib.domain.errors import (
    AccessDenied,
    AwsError,
    AwsUnavailable,
    CannotStart,
    CannotStop,
    DatabaseNotFound,
    InsufficientCapacity,
    InvalidState,
    Problem,
)
from chalicelib.domain.model import DatabaseRef, Description, Kind
from tests.support import ANALYTICS, PROD, a_world

pytestmark = pytest.mark.usefixtures("either_cloud")
NOPE = DatabaseRef(Kind.INSTANCE, "nope")
NO_CLUSTER = DatabaseRef(Kind.CLUSTER, "no-cluster")


@pytest.fixture
def stubbed() -> Iterator[tuple[Rds, Stubber]]:
    client = boto3.client("rds")
    with Stubber(client) as stubber:
        yield Rds(client), stubber
        stubber.assert_no_pending_responses()


def test_all_are_described_with_one_call_for_each_kind() -> None:
    more = DatabaseRef(Kind.INSTANCE, "more")
    with a_world(PROD, more, ANALYTICS) as world:
        seen = Rds(world.rds).describe([PROD, more, ANALYTICS, NOPE])
        assert sorted(world.calls) == ["DescribeDBClusters", "DescribeDBInstances"]
        assert [seen[ref].status for ref in (PROD, more, ANALYTICS)] == ["stopped"] * 3  # type: ignore[union-attr]
        assert isinstance(seen[NOPE], DatabaseNotFound)


@pytest.mark.parametrize("ref", [NOPE, NO_CLUSTER])
def test_one_that_rds_does_not_know(ref: DatabaseRef) -> None:
    with a_world() as world:
        rds = Rds(world.rds)
        assert isinstance(rds.describe([ref])[ref], DatabaseNotFound)
        with pytest.raises(DatabaseNotFound):
            rds.start(ref)
        with pytest.raises(DatabaseNotFound):
            rds.stop(ref)


@pytest.mark.parametrize("ref", [PROD, ANALYTICS])
def test_start_and_stop_are_refused_in_the_wrong_state(ref: DatabaseRef) -> None:
    with a_world(ref, status="available") as world:
        rds = Rds(world.rds)
        with pytest.raises(InvalidState):
            rds.start(ref)
        assert rds.stop(ref).status == "stopping"
        with pytest.raises(InvalidState):
            rds.stop(ref)
        world.slow_rds.set_status(ref.id, "stopped")
        assert rds.start(ref).status == "starting"


def test_a_trouble_with_one_kind_is_none_of_the_other(stubbed: tuple[Rds, Stubber]) -> None:
    rds, stubber = stubbed
    stubber.add_response(
        "describe_db_instances",
        {"DBInstances": [{"DBInstanceIdentifier": PROD.id, "DBInstanceStatus": "available"}]},
        {"DBInstanceIdentifier": PROD.id},
    )
    stubber.add_client_error("describe_db_clusters", "AccessDenied", http_status_code=403)
    seen = rds.describe([PROD, ANALYTICS])
    assert seen[PROD] == Description(PROD, "available")
    problem = seen[ANALYTICS]
    assert isinstance(problem, AccessDenied)
    assert "rds:DescribeDBClusters" in problem.detail


def test_many_are_read_page_by_page(stubbed: tuple[Rds, Stubber]) -> None:
    rds, stubber = stubbed
    refs = [DatabaseRef(Kind.CLUSTER, name) for name in ("one", "two")]
    at = datetime(2026, 3, 9, tzinfo=UTC)
    asked = {"Filters": [{"Name": "db-cluster-id", "Values": ["one", "two"]}], "MaxRecords": 100}
    first = {"DBClusterIdentifier": "one", "Status": "stopped", "AutomaticRestartTime": at}
    stubber.add_response("describe_db_clusters", {"DBClusters": [first], "Marker": "m"}, asked)
    second = {"DBClusterIdentifier": "two"}
    stubber.add_response("describe_db_clusters", {"DBClusters": [second]}, {**asked, "Marker": "m"})
    assert rds.describe(refs) == {
        refs[0]: Description(refs[0], "stopped", at),
        refs[1]: Description(refs[1], "unknown"),
    }


EVERY_CALL = [
    ("AccessDenied", 403, AccessDenied),
    ("UnauthorizedOperation", 403, AccessDenied),
    ("Throttling", 400, AwsUnavailable),
    ("ThrottlingException", 400, AwsUnavailable),
    ("RequestLimitExceeded", 503, AwsUnavailable),
    ("InternalFailure", 500, AwsUnavailable),
    ("SomethingNew", 502, AwsUnavailable),
    ("SomethingNew", 400, AwsError),
]
STARTS = [
    ("InvalidDBInstanceState", 400, InvalidState),
    ("InvalidDBClusterStateFault", 400, InvalidState),
    ("DBInstanceNotFound", 404, DatabaseNotFound),
    ("DBClusterNotFoundFault", 404, DatabaseNotFound),
    ("InsufficientDBInstanceCapacity", 400, InsufficientCapacity),
    ("InsufficientDBClusterCapacityFault", 403, InsufficientCapacity),
    ("KMSKeyNotAccessibleFault", 400, CannotStart),
    ("InvalidSubnet", 400, CannotStart),
    ("InvalidVPCNetworkStateFault", 400, CannotStart),
    ("DBSubnetGroupDoesNotCoverEnoughAZs", 400, CannotStart),
    ("AuthorizationNotFound", 404, CannotStart),
    ("InvalidParameterCombination", 400, CannotStart),
]
STOPS = [
    ("InvalidDBInstanceState", 400, InvalidState),
    ("DBInstanceNotFound", 404, DatabaseNotFound),
    ("InvalidParameterCombination", 400, CannotStop),
]


@pytest.mark.parametrize(("code", "status", "error"), EVERY_CALL + STARTS)
@pytest.mark.parametrize("ref", [PROD, ANALYTICS])
def test_every_refusal_of_a_start_is_one_of_ours(
    stubbed: tuple[Rds, Stubber], ref: DatabaseRef, code: str, status: int, error: type[Problem]
) -> None:
    rds, stubber = stubbed
    stubber.add_client_error(f"start_db_{ref.kind}", code, "account 123456789012", http_status_code=status)
    with pytest.raises(error) as refusal:
        rds.start(ref)
    assert type(refusal.value) is error
    assert "123456789012" not in refusal.value.detail
    assert "123456789012" in str(refusal.value) or error is DatabaseNotFound


@pytest.mark.parametrize(("code", "status", "error"), EVERY_CALL + STOPS)
@pytest.mark.parametrize("ref", [PROD, ANALYTICS])
def test_every_refusal_of_a_stop_is_one_of_ours(
    stubbed: tuple[Rds, Stubber], ref: DatabaseRef, code: str, status: int, error: type[Problem]
) -> None:
    rds, stubber = stubbed
    stubber.add_client_error(f"stop_db_{ref.kind}", code, http_status_code=status)
    with pytest.raises(error) as refusal:
        rds.stop(ref)
    assert type(refusal.value) is error


def test_a_member_or_replica_is_told_apart_from_a_state_that_passes(stubbed: tuple[Rds, Stubber]) -> None:
    rds, stubber = stubbed
    stubber.add_client_error("stop_db_instance", "InvalidDBClusterStateFault")
    with pytest.raises(CannotStop, match="read replicas"):
        rds.stop(PROD)
    stubber.add_client_error("stop_db_cluster", "InvalidDBClusterStateFault")
    with pytest.raises(InvalidState):
        rds.stop(ANALYTICS)


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://rds"),
        ConnectTimeoutError(endpoint_url="https://rds"),
        NoCredentialsError(),
    ],
)
def test_no_answer_at_all(error: Exception) -> None:
    class Unreachable:
        def __getattr__(self, name: str) -> Any:
            def call(**_: Any) -> Any:
                raise error

            return call

    rds = Rds(Unreachable())  # type: ignore[arg-type]
    assert isinstance(rds.describe([PROD])[PROD], AwsUnavailable)
    with pytest.raises(AwsUnavailable, match="does not answer"):
        rds.start(PROD)
