"""Checks the installed client: `python on_another_python.py postgresql://…` prints the versions that it ran on."""

import asyncio
import os
import platform
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

import psycopg
from botocore.exceptions import EndpointConnectionError
from fastapi import FastAPI
from sqlalchemy import create_engine, exc, text
from sqlalchemy.ext.asyncio import create_async_engine

from rds_lifecycle_client import (
    ActivityItem,
    ActivityReporter,
    Api,
    LifecycleClient,
    StartFunction,
    Unavailable,
    cli,
    fastapi,
    is_connection_failure,
)
from rds_lifecycle_client.sqlalchemy import instrument_engine

QUERY, HEALTH_CHECK = text("select count(*) from pg_class"), text("select 1")
# Blocks while another connection holds the lock.
BLOCKED_QUERY = text("select pg_advisory_lock_shared(2)")
WAIT_LIMIT_SECONDS = 90


class RecordingSink:
    """Records the reported times, and sets ``reported_often`` at the third one after ``restart_count``."""

    def __init__(self) -> None:
        self.reported: list[datetime] = []
        self.reported_often = threading.Event()

    def restart_count(self) -> None:
        """Forget the reports."""
        self.reported = []
        self.reported_often.clear()

    def report(self, at: datetime) -> None:
        """Record the time."""
        self.reported.append(at)
        if len(self.reported) >= 3:
            self.reported_often.set()


def make_lifecycle() -> tuple[RecordingSink, LifecycleClient]:
    """A client whose clock runs a hundred times as fast, because reports have a resolution of one second."""
    sink = RecordingSink()
    began_at = datetime.now(UTC)
    reporter = ActivityReporter(
        sink, timedelta(milliseconds=20), lambda: began_at + 100 * (datetime.now(UTC) - began_at)
    )
    return sink, LifecycleClient(reporter)


def release_when_reported(lock_owner: psycopg.Connection[Any], sink: RecordingSink) -> threading.Thread:
    """End the blocked query as soon as it has been reported three times."""

    def release() -> None:
        sink.reported_often.wait(WAIT_LIMIT_SECONDS)
        lock_owner.execute("select pg_advisory_unlock(2)")

    thread = threading.Thread(target=release)
    thread.start()
    return thread


def check_sync_engine(url: str) -> None:
    """Health checks are not activity. Queries are, long ones for as long as they run."""
    sink, lifecycle = make_lifecycle()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), pool_pre_ping=True)
    instrument_engine(engine, lifecycle)
    with engine.connect() as connection, psycopg.connect(url, autocommit=True) as lock_owner:
        lock_owner.execute("select pg_advisory_lock(2)")
        connection.execute(HEALTH_CHECK)
        lifecycle.report()
        assert sink.reported == []
        connection.execute(QUERY)
        lifecycle.report()
        assert len(sink.reported) > 0
        sink.restart_count()
        releasing = release_when_reported(lock_owner, sink)
        connection.execute(BLOCKED_QUERY)
        releasing.join()
        assert sink.reported_often.is_set()
    lifecycle.close()
    engine.dispose()


async def check_async_engine(url: str) -> None:
    """The same in an event loop."""
    sink, lifecycle = make_lifecycle()
    engine = create_async_engine(url.replace("postgresql:", "postgresql+psycopg:"), pool_pre_ping=True)
    instrument_engine(engine, lifecycle)
    with psycopg.connect(url, autocommit=True) as lock_owner:
        lock_owner.execute("select pg_advisory_lock(2)")
        async with engine.connect() as connection:
            await connection.execute(HEALTH_CHECK)
            lifecycle.report()
            assert sink.reported == []
            await connection.execute(QUERY)
            lifecycle.report()
            sink.restart_count()
            releasing = release_when_reported(lock_owner, sink)
            await connection.execute(BLOCKED_QUERY)
            releasing.join()
            assert sink.reported_often.is_set()
    await engine.dispose()
    lifecycle.close()


def raised(kind: type[Exception], function: Callable[[], object]) -> Exception:
    """The exception of that type that the function raises."""
    try:
        function()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def connect_to_closed_port() -> None:
    engine = create_engine("postgresql+psycopg://x:x@127.0.0.1:9/x")
    instrument_engine(engine, LifecycleClient())
    engine.connect()


def check_closed_port() -> None:
    """A refused connection is a connection failure. Without a response from AWS or the API, the calls raise."""
    assert is_connection_failure(raised(exc.OperationalError, connect_to_closed_port))
    os.environ |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    raised(EndpointConnectionError, lambda: ActivityItem("table", "key").report(datetime.now(UTC)))
    assert "127.0.0.1:9" in str(raised(Unavailable, StartFunction("function", None).restart))
    api = Api("http://127.0.0.1:9", "token", "db")
    for call in (api.describe, api.restart, api.end_hold, lambda: api.report(datetime.now(UTC))):
        assert "did not respond at http://127.0.0.1:9" in str(raised(Unavailable, call))


async def check_fastapi() -> None:
    """A request that fails with a connection failure is answered with 503."""
    app = FastAPI()
    sent: list[Any] = []
    app.get("/")(connect_to_closed_port)
    fastapi.instrument_app(app, LifecycleClient())

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/",
    }
    scope |= {"raw_path": b"/", "query_string": b"", "root_path": "", "scheme": "http", "headers": []}
    await app(scope, receive, send)
    assert sent[0]["status"] == 503


def main(url: str) -> None:
    """Run all checks."""
    check_sync_engine(url)
    asyncio.run(check_async_engine(url))
    check_closed_port()
    asyncio.run(check_fastapi())
    assert callable(cli.main)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("rds-")], "close ends the threads"
    libraries = " ".join(f"{name} {version(name)}" for name in ("boto3", "httpx", "sqlalchemy", "fastapi"))
    print(f"Python {platform.python_version()} with {libraries}")  # noqa: T201 - this is a command


if __name__ == "__main__":
    main(sys.argv[1])
