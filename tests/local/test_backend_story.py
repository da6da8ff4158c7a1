"""One full cycle of `make demo`: local AWS, the app, a real PostgreSQL, and a backend that uses them."""

import json
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from dev.local.postgres import PASSWORD, USER
from rds_lifecycle_client import ActivityItem, ActivityReporter, LifecycleClient
from rds_lifecycle_client.sqlalchemy import instrument_engine
from tests.client.support import WAIT_LIMIT_SECONDS, wait_until
from tests.local.test_load import items
from tests.local.test_make_run import Answer, Stack, free_ports, running
from tests.postgres import a_folder

# Longer than a busy machine takes from one query to the next.
IDLE_SECONDS = 30
RESTART = "POST /databases/ss-financial-prod/restart"


class Demo:
    """A running `make demo`."""

    def __init__(self, stack: Stack, port: int, postgres_port: int, data: Path) -> None:
        self.stack = stack
        self.port = port
        self.dsn = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{postgres_port}/postgres"
        self.data = data

    def request(self, method: str, path: str, body: str | None = None) -> Answer:
        """One request to the backend."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        if body is not None:
            request.data = body.encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=WAIT_LIMIT_SECONDS) as response:
                return Answer(response.status, dict(response.headers), json.loads(response.read()))
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), json.loads(error.read()))

    def postgres_process(self) -> int | None:
        """The id of the process that uses the data folder, or None."""
        lock = next(self.data.glob("*/postmaster.pid"), None)
        if lock is None:
            return None
        number = int(lock.read_text().split()[0])
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return None
        return number

    def restart_requests(self) -> int:
        """The number of calls of the restart route."""
        return sum(RESTART in line for line in self.stack.output)

    def health(self) -> str:
        """The state of the database according to the backend's health endpoint."""
        return str(self.request("GET", "/health").body["database"])


@contextmanager
def running_demo() -> Iterator[Demo]:
    port, postgres_port = free_ports()
    environ = {
        "DEMO_PORT": str(port),
        "POSTGRES_PORT": str(postgres_port),
        "IDLE_MINUTES": str(IDLE_SECONDS / 60),
        "LOCAL_START_SECONDS": "8",
        "LOCAL_STOP_SECONDS": "1",
        "LOCAL_CHECK_SECONDS": "0.5",
        "RDS_LIFECYCLE_REPORT_SECONDS": "1",
        "CONNECT_TIMEOUT_SECONDS": str(WAIT_LIMIT_SECONDS),
    }
    with a_folder() as data:
        ready_line = "Its database is stopped"
        with running("dev.local.demo", ready_line, **environ, POSTGRES_DATA=str(data)) as stack:
            yield Demo(stack, port, postgres_port, data)


def test_demo__stopped_started_used_and_idle__stops_again_without_data_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_demo() as demo:
        assert demo.stack.database()["status"] == "stopped"
        assert demo.postgres_process() is None
        assert demo.health() == "asleep"
        check_requests_while_stopped(demo)
        check_start(demo)
        check_queries_extend_the_idle_timer(demo)
        check_long_statement_extends_the_idle_timer(demo, monkeypatch)
        check_idle_database_stops(demo)
        check_restart_button_keeps_the_data(demo)
        check_ctrl_c_ends_all_processes(demo)


def request_twenty_times(demo: Demo) -> list[Answer]:
    """The responses to twenty concurrent requests."""
    barrier = threading.Barrier(20)

    def request(_: int) -> Answer:
        barrier.wait()
        return demo.request("GET", "/balances")

    with ThreadPoolExecutor(20) as threads:
        return list(threads.map(request, range(20)))


def check_requests_while_stopped(demo: Demo) -> None:
    responses = request_twenty_times(demo)
    assert {response.status for response in responses} == {503}
    assert all(int(response.headers["retry-after"]) > 0 for response in responses)
    assert {response.headers["content-type"] for response in responses} == {"application/problem+json"}


