"""Databases that have failed, and that RDS starts once the cause is fixed."""

import pytest

from chalicelib.domain.errors import AwsUnavailable, CannotStart, InsufficientCapacity
from tests.support import PROD, START_MINUTES, MakeWorld, World, before_call, failing

STARTABLE = ["incompatible-network", "inaccessible-encryption-credentials-recoverable"]


@pytest.fixture(params=STARTABLE)
def failed(request: pytest.FixtureRequest, make_world: MakeWorld) -> World:
    world = make_world(status="available")
    world.lifecycle.check()
    world.wait(15)
    world.simulated_rds.set_status(PROD.id, request.param)
    world.lifecycle.check()
    return world


def test_restart__cause_is_fixed__starts_it(failed: World) -> None:
    result = failed.lifecycle.restart(PROD, by="ops")
    assert (result.ready, result.message) == (False, "RDS instance starting")
    assert result.view.description.status == "starting"
    failed.wait(START_MINUTES, check_every=1)
    assert failed.status() == "available"
    assert failed.event_names()[-3:] == ["restart-requested", "starting", "available"]
    assert failed.history()[-1]["detail"] == "Available 4 min after the restart was requested."
    assert (failed.history()[-1]["by"], failed.history()[-1]["seconds"]) == ("ops", START_MINUTES * 60)
    failed.wait(60, check_every=15)
    assert failed.status() == "available"


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        pytest.param("InvalidDBInstanceState", "and refused to start it", id="state"),
        pytest.param("KMSKeyNotAccessibleFault", "RDS cannot use its KMS key", id="KMS key"),
        pytest.param("InvalidVPCNetworkStateFault", "its VPC no longer matches its subnet group", id="network"),
    ],
)
def test_restart__rds_refuses__is_dropped_and_not_tried_again(failed: World, code: str, cause: str) -> None:
    with failing(failed.rds, "StartDBInstance", code) as refusals:
        with pytest.raises(CannotStart, match=cause):
            failed.lifecycle.restart(PROD, by="ops")
        assert failed.record().pending_restart is None
        assert failed.event_names()[-1] == "restart-cancelled"
        result = failed.check()
    assert (result.action, result.reason, len(refusals)) == ("none", "failed", 1)


def test_restart__rds_refuses_and_status_has_changed__starts_it_from_there(failed: World) -> None:
    def recover() -> None:
        failed.simulated_rds.set_status(PROD.id, "stopped")

    with (
        before_call(failed.rds, "DescribeDBInstances", recover, nth=2),
        failing(failed.rds, "StartDBInstance", "InvalidDBInstanceState", times=1),
    ):
        assert failed.lifecycle.restart(PROD, by="ops").message == "RDS instance starting"
    assert failed.status() == "starting"


@pytest.mark.parametrize("code", ["Throttling", "InternalFailure"])
def test_restart__aws_is_down__is_kept_and_carried_out(failed: World, code: str) -> None:
    status = 400 if code == "Throttling" else 500
    with failing(failed.rds, "StartDBInstance", code, status=status), pytest.raises(AwsUnavailable):
        failed.lifecycle.restart(PROD, by="ops")
    assert failed.record().pending_restart is not None
    assert failed.check().action == "start"
    assert failed.status() == "starting"


def test_restart__no_capacity__is_kept_and_carried_out(failed: World) -> None:
    with failing(failed.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
        with pytest.raises(InsufficientCapacity):
            failed.lifecycle.restart(PROD, by="ops")
        failed.wait(15)
        assert failed.failed_check().reason == "insufficient-capacity"
    assert failed.check().action == "start"


def test_check__nobody_asks__starts_nothing(failed: World) -> None:
    failed.wait(60, check_every=15)
    assert failed.check().reason == "failed"
    assert "StartDBInstance" not in failed.calls
