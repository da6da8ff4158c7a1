"""SQLAlchemy engines on a real PostgreSQL: what counts as activity, for how long, and what starts the database."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, exc, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dev.local.postgres import LocalPostgres
from rds_lifecycle_client import ActivityReporter, LifecycleClient
from rds_lifecycle_client.sqlalchemy import instrument_engine
from tests.client.support import SHORT_INTERVAL, WAIT_LIMIT_SECONDS, CountingRestartTarget, RecordingSink, wait_until
from tests.postgres import bring_down, bring_up


class Instrumented:
    """A LifecycleClient that records reports and restart requests."""

    def __init__(self) -> None:
        self.sink = RecordingSink()
        self.restart_target = CountingRestartTarget()
        # Sixty times as fast as real time, because reports have a resolution of one second.
        began_at = datetime.now(UTC)
        self.reporter = ActivityReporter(
            self.sink, SHORT_INTERVAL, lambda: began_at + 60 * (datetime.now(UTC) - began_at)
        )
        self.lifecycle = LifecycleClient(self.reporter, self.restart_target)

    @property
    def reports(self) -> int:
        """The number of distinct reports, including one that is due now."""
        self.reporter.report()
        return len(set(self.sink.reported))

    def is_busy(self) -> bool:
        """Whether a statement is running."""
        return bool(self.reporter._running_statements)


@pytest.fixture
def instrumented() -> Iterator[Instrumented]:
    it = Instrumented()
    yield it
    it.lifecycle.close()


@pytest.fixture
def engine(postgres: LocalPostgres, instrumented: Instrumented) -> Iterator[Engine]:
    made = create_engine(postgres.url.replace("postgresql:", "postgresql+psycopg:"), pool_pre_ping=True)
    instrument_engine(made, instrumented.lifecycle)
    yield made
    made.dispose()


@asynccontextmanager
async def make_async_engine(
    driver: str, postgres: LocalPostgres, instrumented: Instrumented
) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(postgres.url.replace("postgresql:", f"postgresql+{driver}:"), pool_pre_ping=True)
    instrument_engine(made, instrumented.lifecycle)
    yield made
    await made.dispose()


def run(engine: Engine, statement: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(statement)).scalar()


def terminate_connections(postgres: LocalPostgres) -> None:
    """Close all other connections, as a failover does; the server keeps running."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")


def test_statement__query_or_health_check__only_the_query_is_activity(
    engine: Engine, instrumented: Instrumented
) -> None:
    for _ in range(3):
        assert run(engine, "select 1") == 1, "also runs the pool's pre-ping, BEGIN and ROLLBACK"
    assert instrumented.reports == 0
    assert run(engine, "select count(*) from pg_class") > 0
    assert instrumented.reports > 0
    assert not instrumented.is_busy()


def test_pool__idle_with_closed_connections__is_not_activity_and_requests_no_restart(
    engine: Engine, postgres: LocalPostgres, instrumented: Instrumented
) -> None:
    run(engine, "select count(*) from pg_class")
    before = instrumented.reports
    for _ in range(3):
        with engine.connect():
            pass
        terminate_connections(postgres)
        with engine.connect() as connection:  # the pre-ping finds it closed, and reconnects
            connection.execute(text("select 1"))
            connection.commit()
    assert instrumented.reports == before
    assert instrumented.lifecycle.restart_requested_at is None, (
        "the database may be available although a pooled connection is closed"
    )


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_async_statement__query_or_health_check__only_the_query_is_activity(
    driver: str, postgres: LocalPostgres, instrumented: Instrumented
) -> None:
    async def scenario() -> None:
        async with make_async_engine(driver, postgres, instrumented) as engine:
            async with engine.connect() as connection:
                await connection.execute(text("select 1"))
                assert instrumented.reports == 0
                await connection.execute(text("select count(*) from pg_class"))
            assert instrumented.reports > 0
            assert not instrumented.is_busy()

    asyncio.run(scenario())


def test_statement__long_running__is_reported_while_it_runs(
    engine: Engine, postgres: LocalPostgres, instrumented: Instrumented
) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as other:
        other.execute("select pg_advisory_lock(1)")
        running = threading.Thread(target=run, args=(engine, "select pg_advisory_lock_shared(1)"))
        running.start()
        wait_until(lambda: len(instrumented.sink.reported) >= 3, "three reports")
        assert instrumented.is_busy()
        other.execute("select pg_advisory_unlock(1)")
        running.join()
    assert not instrumented.is_busy()


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_async_statement__long_running_then_cancelled__is_reported_until_then(
    driver: str, postgres: LocalPostgres, instrumented: Instrumented
) -> None:
    async def scenario() -> None:
        async with make_async_engine(driver, postgres, instrumented) as engine:

            async def query() -> None:
                async with engine.connect() as connection:
                    await connection.execute(text("select pg_sleep(600)"))

            running = asyncio.create_task(query())
            async with asyncio.timeout(WAIT_LIMIT_SECONDS):
                while len(instrumented.sink.reported) < 3:
                    await asyncio.sleep(0.01)
            assert instrumented.is_busy()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert not instrumented.is_busy()

    asyncio.run(scenario())