def check_start(demo: Demo) -> None:
    demo.stack.wait_for_status("available")
    assert demo.postgres_process() is not None
    assert demo.restart_requests() == 1
    events = [
        event for key, item in items(demo.stack).items() if key.startswith("rds_hist") for event in item["events"]
    ]
    assert [event["event"] for event in events].count("restart-requested") == 1
    assert [response.status for response in request_twenty_times(demo)] == [200] * 20, "although there is no table yet"
    with psycopg.connect(demo.dsn, autocommit=True) as connection:
        for entries in range(1, 41):
            assert demo.request("POST", "/entries", '{"account": "rent", "amount": "1250.50"}').status == 201
            assert connection.execute("select count(*) from entries").fetchone() == (entries,), "committed before 201"
    assert demo.request("POST", "/entries", '{"account": "a\\u0000b", "amount": "1"}').status == 422
    response = demo.request("GET", "/balances")
    assert (response.status, response.body) == (200, {"rent": "50020.00"})


def stop_times(demo: Demo, count: int) -> Iterator[str]:
    """Yield the source of the last activity, until ``stops_at`` has changed that often."""
    times: set[str] = set()
    deadline = time.monotonic() + WAIT_LIMIT_SECONDS
    while len(times) <= count:
        assert time.monotonic() < deadline, "the idle timer is not extended"
        database = demo.stack.database()
        assert database["status"] == "available"
        times.add(database["stops_at"])
        yield database["last_activity_source"]


def check_queries_extend_the_idle_timer(demo: Demo) -> None:
    sources = []
    for source in stop_times(demo, 4):
        sources.append(source)
        assert demo.request("GET", "/balances").status == 200
    assert sources[-1] == "query"


def check_long_statement_extends_the_idle_timer(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{demo.stack.aws_port}")
    item = ActivityItem("system-metadata", "last_rds_query_time")
    lifecycle = LifecycleClient(ActivityReporter(item, timedelta(seconds=1)))
    engine = create_engine(demo.dsn.replace("postgresql:", "postgresql+psycopg:"))
    instrument_engine(engine, lifecycle)

    def run_statement() -> None:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock_shared(2)"))

    with psycopg.connect(demo.dsn, autocommit=True) as lock_owner, ThreadPoolExecutor(1) as threads:
        lock_owner.execute("select pg_advisory_lock(2)")
        statement = threads.submit(run_statement)
        try:
            # The first changes may come from earlier queries of the backend.
            for _ in stop_times(demo, 4):
                assert not statement.done()
        finally:
            lock_owner.execute("select pg_advisory_unlock(2)")
        statement.result(WAIT_LIMIT_SECONDS)
    engine.dispose()
    lifecycle.close()


def check_idle_database_stops(demo: Demo) -> None:
    requests = demo.restart_requests()
    # Meanwhile the backend's pool keeps its connections, and its health endpoint pings the database.
    wait_until(lambda: demo.health() == "asleep" and demo.stack.database()["status"] == "stopped", "the stop")
    assert demo.postgres_process() is None
    assert demo.restart_requests() == requests, "health checks do not start the database"


def check_restart_button_keeps_the_data(demo: Demo) -> None:
    # The scheduled check may handle the restart request first.
    assert demo.request("POST", "/database/restart").body["message"] in (
        "RDS instance starting",
        "RDS already starting",
    )
    demo.stack.wait_for_status("available")
    response = demo.request("GET", "/balances")
    assert (response.status, response.body) == (200, {"rent": "50020.00"})


def check_ctrl_c_ends_all_processes(demo: Demo) -> None:
    assert demo.postgres_process() is not None
    demo.stack.process.send_signal(signal.SIGINT)
    assert demo.stack.process.wait(timeout=WAIT_LIMIT_SECONDS) == 0
    assert demo.postgres_process() is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", demo.port))
