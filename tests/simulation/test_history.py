"""The sums of the history against what the simulated RDS has really done."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from chalicelib.aws.table import Table
from chalicelib.domain.history import days_of, summarize, tell
from chalicelib.domain.model import DatabaseRef, State
from chalicelib.domain.statuses import classify_status
from dev.local.rds_behavior import StatusChange
from tests.simulation.client import hooked_client
from tests.simulation.plan import HOUR, Storm, draw_plan
from tests.simulation.promises import GRACE
from tests.simulation.run import START, Simulation

pytestmark = pytest.mark.no_cover

SEEDS, CHUNK = range(100), 10
A_LOOK_EVERY = 8 * HOUR


def true_hours(begun: str, transitions: list[StatusChange], end: datetime) -> Counter[State]:
    """How long it was in each state, in seconds, as RDS itself knows it."""
    seconds: Counter[State] = Counter()
    since, status = START, begun
    for at, after in [*((transition.at, transition.after) for transition in transitions), (end, "")]:
        seconds[classify_status(status).state] += round((at - since).total_seconds())
        since, status = at, after
    return seconds


def compare(seed: int) -> int:
    """One seed without faults; returns how many changes of status it had."""
    plan = draw_plan(seed)
    simulation = Simulation(plan)
    simulation.event_bridge.spares_at_most = A_LOOK_EVERY
    happened: dict[DatabaseRef, list[StatusChange]] = {ref: [] for ref in plan.refs}
    judge = simulation.judge.changed

    def changed(transition: StatusChange) -> None:
        happened[transition.ref].append(transition)
        judge(transition)

    simulation.judge.changed = changed  # type: ignore[method-assign]
    result = simulation.run(tuple(step for step in plan.steps if not isinstance(step, Storm)))
    assert result.violation is None
    table = Table(hooked_client("dynamodb", simulation.table), simulation.settings)
    end = simulation.clockwork.clock()
    for ref, asleep in zip(plan.refs, plan.asleep, strict=True):
        if ref not in simulation.rds.databases:
            continue
        truth = true_hours("stopped" if asleep else "available", happened[ref], end)
        told = summarize(tell(table.history(ref, days_of(START, end)), START, end))
        bound = timedelta(seconds=(plan.interval_minutes * 60 + GRACE) * (len(happened[ref]) + 1))
        awake = timedelta(seconds=truth[State.RUNNING] + truth[State.BUSY] + truth[State.FAILED])
        asleep_for = timedelta(seconds=truth[State.STOPPED])
        assert abs(told.running - awake) <= bound, f"seed {seed}, {ref.id}: awake {told.running}, in truth {awake}"
        assert abs(told.stopped - asleep_for) <= bound, f"seed {seed}, {ref.id}: {told.stopped}, in truth {asleep_for}"
        assert told.unobserved <= bound, f"seed {seed}, {ref.id}: not observed for {told.unobserved}"
        assert told.running + told.saved + told.unobserved == end - START
    return sum(map(len, happened.values()))


@pytest.mark.parametrize("first", SEEDS[::CHUNK])
def test_hours_awake_and_asleep_are_those_of_rds(first: int) -> None:
    changes = [compare(seed) for seed in range(first, first + CHUNK)]
    assert sum(changes) > 30 * CHUNK
