"""RDS events: each one only causes an observation."""

from datetime import timedelta

from chalicelib.domain.model import Action, State
from tests.support import NOW, PROD, STOP_MINUTES, MakeWorld, World


def test_handle_event__before_its_status_is_described__observes_until_it_is(idle: World) -> None:
    idle.check()
    idle.lifecycle.restart(PROD, by="ops")
    idle.wait(STOP_MINUTES - 0.5)
    assert idle.lifecycle.handle_event(PROD).action_taken is Action.START
    assert idle.status() == "starting"


def test_handle_event__status_does_not_change__ends_after_a_minute(make_world: MakeWorld) -> None:
    world = make_world(status="starting")
    result = world.lifecycle.handle_event(PROD)
    assert result.observed.state is State.STARTING
    assert world.clock.now - NOW == timedelta(seconds=60)
