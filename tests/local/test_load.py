"""Fifty concurrent clients of `make run`: one start, a response to every request, and no lost update."""

import http.client
import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chalicelib.aws.records import from_attributes
from chalicelib.domain.timestamps import parse_time
from tests.local.test_make_run import PATIENCE, Stack, running

CLIENTS = 50
URL = "/databases/ss-financial-prod"
READ = [("GET", URL, "viewer"), ("GET", "/databases", "viewer")]
RESTART, REPORT = ("POST", f"{URL}/restart", "operator"), ("POST", f"{URL}/activity", "reporter")
HOLD, END_HOLD = ("PUT", f"{URL}/hold", "operator"), ("DELETE", f"{URL}/hold", "operator")
# The history of a day holds 500 events, and this test needs every one of them.
HOLDS_PER_CLIENT = 2

Request = tuple[str, str, str]


@dataclass
class Load:
    """The responses to all clients. Appending to a list is thread-safe."""

    port: int
    answers: list[tuple[Request, int, float]] = field(default_factory=list)
    reports: list[datetime] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def client(self, number: int) -> None:
        """One client: a restart, then the others in random order; every second client opens a connection for each."""
        chance = random.Random(number)  # noqa: S311 - spreads requests, no secret
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        holds = [HOLD, END_HOLD] * HOLDS_PER_CLIENT
        requests: list[Request | None] = [*READ * 2, RESTART, RESTART, REPORT, REPORT, REPORT, *[None for _ in holds]]
        chance.shuffle(requests)
        for request in [RESTART, *requests]:
            self._ask(connection, request or holds.pop(0))
            if number % 2:
                connection.close()
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, request: Request) -> None:
        method, path, role = request
        headers = {"Authorization": f"Bearer local-{role}", "Content-Type": "application/json"}
        began, sent_at = time.monotonic(), datetime.now(UTC)
        try:
            connection.request(method, path, body='{"hours": 1}' if request == HOLD else None, headers=headers)
            response = connection.getresponse()
            body = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as failure:
            self.failures.append(f"{method} {path}: {failure!r}")
            connection.close()
            return
        self.answers.append((request, response.status, time.monotonic() - began))
        if response.status >= 300:
            self.failures.append(f"{method} {path}: {response.status} {body}")
        elif request == REPORT:
            self.reports.append(sent_at)

    def count(self, request: Request) -> int:
        """The number of responses to these requests."""
        return sum(asked == request for asked, _, _ in self.answers)

    def figures(self) -> dict[str, Any]:
        """Numbers of requests, and response times in milliseconds."""
        times = sorted(round(seconds * 1000) for _, _, seconds in self.answers)
        return {
            "clients": CLIENTS,
            "requests": len(times),
            "errors": len(self.failures),
            "p50_ms": times[len(times) // 2],
            "p95_ms": times[len(times) * 95 // 100],
            "max_ms": times[-1],
            **{
                f"{method} {path}": n for (method, path, _), n in Counter(asked for asked, _, _ in self.answers).items()
            },
        }


def test_make_run__with_fifty_concurrent_clients__starts_once_and_loses_nothing(
    record_property: Callable[[str, object], None],
) -> None:
    settings = {"LOCAL_START_SECONDS": "5", "LOCAL_CHECK_SECONDS": "2", "IDLE_MINUTES": "5"}
    with running(**settings) as stack:
        load = Load(stack.port)
        revisions = under_load(stack, load)
        for name, value in load.figures().items():
            record_property(name, value)
            print(f"{name}: {value}")  # noqa: T201 - shown with -s
        assert load.failures == []
        shown = stack.wait_for_status("available")
        table = items(stack)
        stack.process.send_signal(signal.SIGINT)
        assert stack.process.wait(timeout=PATIENCE) == 0

    days = [item for key, item in sorted(table.items()) if key.startswith("rds_history/")]
    events = [event for day in days for event in day["events"]]
    recorded = Counter(event["event"] for event in events)
    assert recorded["starting"] == recorded["restart-requested"] == recorded["available"] == 1
    assert sum("stopped → starting" in line for line in stack.output) == 1, "RDS received one start request"
    assert not stack.printed("Traceback")

    assert load.reports
    assert parse_time(table["last_rds_query_time"]["value"]) >= max(load.reports)
    assert parse_time(shown["last_activity_at"]) >= max(load.reports).replace(microsecond=0)

    assert revisions == sorted(revisions)
    assert recorded["hold-set"] == load.count(HOLD) > 0, "every accepted hold is in the history"
    assert 0 < recorded["hold-ended"] <= load.count(END_HOLD)
    assert shown["hold_until"] == replayed(events)
    assert table["rds_lifecycle/ss-financial-prod"]["revision"] >= recorded["hold-set"] + recorded["hold-ended"]


def under_load(stack: Stack, load: Load) -> list[int]:
    """Run the clients against the stopped database, and read the record's revision until they end."""
    assert stack.database()["status"] == "stopped"
    clients = [threading.Thread(target=load.client, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    revisions = []
    for client in clients:
        while client.is_alive():
            client.join(timeout=0.5)
            revisions.append(int(items(stack).get("rds_lifecycle/ss-financial-prod", {"revision": 0})["revision"]))
    return revisions


def items(stack: Stack) -> dict[str, dict[str, Any]]:
    """The metadata table, by key."""
    found = map(from_attributes, stack.client("dynamodb").scan(TableName="system-metadata")["Items"])
    return {str(item["key"]): item for item in found}


def replayed(events: list[dict[str, Any]]) -> str | None:
    """The hold that remains after all events in their order; each end must follow a hold."""
    held: str | None = None
    for event in events:
        if event["event"] == "hold-set":
            held = event["detail"].removeprefix("Kept available until ").removesuffix(".")
        elif event["event"] == "hold-ended":
            assert held is not None, "a hold was lost"
            held = None
    return held
