"""What the hunt has found, each as the steps that broke a promise, with the mend and without it."""

from dataclasses import dataclass, replace

import pytest

from tests.simulation import mutants
from tests.simulation.judge import Violation
from tests.simulation.network import Moment
from tests.simulation.plan import HOUR, Deed, InVain, Once, Plan, Step, Storm, Trap
from tests.simulation.promises import Promise
from tests.simulation.run import Simulation
from tests.simulation.weather import Fault
from tests.support import PROD

pytestmark = pytest.mark.no_cover


@dataclass(frozen=True)
class Slow:
    """An RDS whose descriptions show what was before for as long as they may."""

    lag: float = 40

    def start_duration(self) -> float:
        """Four minutes."""
        return 240

    def stop_duration(self) -> float:
        """Three minutes."""
        return 180

    def lag_duration(self) -> float:
        """Always."""
        return self.lag

    def describes_previous_status(self) -> bool:
        """Always."""
        return True


QUIET = Plan(
    seed=0,
    days=0.5,
    refs=(PROD,),
    asleep=(True,),
    idle_minutes=60,
    interval_minutes=15,
    has_metric=False,
    lags=False,
    ill=None,
    steps=(),
)


def played(plan: Plan, *steps: Step, lag: float = 0) -> Violation | None:
    return Simulation(replace(plan, steps=steps), timing=Slow(lag)).run().violation


def test_a_restart_that_meets_a_start_by_another_hand_survives_its_coming_to_nothing() -> None:
    steps = (
        InVain(HOUR, PROD),
        Once(HOUR + 10, PROD, Deed.CONSOLE_START),
        Once(HOUR + 60, PROD, Deed.RESTART),
    )
    assert played(QUIET, *steps) is None
    with mutants.restart_forgotten_while_starting():
        violation = played(QUIET, *steps)
    assert violation is not None
    assert violation.promise is Promise.LIVE


def test_a_restart_behind_a_fence_survives_a_stop_in_the_console_that_rds_does_not_show_yet() -> None:
    def broken(seed: int) -> Violation | None:
        plan = replace(QUIET, asleep=(False,), seed=seed)
        stopped, asked = (Trap(60, PROD, Moment.FENCE, deed, 0) for deed in (Deed.CONSOLE_STOP, Deed.RESTART))
        return played(plan, stopped, asked, lag=40)

    assert [broken(seed) for seed in range(12)] == [None] * 12
    with mutants.old_description_settles_a_restart():
        promises = {violation.promise for violation in map(broken, range(12)) if violation is not None}
    assert promises == {Promise.LIVE}, "only some orders of the calls bring it to light"


def test_a_restart_that_rds_did_not_answer_survives_a_start_by_another_hand_that_comes_to_nothing() -> None:
    steps = (
        InVain(HOUR, PROD),
        Once(HOUR + 10, PROD, Deed.CONSOLE_START),
        Once(HOUR + 30, PROD, Deed.EVENT),
        Storm(HOUR + 55, 30, Fault.THROTTLED, 1.0, "rds"),
        Once(HOUR + 60, PROD, Deed.RESTART),
        Once(HOUR + 110, PROD, Deed.EVENT),
    )
    assert played(QUIET, *steps) is None
    with mutants.pending_restart_relies_on_any_start():
        violation = played(QUIET, *steps)
    assert violation is not None
    assert violation.promise is Promise.LIVE


def test_a_hold_that_rds_did_not_answer_wakes_a_database_that_it_came_too_late_for() -> None:
    def broken(seed: int) -> Violation | None:
        plan = replace(QUIET, asleep=(False,), seed=seed)
        late = Trap(60, PROD, Moment.SECOND_LOOK, Deed.HOLD, 0)
        return played(plan, late, Storm(61, 3 * HOUR, Fault.THROTTLED, 0.3, "rds"))

    assert [broken(seed) for seed in range(20, 32)] == [None] * 12
    with mutants.late_hold_relies_on_rds():
        promises = {violation.promise for violation in map(broken, range(20, 32)) if violation is not None}
    assert promises == {Promise.LIVE}


def test_a_start_and_a_stop_while_nothing_could_be_written_are_told_afterwards() -> None:
    steps = (
        Once(HOUR, PROD, Deed.CONSOLE_STOP),
        Storm(2 * HOUR, HOUR, Fault.CONFLICT, 1.0, "dynamodb"),
        Once(2 * HOUR + 60, PROD, Deed.CONSOLE_START),
        Once(2 * HOUR + 600, PROD, Deed.CONSOLE_STOP),
    )
    plan = replace(QUIET, asleep=(False,), steps=steps)
    assert played(plan, *steps) is None
    with mutants.unseen_rounds_untold():
        violation = played(plan, *steps)
    assert violation is not None
    assert violation.promise is Promise.TOLD


def test_nobody_can_tell_of_a_stop_that_was_undone_while_nothing_could_be_written() -> None:
    steps = (
        Storm(HOUR, HOUR, Fault.CONFLICT, 1.0, "dynamodb"),
        Once(HOUR + 60, PROD, Deed.CONSOLE_STOP),
        Once(HOUR + 600, PROD, Deed.CONSOLE_START),
    )
    plan = replace(QUIET, asleep=(False,), idle_minutes=600)
    assert played(plan, *steps) is None
