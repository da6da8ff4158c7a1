"""However reporting fails, queries are neither delayed nor failed by it: measured on a real PostgreSQL."""

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
from sqlalchemy import Connection, create_engine, text

from dev.local.postgres import LocalPostgres
from rds_lifecycle_client import ActivityItem, ActivityReporter, Lifecycle
from rds_lifecycle_client.model import ActivitySink
from rds_lifecycle_client.sqlalchemy import watch
from tests.client.support import wait_until

QUERIES = 400
ALLOWED_MS = 1.0
# A report that fails takes longer than this where the network is silent; a busy machine takes less from a query.
SLOWEST_ALLOWED_MS = 1000.0


class Watched:
    """A sink that keeps which threads its reports are made on."""

    def __init__(self, sink: ActivitySink) -> None:
        self._sink = sink
        self.threads: set[int] = set()

    def report(self, at: datetime) -> None:
        """Keep the thread, and report."""
        self.threads.add(threading.get_ident())
        self._sink.report(at)


@contextmanager
def refusing(code: str) -> Iterator[str]:
    """A DynamoDB that refuses everything with this error."""

    class Refuse(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "No."}).encode()
            self.send_response(400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuse) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def silent() -> Iterator[str]:
    """A network that swallows everything."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        nobody.listen()
        yield f"http://127.0.0.1:{nobody.getsockname()[1]}"


@contextmanager
def dead() -> Iterator[str]:
    """A port that nobody listens at."""
    yield "http://127.0.0.1:9"


CALAMITIES: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "table gone": lambda: refusing("ResourceNotFoundException"),
    "permission missing": lambda: refusing("AccessDeniedException"),
    "network silent": silent,
    "network dead": dead,
}


def timed(connection: Connection) -> float:
    """How long one query took, in milliseconds."""
    began = time.perf_counter()
    connection.execute(text("select count(*) from pg_class")).scalar()
    return (time.perf_counter() - began) * 1000


@pytest.mark.parametrize("calamity", CALAMITIES)
def test_a_report_that_fails_delays_no_query(
    calamity: str,
    postgres: LocalPostgres,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    url = postgres.url.replace("postgresql:", "postgresql+psycopg:")
    bare, watched = create_engine(url), create_engine(url)
    with CALAMITIES[calamity]() as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        # It fails sixty times a second instead of once a minute.
        sink = Watched(ActivityItem("table", "key"))
        reporter = ActivityReporter(sink, timedelta(seconds=1 / 60))
        watch(watched, Lifecycle(reporter))
        without, with_reports = [], []
        with bare.connect() as one, watched.connect() as other:
            timed(other)
            wait_until(lambda: reporter.failures, "the first failure")
            for _ in range(QUERIES):
                without.append(timed(one))
                with_reports.append(timed(other))
        assert reporter.reports == 0
        reporter.close()
    bare.dispose()
    watched.dispose()
    delay = statistics.median(with_reports) - statistics.median(without)
    slowest = max(with_reports)
    record_property(
        "figure",
        f"{calamity}: {reporter.failures} reports failed during {QUERIES} queries, none of which failed; "
        f"median {statistics.median(without):.3f} ms without, {delay:+.3f} ms with reporting "
        f"({ALLOWED_MS:g} ms allowed); slowest {max(without):.1f} ms without, {slowest:.1f} ms with reporting",
    )
    assert threading.get_ident() not in sink.threads, "no report is made on the thread of a query"
    assert delay < ALLOWED_MS
    assert slowest < SLOWEST_ALLOWED_MS
