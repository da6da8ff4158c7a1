"""Cold and warm functions: a handler that wastes time, asks AWS once too often or chatters is found out."""

import sys
from pathlib import Path

import pytest

from benchmarks import cold, warm
from benchmarks.canned_aws import STOPPED, IN_USE, canned_aws
from benchmarks.subjects import BARE, Subject, Comparison, Subjects, comparisons
from benchmarks.results import Section, Result
from chalicelib.bootstrap import connect
from chalicelib.domain.model import Action
from chalicelib.settings import read_settings
from tests.benchmarks.conftest import BURN, Make
from tests.deploy.lambda_runtime import Interpreter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric has wheels for Linux only")


CALLS = [("rds", "describe_db_instances", {"DBInstanceIdentifier": IN_USE})]


def told(_: str) -> None:
    """Progress that nobody watches."""


def result(section: Section, name: str) -> Result:
    [found] = [result for result in section.results if name in result.name]
    return found


def test_a_slow_import_shows_up_in_the_cold_start(function: Make) -> None:
    quick, slow = function("quick", "pass"), function("slow", "pass", "burn(2)")
    subjects = Subjects((Comparison("slow", slow, quick, quick), Comparison("quick", quick, quick, quick)), 2_000_000, 1_000)
    measured = cold.measure(told, subjects, rounds=3)
    slow_start, quick_start = measured.starts
    assert slow_start.app.median > slow_start.plain.median + 0.5
    assert quick_start.app == quick_start.plain
    section = cold.section(measured)
    assert not result(section, "Cold start of slow").is_met
    assert result(section, "Cold start of quick").is_met
    assert result(section, "Zip").value == 2.0


def test_memory_that_a_function_holds_shows_up(function: Make) -> None:
    lean, fat = function("lean", "pass"), function("fat", "pass", "kept = b'x' * 50_000_000")
    [start] = cold.measure(told, Subjects((Comparison("fat", fat, lean, lean),), 1, 1), rounds=2).starts
    assert start.app_memory - start.plain_memory > 45_000_000


def test_slow_handlers_and_calls_too_many_show_up_in_warm_functions(function: Make) -> None:
    with canned_aws() as aws:
        bare, plain = function("bare", "ask(2)"), function("plain", "ask(1)")
        app = function("app", "burn(0.2); ask(3)")
        served = warm.serve(told, Comparison("check", app, bare, plain), aws, rounds=20)
        logged = warm.log_of(app, aws)
    assert served.added > 0.05
    assert [method for _, method, _ in served.calls] == ["describe_db_instances"] * 3
    section = warm.section(warm.Warm((served,), warm.Work(0.006, 0.005), logged, 20))
    assert not result(section, "Warm check: added").is_met
    assert not result(section, "nothing to do: AWS calls").is_met
    assert result(section, "own work").is_met


def test_every_line_of_a_chatty_check_is_counted_and_a_metric_is_found(function: Make) -> None:
    chatty = function("chatty", "print('ä'); print('{\"_aws\": {}}')")
    with canned_aws() as aws:
        logged = warm.log_of(chatty, aws)
    assert (logged.lines, logged.bytes, logged.metric_lines) == (2, len("ä\n".encode()) + len('{"_aws": {}}\n'), 10)


def test_work_of_its_own_is_told_from_that_of_the_calls(runtime: Path, tmp_path: Path) -> None:
    check = "def inactivity_check(event, context):\n    replay.handler(CALLS, context)\n    burn(0.02)\n"
    (tmp_path / "app.py").write_text(f"import replay, time\nCALLS = {CALLS}\n{BURN}\n{check}")
    *_, match = comparisons(*(Interpreter(folder, runtime) for folder in (tmp_path, tmp_path, BARE)))
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
)
def test_the_bare_calls_are_those_that_the_app_makes(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, database: str, methods: list[str]
) -> None:
    replay = Subject(Interpreter(BARE, runtime), "replay.handler", [], {})
    with canned_aws() as aws:
        for name, value in {**aws.environ, "AWS_DEFAULT_REGION": "us-east-1"}.items():
            monkeypatch.setenv(name, value)
        app = connect(read_settings({"DATABASES": database}))
        if database == STOPPED:
            assert app.restart(app.database(), "somebody").action_taken is Action.START
        else:
            assert [(result.action, result.reason) for result in app.check()] == [(Action.NONE, "recent-activity")]
        calls = aws.calls()
        assert sorted(method for _, method, _ in calls) == methods
        with replay.start(aws.environ) as function:
            assert list(warm.calls_of(function, calls, aws)) == calls
