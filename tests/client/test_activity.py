"""Activity reports: at most one per interval, also during long statements and at exit, never delaying a query."""

import logging
import os
import subprocess
import sys
import textwrap
import threading
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from rds_lifecycle_client import ActivityReporter, LifecycleClient
from tests.client.support import SHORT_INTERVAL, WAIT_LIMIT_SECONDS, RecordingSink, record_joins, wait_until
from tests.served import ROOT
from tests.support import NOW, Clock

HOUR = timedelta(hours=1)


def test_mark_active__many_times_within_the_interval__reports_the_first_and_at_close_the_last() -> None:
    sink, clock = RecordingSink(), Clock()
    reporter = ActivityReporter(sink, HOUR, clock)
    reporter.mark_active()
    wait_until(lambda: sink.reported, "the first report")
    for _ in range(1000):
        clock.advance(seconds=0.05)
        reporter.mark_active()
    assert sink.reported == [NOW]
    reporter.close()
    assert sink.reported == [NOW, clock.now]


def test_mark_active__after_the_interval__reports_the_latest_once() -> None:
    sink, clock = RecordingSink(), Clock()
    reporter = ActivityReporter(sink, SHORT_INTERVAL, clock)
    reporter.mark_active()
    wait_until(lambda: sink.reported, "the first report")
    clock.advance(seconds=10)
    reporter.mark_active()
    wait_until(lambda: sink.reported[-1] == clock.now, "the second report")
    reporter.close()
    assert sink.reported == [NOW, clock.now]


def test_mark_active__within_a_reported_second__is_not_reported_again() -> None:
    sink, clock = RecordingSink(), Clock(NOW + timedelta(milliseconds=100))
    reporter = ActivityReporter(sink, HOUR, clock)
    reporter.mark_active()
    wait_until(lambda: reporter.reports, "the first report")
    clock.advance(seconds=0.8)
    reporter.mark_active()
    reporter.close()
    assert sink.reported == [NOW + timedelta(milliseconds=100)], "the item holds the end of that second"


def test_track_activity__long_block__is_reported_every_interval_until_it_ends() -> None:
    sink, clock = RecordingSink(), Clock()
    reporter = ActivityReporter(sink, SHORT_INTERVAL, clock)
    with reporter.track_activity():
        for minutes in range(1, 4):
            clock.advance(1)
            wait_until(lambda: sink.reported and sink.reported[-1] == clock.now, f"a report after {minutes} minutes")
        clock.advance(1)
    ended_at = clock.now
    wait_until(lambda: sink.reported[-1] == ended_at, "a report of the end")
    clock.advance(60)
    reporter.close()
    assert sink.reported[-1] == ended_at, "idle time is not reported"


def test_track_activity__connection_failure__is_not_activity() -> None:
    sink, clock = RecordingSink(), Clock()
    lifecycle = LifecycleClient(ActivityReporter(sink, timedelta(minutes=1), clock))

    def fail(error: Exception) -> None:
        with lifecycle.without_waking(), lifecycle.track_activity():
            lifecycle.report()
            raise error

    for _ in range(3):
        with pytest.raises(psycopg.OperationalError):
            fail(psycopg.OperationalError("connection refused"))
    assert sink.reported == []
    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError())
    lifecycle.close()
    assert sink.reported == [NOW], "another error happens after connecting"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_mark_active__thread_has_ended__starts_another_thread() -> None:
    sink, clock = RecordingSink(), Clock()
    sink.error = SystemExit(1)
    reporter = ActivityReporter(sink, SHORT_INTERVAL, clock)
    reporter.mark_active()
    wait_until(lambda: reporter._thread and not reporter._thread.is_alive(), "the end of the thread")
    sink.error = None
    reporter.mark_active()
    wait_until(lambda: sink.reported, "the report of another thread")
    reporter.close()


def test_begin_statement__object_deleted_without_an_end__is_not_active() -> None:
    sink, clock = RecordingSink(), Clock()
    reporter = ActivityReporter(sink, HOUR, clock)

    class Statement:
        pass

    statement = Statement()
    reporter.begin_statement(statement)
    wait_until(lambda: sink.reported, "the first report")
    del statement
    clock.advance(60)
    reporter.close()
    assert sink.reported == [NOW]


def test_report__sink_fails__is_retried_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rds_lifecycle_client")
    sink, clock = RecordingSink(), Clock()
    sink.error = PermissionError("no dynamodb:UpdateItem")
    reporter = ActivityReporter(sink, SHORT_INTERVAL, clock)
    reporter.mark_active()
    wait_until(lambda: reporter.failures >= 3, "three failures")
    first = caplog.messages[0]
    assert "may stop the database while it is in use" in first
    assert "PermissionError: no dynamodb:UpdateItem" in first
    log_lines = len(caplog.messages)
    assert log_lines <= 1 + (reporter.failures - 1) // 60, "one line for every 60 failures"
    sink.error = None
    wait_until(lambda: sink.reported, "the report")
    wait_until(lambda: caplog.messages[-1] == "Database activity reports succeed again.", "the log line")
    assert (sink.reported, reporter.reports) == ([NOW], 1)
    wait_until(lambda: reporter.failures_in_a_row == 0, "the reset of the counter")
    reporter.close()


