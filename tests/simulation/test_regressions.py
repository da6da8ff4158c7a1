"""Steps with the protection against them and without it: violations that `make fuzz` has found, and new protections."""

from dataclasses import dataclass, replace

import pytest

from dev.local.rds_timing import FixedTiming
from tests.simulation import mutants
from tests.simulation.faults import Fault
from tests.simulation.network import CallPoint
from tests.simulation.plan import (
    HOUR,
    BusyMember,
    FaultBurst,
    IneffectiveStart,
    MissingDatapoints,
    OpenConnection,
    Operation,
    PendingModification,
    Plan,
    SingleOperation,
    Step,
    TemporaryStatus,
    Triggered,
)
from tests.simulation.report import Invariant, Violation
from tests.simulation.run import Simulation
from tests.support import ANALYTICS, PROD

pytestmark = pytest.mark.no_cover


@dataclass(frozen=True)
class LaggingTiming(FixedTiming):
    """An RDS whose descriptions return the previous status for as long as they may."""

    lag: float = 40

    def lag_duration(self) -> float:
        """Always the same."""
        return self.lag

    def describes_previous_status(self) -> bool:
        """Always."""
        return True


PLAN = Plan(
    seed=0,
    days=0.5,
    refs=(PROD,),
    starts_stopped=(True,),
    idle_minutes=60,
    interval_minutes=15,
    activity_metric="none",
    has_capitals=False,
    backend_uses_own_key=False,
    lags=False,
    permanent_fault=None,
    steps=(),
)


def play(plan: Plan, *steps: Step, lag: float = 0) -> Violation | None:
    return Simulation(replace(plan, steps=steps), timing=LaggingTiming(lag=lag)).run().violation


def test_restart__while_starting_in_the_console__is_carried_out_when_that_start_has_no_effect() -> None:
    steps = (
        IneffectiveStart(HOUR, PROD),
        SingleOperation(HOUR + 10, PROD, Operation.CONSOLE_START),
        SingleOperation(HOUR + 60, PROD, Operation.RESTART),
    )
    assert play(PLAN, *steps) is None
    with mutants.restart_forgotten_while_starting():
        violation = play(PLAN, *steps)
    assert violation is not None
    assert violation.invariant is Invariant.LIVENESS


def test_restart__during_a_stop_in_the_console_that_rds_does_not_show__is_carried_out() -> None:
    def violation_of(seed: int) -> Violation | None:
        plan = replace(PLAN, starts_stopped=(False,), seed=seed)
        stop, restart = (
            Triggered(60, PROD, CallPoint.SET_STOP_INTENT, operation, 0)
            for operation in (Operation.CONSOLE_STOP, Operation.RESTART)
        )
        return play(plan, stop, restart, lag=40)

    seeds = range(20, 32)
    assert [violation_of(seed) for seed in seeds] == [None] * 12
    with mutants.stale_description_resolves_a_restart():
        found = {violation.invariant for violation in map(violation_of, seeds) if violation is not None}
    assert found == {Invariant.LIVENESS}, "only some orders of the calls show it"


def test_restart__without_a_response_from_rds__is_carried_out_when_a_start_in_the_console_has_no_effect() -> None:
    steps = (
        IneffectiveStart(HOUR, PROD),
        SingleOperation(HOUR + 10, PROD, Operation.CONSOLE_START),
        SingleOperation(HOUR + 30, PROD, Operation.EVENT),
        FaultBurst(HOUR + 55, 30, Fault.THROTTLED, 1.0, "rds"),
        SingleOperation(HOUR + 60, PROD, Operation.RESTART),
        SingleOperation(HOUR + 110, PROD, Operation.EVENT),
    )
    assert play(PLAN, *steps) is None
    with mutants.pending_restart_relies_on_any_start():
        violation = play(PLAN, *steps)
    assert violation is not None
    assert violation.invariant is Invariant.LIVENESS


def test_hold__that_is_too_late_and_without_a_response_from_rds__starts_the_database() -> None:
    def violation_of(seed: int) -> Violation | None:
        plan = replace(PLAN, starts_stopped=(False,), seed=seed)
        hold = Triggered(60, PROD, CallPoint.RECHECK, Operation.HOLD, 0)
        return play(plan, hold, FaultBurst(61, 3 * HOUR, Fault.THROTTLED, 0.3, "rds"))

    seeds = range(12)
    assert [violation_of(seed) for seed in seeds] == [None] * 12
    with mutants.late_hold_relies_on_rds():
        found = {violation.invariant for violation in map(violation_of, seeds) if violation is not None}
    assert found == {Invariant.LIVENESS}


