"""Several worker processes: each reports for itself, once a minute, and once more when it ends."""

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

from dev.local.postgres import LocalPostgres
from tests.client.support import PATIENCE, wait_until
from tests.local.test_make_run import free_ports
from tests.served import ROOT

QUERIES_OF_EACH = 200


@contextmanager
def counting_dynamodb() -> Iterator[tuple[str, Counter[str]]]:
    """A DynamoDB that holds nothing, takes everything, and counts."""
    calls: Counter[str] = Counter()

    class Count(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            calls[self.headers["X-Amz-Target"].split(".")[1]] += 1
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Count) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", calls
        server.shutdown()


def test_two_workers_write_once_each_however_much_they_query(
    postgres: LocalPostgres, record_property: Callable[[str, object], None]
) -> None:
    port, _ = free_ports()
    answered: Counter[int] = Counter()

    def ask(_: int = 0) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE) as response:
            answered[json.loads(response.read())["worker"]] += 1

    def both_are_there() -> bool:
        with suppress(OSError):
            ask()
        return len(answered) == 2

    with counting_dynamodb() as (endpoint, calls):
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "client" / "src"),
            "AWS_ENDPOINT_URL": endpoint,
            "RDS_LIFECYCLE_TABLE": "system-metadata",
            # For a minute, which a busy machine may need for this.
            "RDS_LIFECYCLE_REPORT_SECONDS": "3600",
            "DATABASE_URL": postgres.url.replace("postgresql:", "postgresql+psycopg:"),
        }
        command = [sys.executable, "-m", "uvicorn", "tests.client.two_workers:app", "--workers", "2"]
        backend = subprocess.Popen([*command, "--port", str(port), "--log-level", "warning"], cwd=ROOT, env=environ)
        try:
            wait_until(both_are_there, "the second worker")
            with ThreadPoolExecutor(8) as crowd:
                while min(answered.values()) < QUERIES_OF_EACH:
                    list(crowd.map(ask, range(100)))
            wait_until(lambda: calls["UpdateItem"] >= 2, "a report of each worker")
            while_serving = calls["UpdateItem"]
            # What is reported is a whole second, rounded up: only a query after it has to be reported at the end.
            later, before = time.time() + 1.5, Counter[int]()
            wait_until(lambda: time.time() > later, "the next second")
            before.update(answered)

            def both_have_answered_again() -> bool:
                ask()
                return all(answered[worker] > before[worker] for worker in before)

            wait_until(both_have_answered_again, "one more query of each worker")
        finally:
            backend.send_signal(signal.SIGTERM)
            backend.wait(timeout=PATIENCE)
        assert while_serving == 2
        assert calls["UpdateItem"] == 4, "each reports its last query when it ends"
    record_property(
        "figure", f"2 workers, {sum(answered.values())} queries: {while_serving} writes, and 2 more when they ended"
    )