def test_track_activity__no_thread_can_be_started__does_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = RecordingSink()
    reporter = ActivityReporter(sink, HOUR)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with reporter.track_activity():
            pass
    assert reporter.failures > 0
    reporter.mark_active()
    wait_until(lambda: sink.reported, "the report, once a thread can be started")
    reporter.close()


def test_track_activity__after_close__starts_no_thread() -> None:
    sink = RecordingSink()
    reporter = ActivityReporter(sink, HOUR)
    reporter.close()
    with reporter.track_activity():
        assert reporter._thread is None
    assert sink.reported == []


def test_close__twice_while_a_report_is_in_progress__waits_once_for_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began, may_return = threading.Event(), threading.Event()

    class BlockingSink(RecordingSink):
        def report(self, at: object) -> None:
            began.set()
            assert may_return.wait(WAIT_LIMIT_SECONDS)

    reporter = ActivityReporter(BlockingSink())
    reporter.mark_active()
    assert began.wait(WAIT_LIMIT_SECONDS)
    timeouts = record_joins(monkeypatch, before_join=may_return.set)
    reporter.close()
    reporter.close()
    assert timeouts == [5.0]


def run_python(code: str) -> str:
    return run([sys.executable, "-W", "error", "-c", textwrap.dedent(code)])


def run(command: list[str]) -> str:
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'client' / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=WAIT_LIMIT_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# Each process has a clock that advances by a minute per call. The limit at exit is long enough for a busy machine.
REPORTER = f"""
    import os
    from datetime import timedelta
    from rds_lifecycle_client import ActivityReporter, activity
    activity._CLOSE_TIMEOUT_SECONDS = {WAIT_LIMIT_SECONDS}
    class Sink:
        def report(self, at):
            os.write(1, f"{{os.getpid()}} {{at:%H:%M:%S.%f}}\\n".encode())
            reported.set()
    import itertools, threading
    from datetime import datetime, UTC
    reported = threading.Event()
    minutes = itertools.count()
    reporter = ActivityReporter(Sink(), timedelta(hours=1), lambda: datetime(2026, 3, 2, 9, next(minutes), tzinfo=UTC))
"""


def test_exit__unreported_activity__is_reported() -> None:
    output = run_python(f"""{REPORTER}
    reporter.mark_active()
    reported.wait()
    reporter.mark_active()
    """)
    assert len(output.splitlines()) == 2


def test_exit__report_hangs__ends_the_process_after_one_wait() -> None:
    output = run_python("""
    import atexit, threading
    timeouts = []
    def join(thread, timeout=None):
        timeouts.append(timeout)
    threading.Thread.join = join
    atexit.register(lambda: print(timeouts))  # atexit calls the first function last
    import multiprocessing.util  # has an exit handler of its own
    from rds_lifecycle_client import ActivityReporter
    began = threading.Event()
    class BlockingSink:
        def report(self, at):
            began.set()
            threading.Event().wait()
    reporter = ActivityReporter(BlockingSink())
    reporter.mark_active()
    began.wait()
    """)
    assert output == "[5.0]\n"


def test_exit__no_activity__reports_nothing() -> None:
    assert run_python(REPORTER) == ""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_exit__process_of_multiprocessing__reports_its_last_activity(method: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""{REPORTER}
    def work():
        reporter.mark_active()
        reported.wait()
        reporter.mark_active()
    if __name__ == "__main__":
        import multiprocessing
        worker = multiprocessing.get_context({method!r}).Process(target=work)
        worker.start()
        worker.join()
    """)
    )
    assert len(run([sys.executable, "-W", "error", str(script)]).splitlines()) == 2


def test_fork__reporter_of_the_parent__reports_only_the_activity_of_the_child() -> None:
    output = run_python(f"""{REPORTER}
    reporter.mark_active()
    reported.wait()
    import warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # this test forks a process that has threads
    def fork(function):
        child = os.fork()
        if child == 0:
            reported.clear()
            function()
            os._exit(0)
        os.waitpid(child, 0)
        return child
    fork(lambda: reporter.close())
    worker = fork(lambda: (reporter.mark_active(), reported.wait({WAIT_LIMIT_SECONDS})))
    print(worker, flush=True)
    """)
    *reports, worker = output.splitlines()
    assert [line.split()[0] == worker for line in reports] == [False, True]
