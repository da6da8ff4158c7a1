"""Activity is reported at most once an interval, while it lasts, at the end, and never at the expense of a query."""

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
from tests.client.support import SOON, Remembering, wait_until
from tests.served import ROOT
from tests.support import NOW, Clock

HOUR = timedelta(hours=1)


def test_the_first_use_is_reported_at_once_and_no_other_within_the_interval() -> None:
    sink, clock = Remembering(), Clock()
    reporter = ActivityReporter(sink, HOUR, clock)
    reporter.mark_active()
    wait_until(lambda: sink.reported, "the first report")
    for _ in range(1000):
        clock.advance(seconds=0.05)
        reporter.mark_active()
    assert sink.reported == [NOW]
    reporter.close()
    assert sink.reported == [NOW, clock.now], "the end reports the latest"


def test_after_the_interval_the_latest_use_is_reported() -> None:
    sink, clock = Remembering(), Clock()
    reporter = ActivityReporter(sink, SOON, clock)
    reporter.mark_active()
    wait_until(lambda: sink.reported, "the first report")
    clock.advance(seconds=10)
    reporter.mark_active()
    wait_until(lambda: sink.reported[-1] == clock.now, "the second report")
    reporter.close()
    assert sink.reported == [NOW, clock.now], "what was reported is not reported again"


def test_a_use_within_a_second_that_was_reported_is_not_reported_again() -> None:
    sink, clock = Remembering(), Clock(NOW + timedelta(milliseconds=100))
    reporter = ActivityReporter(sink, HOUR, clock)
    reporter.mark_active()
    wait_until(lambda: reporter.reports, "the first report")
    clock.advance(seconds=0.8)
    reporter.mark_active()
    reporter.close()
    assert sink.reported == [NOW + timedelta(milliseconds=100)], "it was written as the end of that second"


def test_a_statement_is_use_for_as_long_as_it_runs() -> None:
    sink, clock = Remembering(), Clock()
    reporter = ActivityReporter(sink, SOON, clock)
    with reporter.track_activity():
        for minutes in range(1, 4):
            clock.advance(1)
            wait_until(lambda: sink.reported and sink.reported[-1] == clock.now, f"a report after {minutes} minutes")
        clock.advance(1)
    ended_at = clock.now
    wait_until(lambda: sink.reported[-1] == ended_at, "a report of the end")
    clock.advance(60)
    reporter.close()
    assert sink.reported[-1] == ended_at, "silence is not reported"


def test_a_block_that_meets_the_database_down_was_no_use() -> None:
    sink, clock = Remembering(), Clock()
    lifecycle = LifecycleClient(ActivityReporter(sink, timedelta(minutes=1), clock))

    def fails(error: Exception) -> None:
        with lifecycle.without_waking(), lifecycle.track_activity():
            lifecycle.report()
            raise error

    for _ in range(3):
        with pytest.raises(psycopg.OperationalError):
            fails(psycopg.OperationalError("connection refused"))
    assert sink.reported == []
    with pytest.raises(ZeroDivisionError):
        fails(ZeroDivisionError())
    lifecycle.close()
    assert sink.reported == [NOW], "another fault comes after the connection"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_sink_that_ends_its_thread_does_not_end_the_reports() -> None:
    sink, clock = Remembering(), Clock()
    sink.fault = SystemExit(1)
    reporter = ActivityReporter(sink, SOON, clock)
    reporter.mark_active()
    wait_until(lambda: reporter._thread and not reporter._thread.is_alive(), "the end of the thread")
    sink.fault = None
    reporter.mark_active()
    wait_until(lambda: sink.reported, "the report of another thread")
    reporter.close()


def test_a_statement_whose_end_nobody_tells_ends_when_nobody_holds_it() -> None:
    sink, clock = Remembering(), Clock()
    reporter = ActivityReporter(sink, HOUR, clock)

    class Context:
        pass

    context = Context()
    reporter.begin(context)
    wait_until(lambda: sink.reported, "the first report")
    del context
    clock.advance(60)
    reporter.close()
    assert sink.reported == [NOW]


