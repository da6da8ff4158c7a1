"""The client in an environment of its own: `python on_another_python.py postgresql://…`; says what it ran on."""

import asyncio
import os
import platform
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

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

QUERY, CHECK, LONG = text("select count(*) from pg_class"), text("select 1"), text("select pg_sleep(3)")


class Sink:
    """Keeps what was reported."""

    def __init__(self) -> None:
        self.reported: list[datetime] = []

    def report(self, at: datetime) -> None:
        """Keep it."""
        self.reported.append(at)


def a_lifecycle() -> tuple[Sink, LifecycleClient]:
    sink = Sink()
    return sink, LifecycleClient(ActivityReporter(sink, timedelta(milliseconds=20)))


def on_a_sync_engine(url: str) -> None:
    """Health checks are no use, queries are, long ones for as long as they last."""
    sink, lifecycle = a_lifecycle()
    engine = create_engine(url, pool_pre_ping=True)
    instrument_engine(engine, lifecycle)
    with engine.connect() as connection:
        connection.execute(CHECK)
        lifecycle.report()
        assert sink.reported == []
        connection.execute(QUERY)
        lifecycle.report()
        assert len(sink.reported) > 0
        before = len(sink.reported)
        connection.execute(LONG)
        assert len(sink.reported) > before
    lifecycle.close()
    engine.dispose()


async def on_an_async_engine(url: str) -> None:
    """The same in an event loop."""
    sink, lifecycle = a_lifecycle()
    engine = create_async_engine(url, pool_pre_ping=True)
    instrument_engine(engine, lifecycle)
    async with engine.connect() as connection:
        await connection.execute(CHECK)
        lifecycle.report()
        assert sink.reported == []
        await connection.execute(QUERY)
        before = len(sink.reported)
        await connection.execute(LONG)
        assert len(sink.reported) > before
    await engine.dispose()
    lifecycle.close()


def raises(kind: type[Exception], work: Callable[[], object]) -> Exception:
    """What the work raises, which is of that kind."""
    try:
        work()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def connect_to_nobody() -> None:
    engine = create_engine("postgresql+psycopg://x:x@127.0.0.1:9/x")
    instrument_engine(engine, LifecycleClient())
    engine.connect()


def where_nobody_listens() -> None:
    """A refused connection means that the database is down; AWS and the routes do not answer either."""
    assert is_connection_failure(raises(exc.OperationalError, connect_to_nobody))
    os.environ |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    raises(EndpointConnectionError, lambda: ActivityItem("table", "key").report(datetime.now(UTC)))
    assert "127.0.0.1:9" in str(raises(Unavailable, StartFunction("function", None).restart))
    api = Api("http://127.0.0.1:9", "token", "db")
    for ask in (api.describe, api.restart, api.end_hold, lambda: api.report(datetime.now(UTC))):
        assert "does not answer at http://127.0.0.1:9" in str(raises(Unavailable, ask))


async def a_backend_answers_503() -> None:
    """FastAPI answers a request that meets the database down."""
    app, sent = FastAPI(), []
    app.get("/")(connect_to_nobody)
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
    """Run all of it."""
    url = url.replace("postgresql:", "postgresql+psycopg:")
    on_a_sync_engine(url)
    asyncio.run(on_an_async_engine(url))
    where_nobody_listens()
    asyncio.run(a_backend_answers_503())
    assert callable(cli.main)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("rds-")], "closed is closed"
    libraries = " ".join(f"{name} {version(name)}" for name in ("boto3", "httpx", "sqlalchemy", "fastapi"))
    print(f"Python {platform.python_version()} with {libraries}")  # noqa: T201 - it is a command


if __name__ == "__main__":
    main(sys.argv[1])
