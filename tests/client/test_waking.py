"""However many meet the database asleep, it is woken once a minute, and nobody waits for that."""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pytest

from rds_lifecycle_client import CannotStart, LifecycleClient, Unavailable, waking
from rds_lifecycle_client.waking import Waker
from tests.client.support import PATIENCE, Counting, wait_until
from tests.served import ROOT
from tests.support import Clock

DOWN = psycopg.OperationalError("connection refused")


def test_twenty_threads_at_once_ask_once_and_again_after_a_minute() -> None:
    restart_target, clock = Counting(), Clock()
    waker = Waker(restart_target, clock=clock)
    together = threading.Barrier(20)
    asked: list[bool] = []

    def meet_it_asleep() -> None:
        together.wait()
        asked.append(waker.wake())

    threads = [threading.Thread(target=meet_it_asleep) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(asked) == [False] * 19 + [True]
    wait_until(lambda: restart_target.asked == 1, "the request")
    wait_until(lambda: waker.retry_after == 7.0, "the answer's Retry-After")
    clock.advance(seconds=59.9)
    assert not waker.wake()
    clock.advance(seconds=0.1)
    assert waker.wake()
    wait_until(lambda: restart_target.asked == 2, "the second request")


class Told:
    """A lock that tells who comes to it."""

    def __init__(self, lock: threading.Lock, come: Callable[[], None]) -> None:
        self._lock = lock
        self._come = come

    def __enter__(self) -> None:
        self._come()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_nobody_comes_between_looking_and_asking() -> None:
    """One looks when it was asked last; only when another has come, too, it goes on."""
    restart_target, clock = Counting(), Clock()
    waker = Waker(restart_target, clock=lambda: clock.now)
    assert waker.wake()
    clock.advance(2)
    asked: list[bool] = []
    other_came = threading.Event()
    other = threading.Thread(target=lambda: asked.append(waker.wake()))

    def come() -> None:
        if threading.current_thread() is other:
            other_came.set()

    class Looking(datetime):
        def __sub__(self, before: datetime) -> timedelta:  # type: ignore[override]
            come()
            if not other.ident:
                other.start()
                assert other_came.wait(PATIENCE)
            return datetime.__sub__(self, before)

    waker._lock = Told(waker._lock, come)  # type: ignore[assignment]
    clock.now = Looking.fromisoformat(clock.now.isoformat())
    asked.append(waker.wake())
    other.join()
    assert sorted(asked) == [False, True]


@pytest.mark.parametrize("fault", [Unavailable("no answer", 3.0), CannotStart("storage is full"), ZeroDivisionError()])
def test_what_becomes_of_it_is_logged_and_raised_to_nobody(fault: Exception, caplog: pytest.LogCaptureFixture) -> None:
    restart_target = Counting(fault)
    assert Waker(restart_target).wake()
    wait_until(lambda: caplog.messages, "the log line")
    assert "could not be woken" in caplog.text
    assert type(fault).__name__ in caplog.text or str(fault) in caplog.text


def test_what_was_asked_for_long_ago_is_not_under_way() -> None:
    clock = Clock()
    waker = Waker(Counting(), clock=clock)
    waker.wake()
    assert waker.is_waking
    clock.advance(16)
    assert not waker.is_waking


def test_nobody_waits_for_a_door_that_does_not_answer() -> None:
    restart_target = Counting()
    restart_target.may_answer.clear()
    lifecycle = LifecycleClient(restart_target=restart_target)
    began = time.monotonic()
    assert lifecycle.handle_error(DOWN)
    assert time.monotonic() - began < PATIENCE / 2
    assert restart_target.asked == 0
    restart_target.may_answer.set()
    wait_until(lambda: restart_target.asked == 1, "the answer")


def test_a_request_that_is_under_way_is_waited_for_at_the_end() -> None:
    restart_target = Counting()
    restart_target.may_answer.clear()
    waker = Waker(restart_target)
    waker.wake()
    threading.Timer(0.1, restart_target.may_answer.set).start()
    waking._close_all()
    assert restart_target.asked == 1


def test_where_no_thread_can_be_started_the_request_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert LifecycleClient(restart_target=Counting()).handle_error(DOWN)
    assert "no thread is left to wake it" in caplog.text


def test_only_what_means_down_wakes_and_nothing_does_within_a_health_check() -> None:
    restart_target = Counting()
    lifecycle = LifecycleClient(restart_target=restart_target)
    assert not lifecycle.handle_error(ValueError("x"))
    with lifecycle.without_waking():
        assert lifecycle.handle_error(DOWN)
    assert lifecycle.restart_requested_at is None
    with pytest.raises(psycopg.OperationalError), lifecycle.track_activity():
        raise DOWN
    wait_until(lambda: restart_target.asked == 1, "the request")


def test_a_backend_that_may_only_report_tells_down_but_wakes_nothing() -> None:
    lifecycle = LifecycleClient()
    assert lifecycle.handle_error(DOWN)
    assert not lifecycle.wake()
    assert (lifecycle.restart_requested_at, lifecycle.retry_after) == (None, 10.0)


A_SCRIPT = """
import psycopg, time
from rds_lifecycle_client import LifecycleClient
lifecycle = LifecycleClient.from_environment()
try:
    with lifecycle.track_activity():
        psycopg.connect("host=127.0.0.1 port=9")
except psycopg.OperationalError:
    print("asleep")
"""


def script(port: int) -> float:
    """Runs a script that meets the database asleep; returns how many seconds it took."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RDS_LIFECYCLE_"))}
    environ |= {
        "PYTHONPATH": str(ROOT / "client" / "src"),
        "RDS_LIFECYCLE_FUNCTION": "start_database",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    began = time.monotonic()
    out = subprocess.run(
        [sys.executable, "-c", A_SCRIPT], env=environ, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert out == "asleep\n"
    return time.monotonic() - began


def test_a_script_that_meets_it_asleep_has_woken_it_when_it_ends() -> None:
    asked: list[str] = []

    class Lambda(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.path)
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Lambda) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        script(server.server_port)
        server.shutdown()
    assert asked == ["/2015-03-31/functions/start_database/invocations"]


def test_a_script_does_not_wait_for_a_silent_network_when_it_ends() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        # Of these 5 s are spent at the end; an answer would be given 30 s.
        assert 4 < script(silent.getsockname()[1]) < 28


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_worker_asks_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    waker = Waker(Counting())
    assert waker.wake()
    child = os.fork()
    if child == 0:
        os._exit(0 if waker.wake() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
