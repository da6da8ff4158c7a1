"""Restart requests in the background: at most one per minute, and no query waits for them."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pytest

from rds_lifecycle_client import CannotStart, LifecycleClient, Unavailable, waking
from rds_lifecycle_client.waking import Waker
from tests.client.support import WAIT_LIMIT_SECONDS, CountingRestartTarget, record_joins, wait_until
from tests.served import ROOT
from tests.support import Clock

CONNECTION_FAILURE = psycopg.OperationalError("connection refused")


def test_wake__twenty_threads_at_once__requests_one_restart_per_minute() -> None:
    restart_target, clock = CountingRestartTarget(), Clock()
    waker = Waker(restart_target, clock=clock)
    barrier = threading.Barrier(20)
    results: list[bool] = []

    def wake() -> None:
        barrier.wait()
        results.append(waker.wake())

    threads = [threading.Thread(target=wake) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 19 + [True]
    wait_until(lambda: restart_target.requests == 1, "the request")
    wait_until(lambda: waker.retry_after == 7.0, "the Retry-After of the response")
    clock.advance(seconds=59.9)
    assert not waker.wake()
    clock.advance(seconds=0.1)
    assert waker.wake()
    wait_until(lambda: restart_target.requests == 2, "the second request")


class ObservedLock:
    """A lock that calls a function before each acquisition."""

    def __init__(self, lock: threading.Lock, before_acquire: Callable[[], None]) -> None:
        self._lock = lock
        self._before_acquire = before_acquire

    def __enter__(self) -> None:
        self._before_acquire()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_wake__second_thread_between_check_and_request__requests_one_restart() -> None:
    """The first thread compares the times, and continues only when the second thread has called wake."""
    clock = Clock()
    waker = Waker(CountingRestartTarget(), clock=lambda: clock.now)
    assert waker.wake()
    clock.advance(2)
    results: list[bool] = []
    second_called = threading.Event()
    second = threading.Thread(target=lambda: results.append(waker.wake()))

    def on_call() -> None:
        if threading.current_thread() is second:
            second_called.set()

    class ObservedTime(datetime):
        def __sub__(self, other: datetime) -> timedelta:  # type: ignore[override]
            on_call()
            if not second.ident:
                second.start()
                assert second_called.wait(WAIT_LIMIT_SECONDS)
            return datetime.__sub__(self, other)

    waker._lock = ObservedLock(waker._lock, on_call)  # type: ignore[assignment]
    clock.now = ObservedTime.fromisoformat(clock.now.isoformat())
    results.append(waker.wake())
    second.join()
    assert sorted(results) == [False, True]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Unavailable("no response", 3.0), id="unavailable"),
        pytest.param(CannotStart("storage is full"), id="cannot-start"),
        pytest.param(ZeroDivisionError(), id="unexpected"),
    ],
)
def test_wake__request_fails__logs_the_error(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    assert Waker(CountingRestartTarget(error)).wake()
    wait_until(lambda: caplog.messages, "the log line")
    assert "the restart request failed" in caplog.text
    assert type(error).__name__ in caplog.text or str(error) in caplog.text


def test_is_waking__after_16_minutes__is_false() -> None:
    clock = Clock()
    waker = Waker(CountingRestartTarget(), clock=clock)
    waker.wake()
    assert waker.is_waking
    clock.advance(16)
    assert not waker.is_waking


def test_handle_error__restart_target_does_not_respond__returns_at_once() -> None:
    restart_target = CountingRestartTarget()
    restart_target.may_respond.clear()
    lifecycle = LifecycleClient(restart_target=restart_target)
    assert lifecycle.handle_error(CONNECTION_FAILURE)
    assert restart_target.requests == 0, "it has returned before the response"
    restart_target.may_respond.set()
    wait_until(lambda: restart_target.requests == 1, "the response")


def test_exit__request_in_progress__waits_up_to_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    restart_target = CountingRestartTarget()
    restart_target.may_respond.clear()
    waker = Waker(restart_target)
    waker.wake()
    timeouts = record_joins(monkeypatch, before_join=restart_target.may_respond.set)
    waking._close_all()
    assert restart_target.requests == 1
    assert set(timeouts) == {5.0}


def test_wake__no_thread_can_be_started__is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert LifecycleClient(restart_target=CountingRestartTarget()).handle_error(CONNECTION_FAILURE)
    assert "no thread can be started" in caplog.text


def test_handle_error__other_error_or_waking_disabled__requests_no_restart() -> None:
    restart_target = CountingRestartTarget()
    lifecycle = LifecycleClient(restart_target=restart_target)
    assert not lifecycle.handle_error(ValueError("x"))
    with lifecycle.without_waking():
        assert lifecycle.handle_error(CONNECTION_FAILURE)
    assert lifecycle.restart_requested_at is None


def test_track_activity__connection_failure__requests_a_restart() -> None:
    restart_target = CountingRestartTarget()
    with pytest.raises(psycopg.OperationalError), LifecycleClient(restart_target=restart_target).track_activity():
        raise CONNECTION_FAILURE
    wait_until(lambda: restart_target.requests == 1, "the request")


def test_handle_error__without_a_restart_target__only_classifies() -> None:
    lifecycle = LifecycleClient()
    assert lifecycle.handle_error(CONNECTION_FAILURE)
    assert not lifecycle.wake()
    assert (lifecycle.restart_requested_at, lifecycle.retry_after) == (None, 10.0)


SCRIPT = """
import psycopg
from rds_lifecycle_client import LifecycleClient
lifecycle = LifecycleClient.from_environment()
try:
    with lifecycle.track_activity():
        psycopg.connect("host=127.0.0.1 port=9")
except psycopg.OperationalError:
    print("unavailable")
"""


def test_script__connection_failure__sends_the_restart_request_before_it_exits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths: list[str] = []

    class FakeLambda(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            paths.append(self.path)
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    # The real limit of 5 s may be too short on a busy machine.
    longer_limit = f"from rds_lifecycle_client import waking\nwaking._CLOSE_TIMEOUT_SECONDS = {WAIT_LIMIT_SECONDS}\n"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RDS_LIFECYCLE_"))}
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeLambda) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environ |= {
            "PYTHONPATH": str(ROOT / "client" / "src"),
            "RDS_LIFECYCLE_FUNCTION": "start_database",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        command = [sys.executable, "-c", longer_limit + SCRIPT]
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=WAIT_LIMIT_SECONDS, check=True
        )
        server.shutdown()
    assert done.stdout == "unavailable\n"
    assert paths == ["/2015-03-31/functions/start_database/invocations"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_wake__in_a_forked_child__requests_a_restart_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    waker = Waker(CountingRestartTarget())
    assert waker.wake()
    child = os.fork()
    if child == 0:
        os._exit(0 if waker.wake() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
