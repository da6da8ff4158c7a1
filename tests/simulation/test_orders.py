"""Two operations that meet: whatever the order of their AWS calls, every promise holds."""

from collections.abc import Callable

import pytest

from tests.simulation.orders import OneByOne, Setting, every_order
from tests.simulation.plan import Deed, Plan
from tests.simulation.run import Simulation
from tests.support import PROD

pytestmark = pytest.mark.no_cover

IDLE_MINUTES, INTERVAL_MINUTES = 20, 5


def a_plan(*, asleep: bool) -> Plan:
    return Plan(
        seed=0,
        days=0,
        refs=(PROD,),
        asleep=(asleep,),
        idle_minutes=IDLE_MINUTES,
        interval_minutes=INTERVAL_MINUTES,
        has_metric=False,
        lags=False,
        ill=None,
        steps=(),
    )


def deed(what: Deed) -> Setting:
    def begin(simulation: Simulation) -> None:
        pace = simulation.pace
        assert isinstance(pace, OneByOne)
        if what in (Deed.WRITTEN_ACTIVITY, Deed.CONSOLE_START, Deed.CONSOLE_STOP) and not pace.is_free:
            pace.take_turn(lambda: simulation.people.do(what, PROD))
        else:
            simulation.people.do(what, PROD)

    return begin


def known(simulation: Simulation) -> None:
    """The app has seen it."""
    deed(Deed.CHECK)(simulation)
    simulation.passes(60)


def used_long_ago(simulation: Simulation) -> None:
    """It is up, and due to be stopped."""
    deed(Deed.WRITTEN_ACTIVITY)(simulation)
    known(simulation)
    simulation.passes((IDLE_MINUTES + 1) * 60)


def used_just_now(simulation: Simulation) -> None:
    """It is up, and in use."""
    used_long_ago(simulation)
    deed(Deed.WRITTEN_ACTIVITY)(simulation)
    simulation.passes(5)


def waited_for(simulation: Simulation) -> None:
    """It is stopped, and a restart that AWS had no capacity for is pending."""
    known(simulation)
    simulation.has_no_room(PROD, 30)
    deed(Deed.RESTART)(simulation)
    simulation.passes(60)


def going_down(simulation: Simulation) -> None:
    """The app is stopping it, and somebody waits for it."""
    used_long_ago(simulation)
    deed(Deed.CHECK)(simulation)
    simulation.passes(20)
    deed(Deed.RESTART)(simulation)
    simulation.passes(200)


MEETINGS = [
    (used_long_ago, Deed.RESTART, Deed.CHECK),
    (used_just_now, Deed.RESTART, Deed.CHECK),
    (waited_for, Deed.RESTART, Deed.CHECK),
    (known, Deed.RESTART, Deed.CHECK),
    (known, Deed.RESTART, Deed.RESTART),
    (used_long_ago, Deed.RESTART, Deed.RESTART),
    (used_long_ago, Deed.RESTART, Deed.DIRECT_RESTART),
    (used_long_ago, Deed.CHECK, Deed.CHECK),
    (waited_for, Deed.CHECK, Deed.CHECK),
    (used_long_ago, Deed.EVENT, Deed.CHECK),
    (waited_for, Deed.EVENT, Deed.CHECK),
    (going_down, Deed.EVENT, Deed.CHECK),
    (used_long_ago, Deed.HOLD, Deed.CHECK),
    (used_long_ago, Deed.HOLD, Deed.RESTART),
    (used_long_ago, Deed.ACTIVITY, Deed.CHECK),
    (used_long_ago, Deed.WRITTEN_ACTIVITY, Deed.CHECK),
    (used_long_ago, Deed.CONSOLE_STOP, Deed.CHECK),
    (known, Deed.CONSOLE_START, Deed.RESTART),
]


@pytest.mark.parametrize(("before", "one", "other"), MEETINGS, ids=lambda part: getattr(part, "__name__", None) or part)
def test_in_every_order(
    before: Setting, one: Deed, other: Deed, record_property: Callable[[str, object], None]
) -> None:
    asleep = before in (known, waited_for)
    orders = 0
    for order, violation in every_order(a_plan(asleep=asleep), before, deed(one), deed(other)):
        orders += 1
        assert violation is None, f"{violation} in the order {order.choices}"
    what = before.__name__.replace("_", " ")
    record_property("figure", f"orders: {one} and {other} on a database {what}: {orders:,}")
    assert orders > 5
