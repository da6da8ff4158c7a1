"""Two concurrent operations: every invariant holds, whatever the order of their AWS calls."""

from collections.abc import Callable

import pytest

from tests.simulation import mutants
from tests.simulation.interleavings import STOP_SECONDS, Sequencer, Setup, all_interleavings
from tests.simulation.plan import Operation, Plan
from tests.simulation.run import Simulation
from tests.support import PROD

pytestmark = pytest.mark.no_cover

IDLE_MINUTES, INTERVAL_MINUTES = 20, 5


def make_plan(*, starts_stopped: bool) -> Plan:
    return Plan(
        seed=0,
        days=0,
        refs=(PROD,),
        starts_stopped=(starts_stopped,),
        idle_minutes=IDLE_MINUTES,
        interval_minutes=INTERVAL_MINUTES,
        activity_metric="none",
        has_capitals=False,
        backend_uses_own_key=False,
        lags=False,
        permanent_fault=None,
        steps=(),
    )


def perform(operation: Operation) -> Setup:
    def begin(simulation: Simulation) -> None:
        sequencer = simulation.latency
        assert isinstance(sequencer, Sequencer)
        is_outside_app = operation in (
            Operation.WRITE_ACTIVITY_ITEM,
            Operation.CONSOLE_START,
            Operation.CONSOLE_STOP,
        )
        if is_outside_app and not sequencer.is_off:
            sequencer.enqueue(lambda: simulation.users.perform(operation, PROD))
        else:
            simulation.users.perform(operation, PROD)

    return begin


def stopped(simulation: Simulation) -> None:
    """A check has observed the stopped database."""
    _check_once(simulation)


def idle(simulation: Simulation) -> None:
    """The database is available, and its idle timeout has passed."""
    perform(Operation.WRITE_ACTIVITY_ITEM)(simulation)
    _check_once(simulation)
    simulation.advance((IDLE_MINUTES + 1) * 60)


def in_use(simulation: Simulation) -> None:
    """The database is available, and was queried some seconds ago."""
    idle(simulation)
    perform(Operation.WRITE_ACTIVITY_ITEM)(simulation)
    simulation.advance(5)


def restart_pending(simulation: Simulation) -> None:
    """The database is stopped, and AWS had no capacity for a requested restart."""
    _check_once(simulation)
    simulation.set_capacity_shortage(PROD, 30)
    perform(Operation.RESTART)(simulation)
    simulation.advance(60)


def just_stopped(simulation: Simulation) -> None:
    """The app has stopped the database, a restart was requested meanwhile, and RDS's event has not arrived."""
    idle(simulation)
    perform(Operation.CHECK)(simulation)
    simulation.advance(20)
    perform(Operation.RESTART)(simulation)
    simulation.advance(STOP_SECONDS - 20 + 0.5)


def _check_once(simulation: Simulation) -> None:
    perform(Operation.CHECK)(simulation)
    simulation.advance(60)


CASES = [
    (idle, Operation.RESTART, Operation.CHECK),
    (in_use, Operation.RESTART, Operation.CHECK),
    (restart_pending, Operation.RESTART, Operation.CHECK),
    (stopped, Operation.RESTART, Operation.CHECK),
    (stopped, Operation.RESTART, Operation.RESTART),
    (idle, Operation.RESTART, Operation.RESTART),
    (idle, Operation.RESTART, Operation.START_DATABASE),
    (idle, Operation.CHECK, Operation.CHECK),
    (restart_pending, Operation.CHECK, Operation.CHECK),
    (idle, Operation.EVENT, Operation.CHECK),
    (restart_pending, Operation.EVENT, Operation.CHECK),
    (just_stopped, Operation.EVENT, Operation.CHECK),
    (idle, Operation.HOLD, Operation.CHECK),
    (idle, Operation.HOLD, Operation.RESTART),
    (idle, Operation.REPORT_ACTIVITY, Operation.CHECK),
    (idle, Operation.WRITE_ACTIVITY_ITEM, Operation.CHECK),
    (idle, Operation.CONSOLE_STOP, Operation.CHECK),
    (stopped, Operation.CONSOLE_START, Operation.RESTART),
]


@pytest.mark.parametrize(
    ("before", "one", "other"),
    [pytest.param(*case, id=f"{case[0].__name__}-{case[1]}-{case[2]}".replace(" ", "-")) for case in CASES],
)
def test_concurrent_operations__in_every_order_of_their_calls__violate_no_invariant(
    before: Setup, one: Operation, other: Operation, record_property: Callable[[str, object], None]
) -> None:
    plan = make_plan(starts_stopped=before in (stopped, restart_pending))
    count = 0
    for order, violation in all_interleavings(plan, before, perform(one), perform(other)):
        count += 1
        assert violation is None, f"{violation} in the order {order}"
    state = before.__name__.replace("_", " ")
    record_property("figure", f"interleavings: {one} and {other} on a database that is {state}: {count:,}")
    assert count > 1


@pytest.mark.parametrize(
    ("mutant", "operation"),
    [
        (mutants.without_stop_intent, Operation.RESTART),
        (mutants.without_recheck, Operation.WRITE_ACTIVITY_ITEM),
        (mutants.stop_intent_without_effect, Operation.RESTART),
        (mutants.revision_not_checked, Operation.HOLD),
    ],
    ids=lambda part: part.replace(" ", "-") if isinstance(part, str) else part.__name__,
)
def test_mutant__during_a_check_of_an_idle_database__violates_an_invariant(
    mutant: mutants.Mutant, operation: Operation
) -> None:
    with mutant():
        plays = all_interleavings(make_plan(starts_stopped=False), idle, perform(operation), perform(Operation.CHECK))
        assert any(violation is not None for _, violation in plays), mutant.__doc__