def test_a_report_that_fails_is_made_again_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rds_lifecycle_client")
    sink, clock = Remembering(), Clock()
    sink.fault = PermissionError("no dynamodb:UpdateItem")
    reporter = ActivityReporter(sink, SOON, clock)
    reporter.mark_active()
    wait_until(lambda: reporter.failures >= 3, "three failures")
    [told] = caplog.messages
    assert "may stop the database while it is used" in told
    assert "PermissionError: no dynamodb:UpdateItem" in told
    sink.fault = None
    wait_until(lambda: sink.reported, "the report")
    wait_until(lambda: len(caplog.messages) == 2, "the good news")
    assert caplog.messages[1] == "Database activity is reported again."
    assert (sink.reported, reporter.reports, reporter.failures_in_a_row) == ([NOW], 1, 0)
    reporter.close()


def test_a_query_does_not_fail_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Remembering()
    reporter = ActivityReporter(sink, HOUR)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with reporter.track_activity():
            pass
    assert reporter.failures > 0
    reporter.mark_active()
    wait_until(lambda: sink.reported, "the report, once there are threads again")
    reporter.close()


def test_what_is_used_after_the_end_starts_nothing_anew() -> None:
    sink = Remembering()
    reporter = ActivityReporter(sink, HOUR)
    reporter.close()
    with reporter.track_activity():
        assert reporter._thread is None
    assert sink.reported == []


def python(code: str) -> str:
    return run([sys.executable, "-W", "error", "-c", textwrap.dedent(code)])


def run(command: list[str]) -> str:
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'client' / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


A_REPORTER = """
    import os
    from datetime import timedelta
    from rds_lifecycle_client import ActivityReporter
    class Sink:
        def report(self, at):
            os.write(1, f"{os.getpid()} {at:%H:%M:%S.%f}\\n".encode())
            told.set()
    import itertools, threading
    from datetime import datetime, UTC
    told = threading.Event()
    minutes = itertools.count()
    reporter = ActivityReporter(Sink(), timedelta(hours=1), lambda: datetime(2026, 3, 2, 9, next(minutes), tzinfo=UTC))
"""


def test_the_last_use_is_reported_when_the_process_ends() -> None:
    out = python(f"""{A_REPORTER}
    reporter.mark_active()
    told.wait()
    reporter.mark_active()
    """)
    assert len(out.splitlines()) == 2


def test_a_process_whose_report_hangs_ends_after_five_seconds() -> None:
    out = python("""
    import atexit, threading, time
    atexit.register(lambda: print(time.monotonic() - ends_at))  # the first to be registered is the last to be called
    import multiprocessing.util  # which has an end of its own
    from rds_lifecycle_client import ActivityReporter
    begun = threading.Event()
    class Silent:
        def report(self, at):
            begun.set()
            threading.Event().wait()
    reporter = ActivityReporter(Silent())
    reporter.mark_active()
    begun.wait()
    ends_at = time.monotonic()
    """)
    assert 4 < float(out) < 9


def test_a_process_that_used_nothing_reports_nothing_and_ends_at_once() -> None:
    assert python(A_REPORTER) == ""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_of_multiprocessing_reports_its_last_use(method: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""{A_REPORTER}
    def work():
        reporter.mark_active()
        told.wait()
        reporter.mark_active()
    if __name__ == "__main__":
        import multiprocessing
        worker = multiprocessing.get_context({method!r}).Process(target=work)
        worker.start()
        worker.join()
    """)
    )
    assert len(run([sys.executable, "-W", "error", str(script)]).splitlines()) == 2


def test_a_forked_worker_reports_for_itself_and_only_what_it_did() -> None:
    out = python(f"""{A_REPORTER}
    reporter.mark_active()
    told.wait()
    import warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads is what is tested
    def fork(work):
        child = os.fork()
        if child == 0:
            told.clear()
            work()
            os._exit(0)
        os.waitpid(child, 0)
        return child
    fork(lambda: reporter.close())
    worker = fork(lambda: (reporter.mark_active(), told.wait(10)))
    print(worker, flush=True)
    """)
    reports, worker = out.splitlines()[:-1], out.splitlines()[-1]
    assert [line.split()[0] == worker for line in reports] == [False, True]
