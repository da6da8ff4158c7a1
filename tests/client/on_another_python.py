"""The client in an environment of its own: `python on_another_python.py postgresql://…`; says what it ran on."""

import asyncio
import platform
import sys
import threading
from datetime import datetime, timedelta
from importlib.metadata import version

from sqlalchemy import create_engine, exc, text
from sqlalchemy.ext.asyncio import create_async_engine

from rds_lifecycle_client import ActivityReporter, Lifecycle, cli, fastapi, means_down
from rds_lifecycle_client.sqlalchemy import watch

QUERY, CHECK, LONG = text("select count(*) from pg_class"), text("select 1"), text("select pg_sleep(3)")


class Sink:
    """Keeps what was reported."""

    def __init__(self) -> None:
        self.reported: list[datetime] = []

    def report(self, at: datetime) -> None:
        """Keep it."""
        self.reported.append(at)


def a_lifecycle() -> tuple[Sink, Lifecycle]:
    sink = Sink()
    return sink, Lifecycle(ActivityReporter(sink, timedelta(milliseconds=20)))


def on_a_sync_engine(url: str) -> None:
    """Health checks are no use, queries are, long ones for as long as they last."""
    sink, lifecycle = a_lifecycle()
    engine = create_engine(url, pool_pre_ping=True)
    watch(engine, lifecycle)
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
    watch(engine, lifecycle)
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


def where_nobody_listens() -> None:
    """A refused connection means that the database is down."""
    failure: Exception | None = None
    try:
        create_engine("postgresql+psycopg://x:x@127.0.0.1:9/x").connect()
    except exc.OperationalError as error:
        failure = error
    assert failure is not None
    assert means_down(failure)


def main(url: str) -> None:
    """Run all of it."""
    url = url.replace("postgresql:", "postgresql+psycopg:")
    on_a_sync_engine(url)
    asyncio.run(on_an_async_engine(url))
    where_nobody_listens()
    assert callable(fastapi.install)
    assert callable(cli.main)
    assert threading.active_count() == 1, "closed is closed"
    print(f"Python {platform.python_version()} with SQLAlchemy {version('sqlalchemy')}")  # noqa: T201 - it is a command


if __name__ == "__main__":
    main(sys.argv[1])
