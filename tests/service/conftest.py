"""Databases that several tests start from."""

import pytest

from tests.support import MakeWorld, World


@pytest.fixture
def idle(make_world: MakeWorld) -> World:
    """A running database that the app has observed, and that has been idle for two hours."""
    world = make_world(status="available")
    world.report_query()
    world.lifecycle.check()
    world.clock.advance(minutes=120)
    world.calls.clear()
    return world


@pytest.fixture
def stopped(make_world: MakeWorld) -> World:
    """A stopped database that the app has observed."""
    world = make_world()
    world.lifecycle.check()
    world.calls.clear()
    return world
