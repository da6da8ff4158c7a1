"""The RDS adapter on moto and on the simulated AWS, and with scripted responses for what they cannot produce."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

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
from tests.support import ANALYTICS, PROD, MakeWorld, aws_client

BOTH_KINDS = pytest.mark.parametrize("ref", [PROD, ANALYTICS], ids=["instance", "cluster"])
NOPE = DatabaseRef(Kind.INSTANCE, "nope")
NO_CLUSTER = DatabaseRef(Kind.CLUSTER, "no-cluster")


@pytest.fixture
def stubbed() -> Iterator[tuple[Rds, Stubber]]:
    client = aws_client("rds")
    with Stubber(client) as stubber:
        yield Rds(client), stubber
        stubber.assert_no_pending_responses()


def test_describe__several_databases__makes_one_call_for_each_kind(make_world: MakeWorld) -> None:
    more = DatabaseRef(Kind.INSTANCE, "more")
    world = make_world(PROD, more, ANALYTICS)
    found = Rds(world.rds).describe([PROD, more, ANALYTICS, NOPE])
    assert sorted(world.calls) == ["DescribeDBClusters", "DescribeDBInstances"]
    assert [found[ref].status for ref in (PROD, more, ANALYTICS)] == ["stopped"] * 3  # type: ignore[union-attr]
    assert isinstance(found[NOPE], DatabaseNotFound)


@pytest.mark.parametrize("ref", [NOPE, NO_CLUSTER], ids=["instance", "cluster"])
def test_any_call__unknown_to_rds__is_database_not_found(make_world: MakeWorld, ref: DatabaseRef) -> None:
    rds = Rds(make_world().rds)
    assert isinstance(rds.describe([ref])[ref], DatabaseNotFound)
    with pytest.raises(DatabaseNotFound):
        rds.start(ref)
    with pytest.raises(DatabaseNotFound):
        rds.stop(ref)


@BOTH_KINDS
def test_start_and_stop__in_another_state__are_invalid_state(make_world: MakeWorld, ref: DatabaseRef) -> None:
    world = make_world(ref, status="available")
    rds = Rds(world.rds)
    with pytest.raises(InvalidState):
        rds.start(ref)
    assert rds.stop(ref).status == "stopping"
    with pytest.raises(InvalidState):
        rds.stop(ref)
    world.simulated_rds.set_status(ref.id, "stopped")
    assert rds.start(ref).status == "starting"


def test_describe__one_kind_refused__describes_the_other(stubbed: tuple[Rds, Stubber]) -> None:
    rds, stubber = stubbed
    stubber.add_response(
        "describe_db_instances",
        {"DBInstances": [{"DBInstanceIdentifier": PROD.id, "DBInstanceStatus": "available"}]},
        {"DBInstanceIdentifier": PROD.id},
    )
    stubber.add_client_error("describe_db_clusters", "AccessDenied", http_status_code=403)
    found = rds.describe([PROD, ANALYTICS])
    assert found[PROD] == Description(PROD, "available")
    problem = found[ANALYTICS]
    assert isinstance(problem, AccessDenied)
    assert "rds:DescribeDBClusters" in problem.detail


def test_describe__several_pages__reads_all(stubbed: tuple[Rds, Stubber]) -> None:
    rds, stubber = stubbed
    refs = [DatabaseRef(Kind.CLUSTER, name) for name in ("one", "two")]
    at = datetime(2026, 3, 9, tzinfo=UTC)
    request = {"Filters": [{"Name": "db-cluster-id", "Values": ["one", "two"]}], "MaxRecords": 100}
    first = {"DBClusterIdentifier": "one", "Status": "stopped", "AutomaticRestartTime": at}
    stubber.add_response("describe_db_clusters", {"DBClusters": [first], "Marker": "m"}, request)
    second = {"DBClusterIdentifier": "two"}
    stubber.add_response("describe_db_clusters", {"DBClusters": [second]}, {**request, "Marker": "m"})
    assert rds.describe(refs) == {
        refs[0]: Description(refs[0], "stopped", at),
        refs[1]: Description(refs[1], "unknown"),
    }


ErrorCase = tuple[str, int, type[Problem]]

EVERY_CALL: list[ErrorCase] = [
    ("AccessDenied", 403, AccessDenied),
    ("UnauthorizedOperation", 403, AccessDenied),
    ("Throttling", 400, AwsUnavailable),
    ("ThrottlingException", 400, AwsUnavailable),
    ("RequestLimitExceeded", 503, AwsUnavailable),
    ("InternalFailure", 500, AwsUnavailable),
    ("SomethingNew", 502, AwsUnavailable),
    ("SomethingNew", 400, AwsError),
]
START_ERRORS: list[ErrorCase] = [
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
STOP_ERRORS: list[ErrorCase] = [
    ("InvalidDBInstanceState", 400, InvalidState),
    ("InvalidDBClusterStateFault", 400, InvalidState),
    ("DBInstanceNotFound", 404, DatabaseNotFound),
    ("InvalidParameterCombination", 400, CannotStop),
]


def with_ids(cases: list[ErrorCase]) -> list[Any]:
    """The cases, each named by AWS's code and the HTTP status."""
    return [pytest.param(*case, id=f"{case[0]} {case[1]}") for case in cases]


