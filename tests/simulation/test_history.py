"""The sums of the history, compared with what the simulated RDS did."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from chalicelib.aws.table import Table
from chalicelib.domain.history import build_history, days_of, summarize
from chalicelib.domain.model import DatabaseRef, State
from dev.local.rds_changes import StatusChange
from tests.simulation.client import hooked_client
from tests.simulation.ground_truth import status_info
from tests.simulation.invariants import GRACE
from tests.simulation.plan import HOUR, FaultBurst, draw_plan
from tests.simulation.run import START, Simulation

pytestmark = pytest.mark.no_cover

SEEDS, CHUNK = range(40), 10
LONGEST_SKIP = 8 * HOUR


def actual_durations(first: str, changes: list[StatusChange], end: datetime) -> Counter[State]:
    """How long the database was in each state, in seconds."""
    seconds: Counter[State] = Counter()
    since, status = START, first
    for at, after in [*((change.at, change.after) for change in changes), (end, "")]:
        seconds[status_info(status).state] += round((at - since).total_seconds())
        since, status = at, after
    return seconds


def compare(seed: int) -> int:
    """Play one seed without fault bursts, compare its history, and return the number of status changes."""
    plan = draw_plan(seed)
    simulation = Simulation(plan)
    simulation.event_bridge.longest_skip = LONGEST_SKIP
    changes: dict[DatabaseRef, list[StatusChange]] = {ref: [] for ref in plan.refs}
    check = simulation.checker.on_status_change

    def on_status_change(change: StatusChange) -> None:
        changes[change.ref].append(change)
        check(change)

    simulation.checker.on_status_change = on_status_change  # type: ignore[method-assign]
    report = simulation.run(tuple(step for step in plan.steps if not isinstance(step, FaultBurst)))
    assert report.violation is None
    table = Table(hooked_client("dynamodb", simulation.table), simulation.settings)
    end = simulation.scheduler.clock()
    for ref, starts_stopped in zip(plan.refs, plan.starts_stopped, strict=True):
        if ref not in simulation.rds.databases:
            continue
        actual = actual_durations("stopped" if starts_stopped else "available", changes[ref], end)
        summary = summarize(build_history(table.history(ref, days_of(START, end)), START, end))
        bound = timedelta(seconds=(plan.interval_minutes * 60 + GRACE) * (len(changes[ref]) + 1))
        running = timedelta(seconds=actual[State.RUNNING] + actual[State.BUSY] + actual[State.FAILED])
        stopped = timedelta(seconds=actual[State.STOPPED])
        name = f"seed {seed}, {ref.id}"
        assert abs(summary.running - running) <= bound, f"{name}: running {summary.running}, actually {running}"
        assert abs(summary.stopped - stopped) <= bound, f"{name}: stopped {summary.stopped}, actually {stopped}"
        assert summary.unobserved <= bound, f"{name}: not observed for {summary.unobserved}"
        assert summary.running + summary.saved + summary.unobserved == end - START
    return sum(map(len, changes.values()))


@pytest.mark.parametrize("first", SEEDS[::CHUNK], ids=lambda first: f"from-seed-{first}")
def test_history__after_random_plans_without_fault_bursts__has_the_durations_of_rds(first: int) -> None:
    changes = [compare(seed) for seed in range(first, first + CHUNK)]
    assert sum(changes) > 30 * CHUNK
