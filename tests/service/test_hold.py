"""Holds: how long the database stays available, and what ends that."""

from datetime import datetime, timedelta

import pytest

from chalicelib.domain.errors import BadRequest, InsufficientCapacity
from chalicelib.domain.model import Action, Reason
from tests.support import NOW, PROD, MakeWorld, World, failing


def test_hold__idle_database__stays_available_until_the_hold_is_ended(make_world: MakeWorld) -> None:
    world = make_world(status="available")
    world.report_query(NOW - timedelta(hours=2))
    view = world.lifecycle.hold(PROD, timedelta(hours=3), by="ops")
    assert (view.decision.reason, view.record.hold and view.record.hold.by) == (Reason.HELD, "ops")
    world.wait(120, check_every=15)
    assert world.status() == "available"
    view = world.lifecycle.end_hold(PROD, by="eve")
    assert view.decision.reason is Reason.IDLE
    assert world.status() == "available", "only a check stops it"
    world.lifecycle.check()
    assert world.status() == "stopping"


def test_hold__expired__lets_the_check_stop_it(make_world: MakeWorld) -> None:
    world = make_world(status="available")
    world.report_query(NOW - timedelta(hours=2))
    world.lifecycle.hold(PROD, NOW + timedelta(hours=2), by="ops")
    world.wait(119, check_every=17)
    assert world.status() == "available"
    world.wait(1, check_every=1)
    assert world.status() == "stopping"


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(timedelta(0), id="no time"),
        pytest.param(timedelta(hours=-1), id="negative"),
        pytest.param(timedelta(hours=168.1), id="too long"),
        pytest.param(NOW, id="until now"),
        pytest.param(NOW - timedelta(1), id="until yesterday"),
    ],
)
def test_hold__not_within_168_hours__is_a_bad_request(make_world: MakeWorld, wanted: timedelta | datetime) -> None:
    world = make_world(status="available")
    with pytest.raises(BadRequest):
        world.lifecycle.hold(PROD, wanted, by="ops")
    assert world.record().hold is None


def test_hold__while_a_start_fails__succeeds(stopped: World) -> None:
    with failing(stopped.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
        with pytest.raises(InsufficientCapacity):
            stopped.lifecycle.restart(PROD, by="ops")
        assert stopped.lifecycle.hold(PROD, timedelta(hours=1), by="ops").record.hold is not None
        assert stopped.lifecycle.end_hold(PROD, by="ops").record.hold is None
    assert stopped.check().action is Action.START
