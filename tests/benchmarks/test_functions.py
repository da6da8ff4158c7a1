"""Cold and warm functions: the benchmarks show a handler that wastes time, calls AWS too often or logs too much."""

import sys
from pathlib import Path

import pytest

from benchmarks import cold, warm
from benchmarks.canned_aws import IN_USE, STOPPED, canned_aws
from benchmarks.results import Result, Section
from benchmarks.subjects import BARE, Comparison, Subject, Subjects, comparisons
from chalicelib.bootstrap import connect
from chalicelib.domain.model import Action
from chalicelib.settings import read_settings
from tests.benchmarks.conftest import BURN, Make
from tests.deploy.lambda_runtime import Interpreter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric has wheels for Linux only")


CALLS = [("rds", "describe_db_instances", {"DBInstanceIdentifier": IN_USE})]


def ignore_progress(_: str) -> None:
    """Discard the progress."""


def result(section: Section, name: str) -> Result:
    [found] = [result for result in section.results if name in result.name]
    return found


def test_cold_start__with_a_slow_import__is_slower_and_misses_the_goal(function: Make) -> None:
    quick, slow = function("quick", "pass"), function("slow", "pass", "burn(2)")
    subjects = Subjects(
        (Comparison("slow", slow, quick, quick), Comparison("quick", quick, quick, quick)), 2_000_000, 1_000
    )
    measured = cold.measure(ignore_progress, subjects, rounds=3)
    slow_start, quick_start = measured.starts
    assert slow_start.app.median > slow_start.plain.median + 0.5
    assert quick_start.app == quick_start.plain
    section = cold.section(measured)
    assert not result(section, "Cold start of slow").is_met
    assert result(section, "Cold start of quick").is_met
    assert result(section, "Zip").value == 2.0


def test_cold_start__with_much_memory_in_use__has_a_higher_peak(function: Make) -> None:
    lean, fat = function("lean", "pass"), function("fat", "pass", "kept = b'x' * 50_000_000")
    [start] = cold.measure(ignore_progress, Subjects((Comparison("fat", fat, lean, lean),), 1, 1), rounds=2).starts
    assert start.app_memory - start.plain_memory > 45_000_000


def test_warm_function__that_is_slow_and_calls_aws_too_often__misses_the_goals(function: Make) -> None:
    with canned_aws() as aws:
        bare, plain = function("bare", "ask(2)"), function("plain", "ask(1)")
        app = function("app", "burn(0.2); ask(3)")
        served = warm.serve(ignore_progress, Comparison("check", app, bare, plain), aws, rounds=20)
        logged = warm.log_of(app, aws)
    assert served.added > 0.05
    assert [method for _, method, _ in served.calls] == ["describe_db_instances"] * 3
    section = warm.section(warm.Warm((served,), warm.Work(0.006, 0.005), logged, 20))
    assert not result(section, "Warm check: added").is_met
    assert not result(section, "nothing to do: AWS calls").is_met
    assert result(section, "own work").is_met


def test_log__with_two_lines_and_a_metric__is_counted(function: Make) -> None:
    verbose = function("verbose", "print('ä'); print('{\"_aws\": {}}')")
    with canned_aws() as aws:
        logged = warm.log_of(verbose, aws)
    assert (logged.lines, logged.bytes, logged.metric_lines) == (2, len("ä\n".encode()) + len('{"_aws": {}}\n'), 10)


def test_own_work__of_a_check_with_one_call__excludes_the_call(runtime: Path, tmp_path: Path) -> None:
    check = "def inactivity_check(event, context):\n    replay.handler(CALLS, context)\n    burn(0.02)\n"
    (tmp_path / "app.py").write_text(f"import replay, time\nCALLS = {CALLS}\n{BURN}\n{check}")
    *_, comparison = comparisons(*(Interpreter(folder, runtime) for folder in (tmp_path, tmp_path, BARE)))
    with canned_aws() as aws:
        work = warm.own_work(comparison, CALLS, aws, 10)
    assert work.own > 0.015
    assert work.whole > work.calls > 0


@pytest.mark.parametrize(
    ("database", "methods"),
    [
        (IN_USE, ["batch_get_item", "describe_db_instances"]),
        (
            STOPPED,
            ["batch_get_item", "describe_db_instances", "start_db_instance"] + ["transact_write_items"] * 2,
        ),
    ],
    ids=["check-of-a-database-in-use", "start-of-a-stopped-database"],
)
def test_bare_calls__of_an_operation__are_those_of_the_app(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, database: str, methods: list[str]
) -> None:
    replay = Subject(Interpreter(BARE, runtime), "replay.handler", [], {})
    with canned_aws() as aws:
        for name, value in {**aws.environ, "AWS_DEFAULT_REGION": "us-east-1"}.items():
            monkeypatch.setenv(name, value)
        app = connect(read_settings({"DATABASES": database}))
        if database == STOPPED:
            assert app.restart(app.database(), "a user").action_taken is Action.START
        else:
            assert [(result.action, result.reason) for result in app.check()] == [(Action.NONE, "recent-activity")]
        calls = aws.calls()
        assert sorted(method for _, method, _ in calls) == methods
        with replay.start(aws.environ) as function:
            assert list(warm.calls_of(function, calls, aws)) == calls
