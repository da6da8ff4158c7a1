"""From click to available: what the app adds, what the plain pair adds, and faults that have to show."""

import pytest

from benchmarks import restart_latency
from benchmarks.clicks import Phase, Wait, click, draw_for
from benchmarks.results import Result
from benchmarks.real_app import App
from benchmarks.replay import StrategyName
from benchmarks.restart_latency import RestartLatencies, click_often, spread

APP, PLAIN = StrategyName.APP_15, StrategyName.BASELINE_PAIR


@pytest.mark.parametrize("name", [APP, PLAIN])
@pytest.mark.parametrize("phase", [Phase.STOPPED, Phase.STARTING])
def test_where_rds_can_start_it_or_does_already_nobody_adds_a_second(name: StrategyName, phase: Phase) -> None:
    for wait in click_often(name, phase, 3):
        assert -0.001 <= wait.beyond < 1
        assert not wait.was_repeated


def test_one_click_on_a_stopping_database_is_enough_for_the_app_and_not_for_the_plain_pair() -> None:
    for number in range(3):
        app, plain = click(APP, Phase.STOPPING, number), click(PLAIN, Phase.STOPPING, number)
        assert 1 <= app.beyond <= 21  # RDS's event
        assert not app.was_repeated
        assert 0 <= plain.beyond <= 121  # the next click, two minutes later
        assert plain.was_repeated


def test_without_capacity_the_app_goes_on_trying_and_the_plain_pair_does_not() -> None:
    for number in range(3):
        app, plain = click(APP, Phase.NO_CAPACITY, number), click(PLAIN, Phase.NO_CAPACITY, number)
        assert 0 <= app.beyond <= 15 * 60 + 21
        assert not app.was_repeated
        assert 0 <= plain.beyond <= 121
        assert plain.was_repeated


def test_the_same_click_gives_the_same_wait() -> None:
    assert click(APP, Phase.STOPPING, 7) == click(APP, Phase.STOPPING, 7)
    assert draw_for(Phase.STOPPING, 7) != draw_for(Phase.STOPPING, 8)


def test_a_spread_is_told_as_median_tail_and_worst() -> None:
    waits = [Wait(APP, Phase.STOPPED, float(seconds), was_repeated=seconds > 90) for seconds in range(101)]
    found = spread(waits)
    assert (found.clicks, found.median, found.worst) == (101, 50.0, 100.0)
    assert found.p95 == pytest.approx(95, abs=1)
    assert found.again == pytest.approx(10 / 101)


def test_an_app_that_hears_no_events_misses_the_goal_by_far(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = {phase: click_often(APP, phase, 5) for phase in Phase}
    monkeypatch.setattr(App, "_send_event", lambda *_: None)
    deaf = honest | {Phase.STOPPING: click_often(APP, Phase.STOPPING, 5)}
    assert figure_of(Phase.STOPPING, deaf).value > figure_of(Phase.STOPPING, honest).value + 60
    assert not figure_of(Phase.STOPPING, deaf).is_met
    assert figure_of(Phase.STOPPING, deaf).explanation
    assert figure_of(Phase.STOPPED, deaf).is_met
    assert not figure_of(Phase.STOPPED, deaf).explanation


def figure_of(phase: Phase, of_app: dict[Phase, list[Wait]]) -> Result:
    """What the section tells of the app, beside others who take no time at all."""
    others = [Wait(c, each, 0.0, was_repeated=False) for c in restart_latency.STRATEGIES if c is not APP for each in 2 * [*Phase]]
    waits = (*(wait for waits in of_app.values() for wait in waits), *others)
    return next(f for f in restart_latency.section(RestartLatencies(waits)).results if f.name == f"Median wait beyond RDS's own, {phase}")


def test_every_phase_and_contender_has_a_line() -> None:
    told: list[str] = []
    section = restart_latency.section(restart_latency.measure(told.append, clicks=2))
    assert len(told) == len(Phase) * len(restart_latency.STRATEGIES)
    [table] = section.tables
    assert len(table.rows) == (len(Phase) + 1) * len(restart_latency.STRATEGIES)
    assert {len(row) for row in table.rows} == {len(table.head)}