def test_history__after_a_start_and_a_stop_while_the_table_refused_writes__contains_both() -> None:
    steps = (
        SingleOperation(HOUR, PROD, Operation.CONSOLE_STOP),
        FaultBurst(2 * HOUR, HOUR, Fault.CONFLICT, 1.0, "dynamodb"),
        SingleOperation(2 * HOUR + 60, PROD, Operation.CONSOLE_START),
        SingleOperation(2 * HOUR + 600, PROD, Operation.CONSOLE_STOP),
    )
    plan = replace(PLAN, starts_stopped=(False,), steps=steps)
    assert play(plan, *steps) is None
    with mutants.unobserved_cycles_not_recorded():
        violation = play(plan, *steps)
    assert violation is not None
    assert violation.invariant is Invariant.HISTORY


def test_history__after_a_stop_and_a_start_while_the_table_refused_writes__need_not_contain_them() -> None:
    steps = (
        FaultBurst(HOUR, HOUR, Fault.CONFLICT, 1.0, "dynamodb"),
        SingleOperation(HOUR + 60, PROD, Operation.CONSOLE_STOP),
        SingleOperation(HOUR + 600, PROD, Operation.CONSOLE_START),
    )
    plan = replace(PLAN, starts_stopped=(False,), idle_minutes=600)
    assert play(plan, *steps) is None


AUTO_PLAN = replace(PLAN, starts_stopped=(False,), activity_metric="auto")
RULE_PLAN = replace(AUTO_PLAN, activity_metric="DatabaseConnections>0")


@pytest.mark.parametrize(
    ("mutant", "plan", "steps", "invariant"),
    [
        pytest.param(
            mutants.unreported_connections_ignored,
            AUTO_PLAN,
            [OpenConnection(60, PROD, 3 * HOUR)],
            Invariant.SAFETY,
            id="a session that nobody reports",
        ),
        pytest.param(
            mutants.old_datapoints_believed,
            RULE_PLAN,
            [MissingDatapoints(0.5 * HOUR, PROD, 2 * HOUR, published_later=False)],
            Invariant.SAFETY,
            id="datapoints that are not published",
        ),
        pytest.param(
            mutants.missing_metric_never_fails,
            RULE_PLAN,
            [MissingDatapoints(0.5 * HOUR, PROD, 6 * HOUR, published_later=False)],
            Invariant.HISTORY,
            id="datapoints that are not published for six hours",
        ),
        pytest.param(
            mutants.pending_modifications_discarded,
            AUTO_PLAN,
            [PendingModification(60, PROD, 4 * HOUR)],
            Invariant.SAFETY,
            id="a modification that waits",
        ),
        pytest.param(
            mutants.end_of_an_operation_counts_as_a_start,
            AUTO_PLAN,
            [TemporaryStatus((20 + 70 * number) * 60.0, PROD, "rebooting", 20 * 60) for number in range(4)],
            Invariant.COST,
            id="an operation every 70 minutes",
        ),
        pytest.param(
            mutants.refused_stop_taken_for_impossible,
            replace(AUTO_PLAN, refs=(ANALYTICS,)),
            [BusyMember(0, ANALYTICS, 2 * HOUR)],
            Invariant.HISTORY,
            id="a member because of which RDS refuses the stop",
        ),
    ],
)
def test_steps__with_the_protection_and_without_it__violate_an_invariant_only_without(
    mutant: mutants.Mutant, plan: Plan, steps: list[Step], invariant: Invariant
) -> None:
    assert play(plan, *steps) is None
    with mutant():
        violation = play(plan, *steps)
    assert violation is not None
    assert violation.invariant is invariant


def test_restart__during_a_stop_of_ninety_minutes__is_carried_out() -> None:
    def violation_of() -> Violation | None:
        steps = (
            SingleOperation(HOUR, PROD, Operation.CONSOLE_STOP),
            SingleOperation(HOUR + 120, PROD, Operation.RESTART),
        )
        plan = replace(AUTO_PLAN, steps=steps)
        return Simulation(plan, timing=FixedTiming(stop_seconds=90 * 60)).run().violation

    assert violation_of() is None
    with mutants.restart_expires_while_stopping():
        violation = violation_of()
    assert violation is not None
    assert violation.invariant is Invariant.LIVENESS
