"""Several worker processes: each reports its own activity once per interval, and once more when it exits."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from dev.local.postgres import LocalPostgres
from tests.client.support import WAIT_LIMIT_SECONDS, wait_until
from tests.local.test_make_run import free_ports
from tests.served import ROOT

QUERIES_PER_WORKER = 50


@contextmanager
def counting_dynamodb() -> Iterator[tuple[str, Counter[str]]]:
    """A DynamoDB without items that accepts and counts every call."""
    calls: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            calls[self.headers["X-Amz-Target"].split(".")[1]] += 1
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", calls
        server.shutdown()


@pytest.mark.timeout(5 * WAIT_LIMIT_SECONDS)
def test_two_workers__many_queries__write_once_each_and_once_more_at_exit(
    postgres: LocalPostgres, record_property: Callable[[str, object], None]
) -> None:
    port, _ = free_ports()
    queries: Counter[int] = Counter()

    def query(_: int = 0) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=WAIT_LIMIT_SECONDS) as response:
            queries[json.loads(response.read())["worker"]] += 1

    def both_respond() -> bool:
        with suppress(OSError):
            query()
        return len(queries) == 2

    with counting_dynamodb() as (endpoint, calls):
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "client" / "src"),
            "AWS_ENDPOINT_URL": endpoint,
            "RDS_LIFECYCLE_TABLE": "system-metadata",
            # An interval that does not end during the test.
            "RDS_LIFECYCLE_REPORT_SECONDS": "3600",
            "DATABASE_URL": postgres.url.replace("postgresql:", "postgresql+psycopg:"),
        }
        command = [sys.executable, "-m", "uvicorn", "tests.client.two_workers:app", "--workers", "2"]
        backend = subprocess.Popen([*command, "--port", str(port), "--log-level", "warning"], cwd=ROOT, env=environ)
        try:
            wait_until(both_respond, "the second worker")
            with ThreadPoolExecutor(8) as threads:
                while min(queries.values()) < QUERIES_PER_WORKER:
                    list(threads.map(query, range(50)))
            wait_until(lambda: calls["UpdateItem"] >= 2, "a report of each worker")
            writes_while_serving = calls["UpdateItem"]
            # A report covers the whole second, rounded up. Only a query after it is reported at exit.
            next_second, before = time.time() + 1.5, Counter[int]()
            wait_until(lambda: time.time() > next_second, "the next second")
            before.update(queries)

            def both_respond_again() -> bool:
                query()
                return all(queries[worker] > before[worker] for worker in before)

            wait_until(both_respond_again, "one more query of each worker")
        finally:
            backend.send_signal(signal.SIGTERM)
            backend.wait(timeout=WAIT_LIMIT_SECONDS)
        assert writes_while_serving == 2
        assert calls["UpdateItem"] == 4, "each worker reports its last query when it exits"
    record_property(
        "figure",
        f"2 workers, {sum(queries.values())} queries: {writes_while_serving} writes, and 2 more when they exited",
    )
