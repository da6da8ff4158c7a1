"""Failing reports neither delay queries nor make them fail, on a real PostgreSQL."""

import json
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.config import Config
from sqlalchemy import Connection, Engine, create_engine, text

from dev.local.postgres import LocalPostgres
from rds_lifecycle_client import ActivityItem, ActivityReporter, LifecycleClient, activity_item
from rds_lifecycle_client.model import ActivitySink
from rds_lifecycle_client.sqlalchemy import instrument_engine
from tests.client.support import WAIT_LIMIT_SECONDS, wait_until

QUERIES = 200


class ThreadRecordingSink:
    """Records the threads that report."""

    def __init__(self, sink: ActivitySink) -> None:
        self._sink = sink
        self.threads: set[int] = set()

    def report(self, at: datetime) -> None:
        """Record the thread, and report."""
        self.threads.add(threading.get_ident())
        self._sink.report(at)


class BlockingSink:
    """A sink whose report does not return before ``may_return`` is set."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.may_return = threading.Event()

    def report(self, at: datetime) -> None:
        """Block."""
        self.began.set()
        assert self.may_return.wait(WAIT_LIMIT_SECONDS)


@contextmanager
def dynamodb_with_error(code: str) -> Iterator[str]:
    """The URL of a DynamoDB that answers every request with this error."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "No."}).encode()
            self.send_response(400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def unresponsive_port() -> Iterator[str]:
    """The URL of a port that accepts connections and does not respond."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def closed_port() -> Iterator[str]:
    """The URL of a port that refuses connections."""
    yield "http://127.0.0.1:9"


FAILURES: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "table-deleted": lambda: dynamodb_with_error("ResourceNotFoundException"),
    "permission-missing": lambda: dynamodb_with_error("AccessDeniedException"),
    "no-response": unresponsive_port,
    "connection-refused": closed_port,
}


def query_milliseconds(connection: Connection) -> float:
    """Run one query and return its duration."""
    began_at = time.perf_counter()
    connection.execute(text("select count(*) from pg_class")).scalar()
    return (time.perf_counter() - began_at) * 1000


@pytest.fixture
def engines(postgres: LocalPostgres) -> Iterator[tuple[Engine, Engine]]:
    """Two engines, the second of which the tests instrument."""
    url = postgres.url.replace("postgresql:", "postgresql+psycopg:")
    plain, instrumented = create_engine(url), create_engine(url)
    yield plain, instrumented
    plain.dispose()
    instrumented.dispose()


def test_query__report_in_progress__does_not_wait_for_it(engines: tuple[Engine, Engine]) -> None:
    engine = engines[1]
    sink = BlockingSink()
    reporter = ActivityReporter(sink, timedelta(milliseconds=1))
    instrument_engine(engine, LifecycleClient(reporter))
    with engine.connect() as connection:
        query_milliseconds(connection)
        assert sink.began.wait(WAIT_LIMIT_SECONDS)
        for _ in range(QUERIES):
            query_milliseconds(connection)
    assert (reporter.reports, reporter.failures) == (0, 0), "the first report is still in progress"
    sink.may_return.set()
    reporter.close()


@pytest.mark.parametrize("failure", FAILURES)
def test_query__reports_fail__succeeds_and_makes_no_report_itself(
    failure: str,
    engines: tuple[Engine, Engine],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    plain, instrumented = engines
    with FAILURES[failure]() as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        # Reports fail up to sixty times a second instead of once a minute, and time out sooner.
        monkeypatch.setattr(activity_item, "_CONFIG", activity_item._CONFIG.merge(Config(read_timeout=0.1)))
        sink = ThreadRecordingSink(ActivityItem("table", "key"))
        reporter = ActivityReporter(sink, timedelta(seconds=1 / 60))
        instrument_engine(instrumented, LifecycleClient(reporter))
        without_reports, with_reports = [], []
        with plain.connect() as baseline, instrumented.connect() as subject:
            query_milliseconds(subject)
            wait_until(lambda: reporter.failures, "the first failure")
            for _ in range(QUERIES):
                without_reports.append(query_milliseconds(baseline))
                with_reports.append(query_milliseconds(subject))
        assert reporter.reports == 0
        reporter.close()
    # Reported, not asserted: the durations depend on what else the machine does.
    ratio = statistics.median(with_reports) / statistics.median(without_reports)
    record_property(
        "figure",
        f"{failure}: {reporter.failures} reports failed during {QUERIES} queries, and no query failed; "
        f"median duration with reports: {ratio:.2f} x without reports",
    )
    assert len(with_reports) == QUERIES
    assert threading.get_ident() not in sink.threads, "the thread of a query makes no report"