@pytest.mark.parametrize(("code", "status", "error"), with_ids(EVERY_CALL + START_ERRORS))
@BOTH_KINDS
def test_start__refused__is_an_error_of_the_app(
    stubbed: tuple[Rds, Stubber], ref: DatabaseRef, code: str, status: int, error: type[Problem]
) -> None:
    rds, stubber = stubbed
    stubber.add_client_error(f"start_db_{ref.kind}", code, "account 123456789012", http_status_code=status)
    with pytest.raises(error) as refusal:
        rds.start(ref)
    assert type(refusal.value) is error
    assert "123456789012" not in refusal.value.detail
    assert "123456789012" in str(refusal.value) or error is DatabaseNotFound


@pytest.mark.parametrize(("code", "status", "error"), with_ids(EVERY_CALL + STOP_ERRORS))
@BOTH_KINDS
def test_stop__refused__is_an_error_of_the_app(
    stubbed: tuple[Rds, Stubber], ref: DatabaseRef, code: str, status: int, error: type[Problem]
) -> None:
    rds, stubber = stubbed
    stubber.add_client_error(f"stop_db_{ref.kind}", code, http_status_code=status)
    with pytest.raises(error) as refusal:
        rds.stop(ref)
    assert type(refusal.value) is error


def test_stop__never_supported__says_what_to_do(stubbed: tuple[Rds, Stubber]) -> None:
    rds, stubber = stubbed
    stubber.add_client_error("stop_db_instance", "InvalidParameterCombination")
    with pytest.raises(CannotStop, match="Remove it from DATABASES, or hold it"):
        rds.stop(PROD)


@pytest.mark.parametrize("code", ["InvalidDBInstanceState", "InvalidDBClusterStateFault", "InvalidDBClusterState"])
@BOTH_KINDS
def test_stop__refused_for_its_state__gives_no_advice_to_remove_it(
    stubbed: tuple[Rds, Stubber], ref: DatabaseRef, code: str
) -> None:
    rds, stubber = stubbed
    stubber.add_client_error(f"stop_db_{ref.kind}", code)
    with pytest.raises(InvalidState) as refusal:
        rds.stop(ref)
    assert "DATABASES" not in refusal.value.detail
    assert "replica" not in refusal.value.detail


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://rds"),
        ConnectTimeoutError(endpoint_url="https://rds"),
        NoCredentialsError(),
    ],
    ids=["no endpoint", "no connection", "no credentials"],
)
def test_any_call__no_response__is_aws_unavailable(error: Exception) -> None:
    class Unreachable:
        def __getattr__(self, name: str) -> Any:
            def call(**_: Any) -> Any:
                raise error

            return call

    rds = Rds(Unreachable())  # type: ignore[arg-type]
    assert isinstance(rds.describe([PROD])[PROD], AwsUnavailable)
    with pytest.raises(AwsUnavailable, match="does not respond"):
        rds.start(PROD)
