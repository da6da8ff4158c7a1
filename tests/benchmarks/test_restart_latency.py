"""From click to available: waits with the app and with the baseline pair, and faults that the benchmark has to show."""

import pytest

from benchmarks import restart_latency
from benchmarks.clicks import Phase, Wait, click, draw_numbers
from benchmarks.real_app import App
from benchmarks.replay import StrategyName
from benchmarks.restart_latency import RestartLatencies, click_often, spread
from benchmarks.results import Result

APP, BASELINE = StrategyName.APP_15, StrategyName.BASELINE_PAIR


@pytest.mark.parametrize("name", [APP, BASELINE])
@pytest.mark.parametrize("phase", [Phase.STOPPED, Phase.STARTING])
def test_click__on_a_stopped_or_starting_database__adds_less_than_a_second(name: StrategyName, phase: Phase) -> None:
    for wait in click_often(name, phase, 3):
        assert -0.001 <= wait.added < 1
        assert not wait.was_repeated


def test_click__on_a_stopping_database__is_repeated_with_the_baseline_pair_only() -> None:
    for number in range(3):
        app, baseline = click(APP, Phase.STOPPING, number), click(BASELINE, Phase.STOPPING, number)
        assert 1 <= app.added <= 21  # RDS's event
        assert not app.was_repeated
        assert 0 <= baseline.added <= 121  # the next click, two minutes later
        assert baseline.was_repeated


def test_click__without_capacity__is_repeated_with_the_baseline_pair_only() -> None:
    for number in range(3):
        app, baseline = click(APP, Phase.NO_CAPACITY, number), click(BASELINE, Phase.NO_CAPACITY, number)
        assert 0 <= app.added <= 15 * 60 + 21
        assert not app.was_repeated
        assert 0 <= baseline.added <= 121
        assert baseline.was_repeated


def test_click__with_the_same_number__gives_the_same_wait() -> None:
    assert click(APP, Phase.STOPPING, 7) == click(APP, Phase.STOPPING, 7)
    assert draw_numbers(Phase.STOPPING, 7) != draw_numbers(Phase.STOPPING, 8)


def test_spread__of_many_waits__has_median_tail_and_maximum() -> None:
    waits = [Wait(APP, Phase.STOPPED, float(seconds), was_repeated=seconds > 90) for seconds in range(101)]
    found = spread(waits)
    assert (found.clicks, found.median, found.worst) == (101, 50.0, 100.0)
    assert found.p95 == pytest.approx(95, abs=1)
    assert found.repeated == pytest.approx(10 / 101)


def test_app__without_events__misses_the_goal(monkeypatch: pytest.MonkeyPatch) -> None:
    with_events = {phase: click_often(APP, phase, 5) for phase in Phase}
    monkeypatch.setattr(App, "_send_event", lambda *_: None)
    without_events = with_events | {Phase.STOPPING: click_often(APP, Phase.STOPPING, 5)}
    assert result_of(Phase.STOPPING, without_events).value > result_of(Phase.STOPPING, with_events).value + 60
    assert not result_of(Phase.STOPPING, without_events).is_met
    assert result_of(Phase.STOPPING, without_events).explanation
    assert result_of(Phase.STOPPED, without_events).is_met
    assert not result_of(Phase.STOPPED, without_events).explanation


def result_of(phase: Phase, of_app: dict[Phase, list[Wait]]) -> Result:
    """The result of the app; the other strategies add no time."""
    others = [
        Wait(c, each, 0.0, was_repeated=False)
        for c in restart_latency.STRATEGIES
        if c is not APP
        for each in 2 * [*Phase]
    ]
    waits = (*(wait for waits in of_app.values() for wait in waits), *others)
    return next(
        f
        for f in restart_latency.section(RestartLatencies(waits)).results
        if f.name == f"Median wait in addition to RDS's time, {phase}"
    )


def test_section__has_a_row_for_every_phase_and_strategy() -> None:
    progress: list[str] = []
    section = restart_latency.section(restart_latency.measure(progress.append, clicks=2))
    assert len(progress) == len(Phase) * len(restart_latency.STRATEGIES)
    [table] = section.tables
    assert len(table.rows) == (len(Phase) + 1) * len(restart_latency.STRATEGIES)
    assert {len(row) for row in table.rows} == {len(table.head)}
