"""The whole circle, as `make demo` runs it: local AWS, the app, a real PostgreSQL, and a backend in front of it."""

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
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from chalicelib.domain.timestamps import parse_time
from dev.local.postgres import PASSWORD, USER
from rds_lifecycle_client import ActivityItem, ActivityReporter, Lifecycle
from rds_lifecycle_client.sqlalchemy import watch
from tests.local.test_load import items
from tests.local.test_make_run import PATIENCE, Answer, Stack, free_ports, running
from tests.postgres import a_folder

# A busy machine may take some seconds from one query to the next, or to make a report.
IDLE_SECONDS = 12
RESTART = "POST /databases/ss-financial-prod/restart"


class Demo:
    """A running `make demo`."""

    def __init__(self, stack: Stack, port: int, postgres_port: int, data: Path) -> None:
        self.stack = stack
        self.port = port
        self.dsn = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{postgres_port}/postgres"
        self.data = data

    def ask(self, method: str, path: str, body: str | None = None) -> Answer:
        """One request to the backend."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        if body is not None:
            request.data = body.encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return Answer(response.status, dict(response.headers), json.loads(response.read()))
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), json.loads(error.read()))

    def postgres_process(self) -> int | None:
        """The process that works on the data folder, None where there is none."""
        lock = next(self.data.glob("*/postmaster.pid"), None)
        if lock is None:
            return None
        number = int(lock.read_text().split()[0])
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return None
        return number

    def restarts_asked(self) -> int:
        """How often the restart route was called."""
        return sum(RESTART in line for line in self.stack.output)

    def health(self) -> str:
        """What the backend's health endpoint says of the database."""
        return str(self.ask("GET", "/health").body["database"])


@contextmanager
def a_demo() -> Iterator[Demo]:
    port, postgres_port = free_ports()
    quick = {
        "DEMO_PORT": str(port),
        "POSTGRES_PORT": str(postgres_port),
        "IDLE_MINUTES": str(IDLE_SECONDS / 60),
        "LOCAL_START_SECONDS": "8",
        "LOCAL_STOP_SECONDS": "1",
        "LOCAL_CHECK_SECONDS": "0.5",
        "RDS_LIFECYCLE_REPORT_SECONDS": "1",
    }
    with a_folder() as data:
        told = "its database sleeps"
        with running("dev.local.demo", told, **quick, POSTGRES_DATA=str(data)) as stack:
            yield Demo(stack, port, postgres_port, data)


def test_asleep_woken_used_idle_asleep_again_and_nothing_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_demo() as demo:
        assert demo.stack.database()["status"] == "stopped"
        assert demo.postgres_process() is None
        assert demo.health() == "asleep"
        twenty_requests_meet_it_asleep(demo)
        it_comes_up_and_answers(demo)
        queries_keep_it_awake(demo)
        a_long_statement_keeps_it_awake(demo, monkeypatch)
        silence_puts_it_to_sleep(demo)
        the_button_brings_it_back_with_its_data(demo)
        everything_ends_with_ctrl_c(demo)


def twenty_at_once(demo: Demo) -> list[Answer]:
    together = threading.Barrier(20)

    def ask(_: int) -> Answer:
        together.wait()
        return demo.ask("GET", "/balances")

    with ThreadPoolExecutor(20) as crowd:
        return list(crowd.map(ask, range(20)))


def twenty_requests_meet_it_asleep(demo: Demo) -> None:
    answers = twenty_at_once(demo)
    assert {answer.status for answer in answers} == {503}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}


def it_comes_up_and_answers(demo: Demo) -> None:
    demo.stack.wait_for_status("available")
    assert demo.postgres_process() is not None
    assert demo.restarts_asked() == 1
    events = [
        event for key, item in items(demo.stack).items() if key.startswith("rds_hist") for event in item["events"]
    ]
    assert [event["event"] for event in events].count("restart-requested") == 1
    assert [answer.status for answer in twenty_at_once(demo)] == [200] * 20, "though the table is not there yet"
    with psycopg.connect(demo.dsn, autocommit=True) as connection:
        for booked in range(1, 41):
            assert demo.ask("POST", "/entries", '{"account": "rent", "amount": "1250.50"}').status == 201
            assert connection.execute("select count(*) from entries").fetchone() == (booked,), "201 is said too early"
    assert demo.ask("POST", "/entries", '{"account": "a\\u0000b", "amount": "1"}').status == 422
    answer = demo.ask("GET", "/balances")
    assert (answer.status, answer.body) == (200, {"rent": "50020.00"})


def queries_keep_it_awake(demo: Demo) -> None:
    first = parse_time(demo.stack.database()["stops_at"])
    moved: set[datetime] = set()
    while max(moved, default=first) < first + timedelta(seconds=IDLE_SECONDS + 2):
        assert demo.ask("GET", "/balances").status == 200
        shown = demo.stack.database()
        assert shown["status"] == "available"
        moved.add(parse_time(shown["stops_at"]))
    assert len(moved) > 2
    assert demo.stack.database()["last_activity_source"] == "query"


def a_long_statement_keeps_it_awake(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{demo.stack.aws_port}")
    item = ActivityItem("system-metadata", "last_rds_query_time")
    lifecycle = Lifecycle(ActivityReporter(item, timedelta(seconds=1)))
    engine = create_engine(demo.dsn.replace("postgresql:", "postgresql+psycopg:"))
    watch(engine, lifecycle)
    began = time.monotonic()
    with engine.connect() as connection:
        connection.execute(text(f"select pg_sleep({IDLE_SECONDS + 3})"))
    assert time.monotonic() - began > IDLE_SECONDS + 2
    assert demo.stack.database()["status"] == "available"
    engine.dispose()
    lifecycle.close()


def silence_puts_it_to_sleep(demo: Demo) -> None:
    restarts = demo.restarts_asked()
    # The backend's pool keeps its connections, and its health endpoint pings the database all the while.
    demo.stack.wait_for(lambda shown: demo.health() == "asleep" and shown["status"] == "stopped", "sleep")
    assert demo.postgres_process() is None
    assert demo.restarts_asked() == restarts, "no health check wakes it"


def the_button_brings_it_back_with_its_data(demo: Demo) -> None:
    # The scheduled check may have been the first to see that a restart was asked for.
    assert demo.ask("POST", "/database/restart").body["message"] in ("RDS instance starting", "RDS already starting")
    demo.stack.wait_for_status("available")
    answer = demo.ask("GET", "/balances")
    assert (answer.status, answer.body) == (200, {"rent": "50020.00"})


def everything_ends_with_ctrl_c(demo: Demo) -> None:
    assert demo.postgres_process() is not None
    demo.stack.process.send_signal(signal.SIGINT)
    assert demo.stack.process.wait(timeout=PATIENCE) == 0
    assert demo.postgres_process() is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", demo.port))
