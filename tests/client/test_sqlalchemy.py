"""SQLAlchemy's engines on a real PostgreSQL: what counts as use, for how long, and what wakes the database."""

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
from rds_lifecycle_client import ActivityReporter, Lifecycle
from rds_lifecycle_client.sqlalchemy import watch
from tests.client.support import SOON, Counting, Remembering, wait_until
from tests.postgres import bring_down, bring_up


class Watched:
    """A lifecycle that remembers what it was told."""

    def __init__(self) -> None:
        self.sink = Remembering()
        self.door = Counting()
        # A second of the clock takes a sixtieth of one: the item's seconds are whole ones.
        began = datetime.now(UTC)
        self.reporter = ActivityReporter(self.sink, SOON, lambda: began + 60 * (datetime.now(UTC) - began))
        self.lifecycle = Lifecycle(self.reporter, self.door)

    @property
    def uses(self) -> int:
        """How many reports there were, all that is due included."""
        self.reporter.report()
        return len(self.sink.reported)

    def busy(self) -> bool:
        """Whether a statement runs."""
        return bool(self.reporter._running)


@pytest.fixture
def watched() -> Iterator[Watched]:
    it = Watched()
    yield it
    it.lifecycle.close()


@pytest.fixture
def engine(postgres: LocalPostgres, watched: Watched) -> Iterator[Engine]:
    made = create_engine(postgres.url.replace("postgresql:", "postgresql+psycopg:"), pool_pre_ping=True)
    watch(made, watched.lifecycle)
    yield made
    made.dispose()


@asynccontextmanager
async def an_async_engine(driver: str, postgres: LocalPostgres, watched: Watched) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(postgres.url.replace("postgresql:", f"postgresql+{driver}:"), pool_pre_ping=True)
    watch(made, watched.lifecycle)
    yield made
    await made.dispose()


def run(engine: Engine, statement: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(statement)).scalar()