def test_statement__fails__is_activity_and_ends(engine: Engine, instrumented: Instrumented) -> None:
    with pytest.raises(exc.DataError):
        run(engine, "select 1 / (select count(*) from pg_class where false)")
    assert not instrumented.is_busy()
    assert instrumented.reports > 0
    assert instrumented.restart_target.requests == 0


def test_transaction__open_and_idle__is_not_activity(engine: Engine, instrumented: Instrumented) -> None:
    with engine.connect() as connection:
        connection.execute(text("select count(*) from pg_class"))
        before = instrumented.reports
        instrumented.reporter.report()
        assert not instrumented.is_busy()
        assert instrumented.reports == before


def test_stream__result_closed__is_activity_until_the_connection_is_returned(
    engine: Engine, instrumented: Instrumented
) -> None:
    with engine.connect() as connection:
        result = connection.execution_options(yield_per=2).execute(text("select * from generate_series(1, 9)"))
        result.fetchmany(1)
        result.close()
        assert instrumented.is_busy()
    assert not instrumented.is_busy()
    with engine.connect() as connection:
        streaming = connection.execution_options(stream_results=True)
        result = streaming.execute(text("select * from generate_series(1, 9)"))
        result.close()
        assert instrumented.is_busy()
        connection.invalidate()
        assert not instrumented.is_busy()
    with engine.connect() as connection:
        connection.detach()
        streaming = connection.execution_options(stream_results=True)
        result = streaming.execute(text("select * from generate_series(1, 9)"))
        result.close()
        assert instrumented.is_busy()
    assert not instrumented.is_busy(), "a detached connection is closed instead of returned"


def test_stream__other_connection_returned__stays_active(engine: Engine, instrumented: Instrumented) -> None:
    for _ in range(5):
        with engine.connect() as one, engine.connect() as other:
            # Its memory, and therefore its id, can be reused by the next one.
            one.execution_options(stream_results=True).execute(text("select * from generate_series(1, 9)")).close()
            remaining = other.execution_options(stream_results=True).execute(
                text("select * from generate_series(1, 9)")
            )
            one.close()
            assert instrumented.is_busy()
            remaining.close()
        assert not instrumented.is_busy()


def test_stream__result_deleted__has_ended(engine: Engine, instrumented: Instrumented) -> None:
    with engine.connect() as connection:
        streaming = connection.execution_options(stream_results=True)
        result = streaming.execute(text("select * from generate_series(1, 9)"))
        assert instrumented.is_busy()
        result.close()
        del result
        gc.collect()
        assert not instrumented.is_busy(), "although its connection is still in use"


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_async_stream__rows_remain__is_activity(
    driver: str, postgres: LocalPostgres, instrumented: Instrumented
) -> None:
    async def scenario() -> None:
        async with make_async_engine(driver, postgres, instrumented) as engine:
            async with engine.connect() as connection:
                rows = await connection.stream(text("select * from generate_series(1, 9)"))
                await rows.fetchmany(1)
                assert instrumented.is_busy()
                await rows.close()
            assert not instrumented.is_busy()

    asyncio.run(scenario())


def test_query__database_stopped__requests_one_restart(
    engine: Engine, postgres: LocalPostgres, instrumented: Instrumented
) -> None:
    run(engine, "select count(*) from pg_class")
    bring_down(postgres)
    for _ in range(20):
        with pytest.raises(exc.OperationalError):
            run(engine, "select count(*) from pg_class")
    wait_until(lambda: instrumented.restart_target.requests == 1, "the request")
    bring_up(postgres)
    assert run(engine, "select count(*) from pg_class") > 0
    assert instrumented.restart_target.requests == 1


def test_query__interrupted_by_a_stop__requests_a_restart(
    engine: Engine, postgres: LocalPostgres, instrumented: Instrumented
) -> None:
    failures: list[Exception] = []

    def query() -> None:
        try:
            run(engine, "select pg_sleep(600)")
        except exc.OperationalError as error:
            failures.append(error)

    running = threading.Thread(target=query)
    running.start()
    wait_until(instrumented.is_busy, "the statement")
    bring_down(postgres)
    running.join()
    assert len(failures) == 1
    wait_until(lambda: instrumented.restart_target.requests == 1, "the request")


def test_commit__database_stopped__requests_a_restart(
    engine: Engine, postgres: LocalPostgres, instrumented: Instrumented
) -> None:
    with engine.connect() as connection:
        connection.execute(text("select count(*) from pg_class"))
        bring_down(postgres)
        with pytest.raises(exc.OperationalError):
            connection.commit()
    wait_until(lambda: instrumented.restart_target.requests == 1, "the request")
