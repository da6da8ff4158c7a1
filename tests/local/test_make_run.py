"""`make run` with real processes and real HTTP; the tests wait for conditions only."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.served import ROOT

# Only a process that hangs reaches this limit.
PATIENCE = 120.0


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


@dataclass
class Answer:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Stack:
    """The running local stack."""

    process: "subprocess.Popen[str]"
    port: int
    aws_port: int
    output: list[str]

    def call(self, method: str, path: str, token: str | None = "local-operator", body: str | None = None) -> Answer:
        """One HTTP request."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        if body is not None:
            request.data = body.encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return Answer(response.status, dict(response.headers), json.loads(response.read()))
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), json.loads(error.read()))

    def client(self, service: str) -> Any:
        """A boto3 client of the simulated AWS."""
        make: Any = boto3.client
        return make(service, endpoint_url=f"http://127.0.0.1:{self.aws_port}")

    def database(self) -> dict[str, Any]:
        """The current state of the database."""
        shown: dict[str, Any] = self.call("GET", "/databases/ss-financial-prod", "local-viewer").body
        return shown

    def wait_for(self, condition: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Wait until the condition holds."""
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            shown = self.database()
            if condition(shown):
                return shown
            threading.Event().wait(0.1)
        raise AssertionError(f"timeout while waiting for {what}:\n" + "".join(self.output))

    def wait_for_status(self, status: str) -> dict[str, Any]:
        """Wait until the database has this status."""
        return self.wait_for(lambda shown: shown["status"] == status, status)

    def wait_for_line(self, text: str) -> None:
        """Wait until a line with this text is printed."""
        self.wait_for(lambda _: self.printed(text), text)

    def printed(self, text: str) -> bool:
        """Whether a line with this text was printed."""
        return any(text in line for line in self.output)


@contextmanager
def running(module: str = "dev.local.serve", ready: str = "Press Ctrl-C to end", **environ: str) -> Iterator[Stack]:
    """Run it until the end of the block; it prints ``ready`` when it is ready."""
    port, aws_port = free_ports()
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={**os.environ, "PORT": str(port), "LOCAL_AWS_PORT": str(aws_port), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    stack = Stack(process, port, aws_port, [])
    served = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            stack.output.append(line)
            if ready in line:
                served.set()
        served.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert served.wait(PATIENCE), "".join(stack.output)
        assert process.poll() is None, "".join(stack.output)
        yield stack
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        process.wait(timeout=PATIENCE)
        reader.join(timeout=PATIENCE)
        assert process.stdout is not None
        process.stdout.close()


URL = "/databases/ss-financial-prod"
QUICK = {
    "IDLE_MINUTES": "0.05",
    "LOCAL_START_SECONDS": "1.5",
    "LOCAL_STOP_SECONDS": "1.5",
    "LOCAL_CHECK_SECONDS": "0.5",
    # Settings of the user's machine, which must have no effect.
    "AWS_PROFILE": "unknown",
    "AWS_ENDPOINT_URL_RDS": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
}
# Times within which a loaded machine answers a few requests.
IDLE_SECONDS = 12
STORY = {
    **QUICK,
    "IDLE_MINUTES": str(IDLE_SECONDS / 60),
    "LOCAL_START_SECONDS": "6",
    "LOCAL_STOP_SECONDS": "8",
}


def test_make_run__serves_the_complete_lifecycle() -> None:
    with running(**STORY) as stack:
        assert stack.database()["status"] == "stopped"
        assert stack.call("GET", URL, token=None).status == 401
        assert stack.call("POST", f"{URL}/restart", "local-viewer").status == 403
        unknown = stack.call("GET", "/databases/nope")
        assert (unknown.status, unknown.headers["Content-Type"]) == (404, "application/problem+json")

        first = stack.call("POST", f"{URL}/restart")
        assert (first.status, first.body["message"]) == (202, "RDS instance starting")
        assert first.headers["Location"] == URL
        assert int(first.headers["Retry-After"]) > 0
        assert stack.call("POST", f"{URL}/restart").body["message"] == "RDS already starting"
        up = stack.wait_for_status("available")
        assert up["ready"]
        assert up["stops_at"] is not None
        assert stack.call("POST", f"{URL}/restart").status == 200

        stack.wait_for_status("stopping")
        stack.wait_for_line("decision  ss-financial-prod is running: stop (idle). Idle for ")
        waiting = stack.call("POST", f"{URL}/restart")
        assert waiting.status == 202
        assert waiting.body["message"] == "RDS stopping; it will start as soon as it has stopped"
        stack.wait_for_status("available")

        assert stack.call("PUT", f"{URL}/hold", body='{"hours": 1}').body["reason"] == "held"
        held_at = time.monotonic()
        stack.wait_for(lambda _: time.monotonic() > held_at + IDLE_SECONDS + 1, "the end of the idle timeout")
        assert stack.database()["status"] == "available"
        assert stack.call("POST", f"{URL}/activity", "local-reporter").status == 200
        stack.call("DELETE", f"{URL}/hold")
        stack.wait_for_status("stopped")

        client = stack.client("lambda")
        answer = json.loads(client.invoke(FunctionName="rds-lifecycle-local-start_database")["Payload"].read())
        assert (answer["statusCode"], json.loads(answer["body"])["message"]) == (202, "RDS instance starting")
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.invoke(FunctionName="rds-lifecycle-local-nothing")
        stack.wait_for_status("available")
    assert stack.process.returncode == 0
    assert stack.printed("RDS       ss-financial-prod: stopped → starting")
    assert stack.printed("request   POST /databases/ss-financial-prod/restart → 202")
    assert not stack.printed("Traceback")


def test_make_run__with_an_invalid_activity_item__reports_it_until_it_is_fixed() -> None:
    with running(**QUICK) as stack:
        table = stack.client("dynamodb")
        item = {"key": {"S": "last_rds_query_time"}, "value": {"S": "garbage"}}
        table.put_item(TableName="system-metadata", Item=item)
        stack.call("POST", f"{URL}/restart")
        stack.wait_for_status("available")
        stack.wait_for(lambda shown: shown["reason"] == "activity-unreadable", "the reason")
        stack.wait_for_line("failure   inactivity_check: The check of 1 of 1 databases failed")
        table.put_item(TableName="system-metadata", Item={**item, "value": {"N": "1772442000"}})
        stack.wait_for_line("RDS       ss-financial-prod: available → stopping")
        assert len(processes_of(stack.port)) == 1
        send_interrupt_to_another_thread(stack.process.pid)
        assert stack.process.wait(timeout=PATIENCE) == 0
        assert stack.printed("make run  stopped, with everything that it started")
    assert processes_of(stack.port) == [], "its other processes have ended, too"


def send_interrupt_to_another_thread(process: int) -> None:
    """Send SIGINT to a thread that is not the main thread, where the system supports it."""
    if sys.platform != "linux":
        os.kill(process, signal.SIGINT)
        return
    other = next(int(task.name) for task in Path(f"/proc/{process}/task").iterdir() if task.name != str(process))
    ctypes.CDLL(None).tgkill(process, other, signal.SIGINT)


def test_make_run__with_invalid_settings__fails_with_their_errors() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dev.local.serve"],
        cwd=ROOT,
        env={**os.environ, **dict(zip(("PORT", "LOCAL_AWS_PORT"), map(str, free_ports()), strict=True))}
        | {"IDLE_MINUTES": "soon"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("make run cannot start: ")
    assert "IDLE_MINUTES: found 'soon'" in done.stderr
    assert "Traceback" not in done.stderr


def processes_of(port: int) -> list[str]:
    """The processes of this machine with this port on their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"--port" in words and str(port).encode() in words:
                found.append(process.name)
    return found