def terminate_connections(postgres: LocalPostgres) -> None:
    """Cut all others, as a failover does; the server stays up."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")


def test_a_query_is_use_and_a_health_check_is_not(engine: Engine, watched: Watched) -> None:
    for _ in range(3):
        assert run(engine, "select 1") == 1, "with the pool's own ping before it, and BEGIN and ROLLBACK around it"
    assert watched.uses == 0
    assert run(engine, "select count(*) from pg_class") > 0
    assert watched.uses > 0
    assert not watched.busy()


def test_an_idle_pool_keeps_no_database_awake(engine: Engine, postgres: LocalPostgres, watched: Watched) -> None:
    run(engine, "select count(*) from pg_class")
    before = watched.uses
    for _ in range(3):
        with engine.connect():
            pass
        terminate_connections(postgres)
        with engine.connect() as connection:  # the ping finds it dead, and connects anew
            connection.execute(text("select 1"))
            connection.commit()
    assert watched.uses == before
    assert watched.lifecycle.woken_at is None, "a connection that died in the pool says nothing of the database"


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_async_engines_count_the_same(driver: str, postgres: LocalPostgres, watched: Watched) -> None:
    async def story() -> None:
        async with an_async_engine(driver, postgres, watched) as engine:
            async with engine.connect() as connection:
                await connection.execute(text("select 1"))
                assert watched.uses == 0
                await connection.execute(text("select count(*) from pg_class"))
            assert watched.uses > 0
            assert not watched.busy()

    asyncio.run(story())


def test_a_statement_that_runs_for_long_is_reported_while_it_runs(
    engine: Engine, postgres: LocalPostgres, watched: Watched
) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as other:
        other.execute("select pg_advisory_lock(1)")
        running = threading.Thread(target=run, args=(engine, "select pg_advisory_lock_shared(1)"))
        running.start()
        wait_until(lambda: len(watched.sink.reported) >= 3, "three reports")
        assert watched.busy()
        other.execute("select pg_advisory_unlock(1)")
        running.join()
    assert not watched.busy()


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_so_it_is_in_an_event_loop_and_a_cancelled_one_has_ended(
    driver: str, postgres: LocalPostgres, watched: Watched
) -> None:
    async def story() -> None:
        async with an_async_engine(driver, postgres, watched) as engine:

            async def report() -> None:
                async with engine.connect() as connection:
                    await connection.execute(text("select pg_sleep(30)"))

            running = asyncio.create_task(report())
            while len(watched.sink.reported) < 3:
                await asyncio.sleep(0.01)
            assert watched.busy()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert not watched.busy()

    asyncio.run(story())


def test_a_statement_that_fails_has_ended(engine: Engine, watched: Watched) -> None:
    with pytest.raises(exc.DataError):
        run(engine, "select 1 / (select count(*) from pg_class where false)")
    assert not watched.busy()
    assert watched.uses > 0
    assert watched.door.asked == 0


def test_an_open_transaction_that_does_nothing_is_no_use(engine: Engine, watched: Watched) -> None:
    with engine.connect() as connection:
        connection.execute(text("select count(*) from pg_class"))
        before = watched.uses
        watched.reporter.report()
        assert not watched.busy()
        assert watched.uses == before


def test_rows_that_are_still_to_come_are_use_until_the_connection_is_given_back(
    engine: Engine, watched: Watched
) -> None:
    with engine.connect() as connection:
        result = connection.execution_options(yield_per=2).execute(text("select * from generate_series(1, 9)"))
        result.fetchmany(1)
        result.close()
        assert watched.busy()
    assert not watched.busy()
    with engine.connect() as connection:
        streaming = connection.execution_options(stream_results=True)
        result = streaming.execute(text("select * from generate_series(1, 9)"))
        result.close()
        assert watched.busy()
        connection.invalidate()
        assert not watched.busy()
    with engine.connect() as connection:
        connection.detach()
        streaming = connection.execution_options(stream_results=True)
        result = streaming.execute(text("select * from generate_series(1, 9)"))
        result.close()
        assert watched.busy()
    assert not watched.busy(), "what was taken out of the pool is closed, not given back"


def test_a_connection_that_is_given_back_ends_its_own_streams_and_no_others(engine: Engine, watched: Watched) -> None:
    for _ in range(5):
        with engine.connect() as one, engine.connect() as other:
            # Its memory, and so its id, is free for the next one.
            one.execution_options(stream_results=True).execute(text("select * from generate_series(1, 9)")).close()
            still = other.execution_options(stream_results=True).execute(text("select * from generate_series(1, 9)"))
            one.close()
            assert watched.busy()
            still.close()
        assert not watched.busy()


def test_a_stream_whose_result_is_dropped_has_ended(engine: Engine, watched: Watched) -> None:
    with engine.connect() as connection:
        streaming = connection.execution_options(stream_results=True)
        result = streaming.execute(text("select * from generate_series(1, 9)"))
        assert watched.busy()
        result.close()
        del result
        gc.collect()
        assert not watched.busy(), "though its connection is kept"


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_an_async_stream_is_use_while_it_flows(driver: str, postgres: LocalPostgres, watched: Watched) -> None:
    async def story() -> None:
        async with an_async_engine(driver, postgres, watched) as engine:
            async with engine.connect() as connection:
                rows = await connection.stream(text("select * from generate_series(1, 9)"))
                await rows.fetchmany(1)
                assert watched.busy()
                await rows.close()
            assert not watched.busy()

    asyncio.run(story())


def test_a_database_that_is_down_is_woken_once_and_serves_again(
    engine: Engine, postgres: LocalPostgres, watched: Watched
) -> None:
    run(engine, "select count(*) from pg_class")
    bring_down(postgres)
    for _ in range(20):
        with pytest.raises(exc.OperationalError):
            run(engine, "select count(*) from pg_class")
    wait_until(lambda: watched.door.asked == 1, "the request")
    bring_up(postgres)
    assert run(engine, "select count(*) from pg_class") > 0
    assert watched.door.asked == 1


def test_a_query_that_is_cut_off_by_the_stop_wakes_it(
    engine: Engine, postgres: LocalPostgres, watched: Watched
) -> None:
    failures: list[Exception] = []

    def query() -> None:
        try:
            run(engine, "select pg_sleep(30)")
        except exc.OperationalError as error:
            failures.append(error)

    running = threading.Thread(target=query)
    running.start()
    wait_until(watched.busy, "the statement")
    bring_down(postgres)
    running.join()
    assert len(failures) == 1
    wait_until(lambda: watched.door.asked == 1, "the request")


def test_the_limit_of_a_transaction_that_fails_is_told_too(
    engine: Engine, postgres: LocalPostgres, watched: Watched
) -> None:
    with engine.connect() as connection:
        connection.execute(text("select count(*) from pg_class"))
        bring_down(postgres)
        with pytest.raises(exc.OperationalError):
            connection.commit()
    wait_until(lambda: watched.door.asked == 1, "the request")
