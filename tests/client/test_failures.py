"""Which failures mean that the database is not there: real ones of real drivers, and some made by hand."""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg
import httpx
import psycopg
import pytest
import sqlalchemy
from django.db import utils as django_errors
from sqlalchemy.ext.asyncio import create_async_engine

from dev.local.postgres import PASSWORD, LocalPostgres
from rds_lifecycle_client import means_down
from tests.client.support import PATIENCE, wait_until
from tests.local.test_make_run import free_ports
from tests.postgres import bring_down


def raised(work: Callable[[], object]) -> Exception:
    """What the work raises."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - it is what the test is about
        return error
    raise AssertionError("it has raised nothing")


def psycopg_runs(url: str, statement: str = "select 1", *, timeout: int = PATIENCE) -> None:
    with psycopg.connect(url, connect_timeout=timeout, autocommit=True) as connection:
        connection.execute(statement)


def sqlalchemy_connects(url: str) -> None:
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        engine.connect().close()
    finally:
        engine.dispose()


def asyncpg_runs(url: str, statement: str = "select 1", *, timeout: int = PATIENCE, **options: float) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url, timeout=timeout, **options)
        try:
            await connection.execute(statement)
        finally:
            connection.terminate()

    asyncio.run(run())


def sqlalchemy_asyncpg_connects(url: str, *, timeout: int = PATIENCE) -> None:
    async def run() -> None:
        engine = create_async_engine(
            url.replace("postgresql:", "postgresql+asyncpg:"), connect_args={"timeout": timeout}
        )
        try:
            async with engine.connect():
                pass
        finally:
            await engine.dispose()

    asyncio.run(run())


CONNECTORS = [psycopg_runs, sqlalchemy_connects, asyncpg_runs, sqlalchemy_asyncpg_connects]
Connector = Callable[[str], None]


@contextmanager
def a_silent_port() -> Iterator[int]:
    """As a stopped RDS instance behind a security group: it takes the connection, and says nothing."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        yield silent.getsockname()[1]


@pytest.mark.parametrize("connects", CONNECTORS)
def test_nobody_listens(connects: Connector) -> None:
    assert means_down(raised(lambda: connects(f"postgresql://x:x@127.0.0.1:{free_ports()[0]}/x")))


@pytest.mark.parametrize("connects", CONNECTORS)
def test_the_name_is_gone_from_dns(connects: Connector) -> None:
    assert means_down(raised(lambda: connects("postgresql://x:x@db.invalid/x")))


@pytest.mark.parametrize("connects", [psycopg_runs, asyncpg_runs, sqlalchemy_asyncpg_connects])
def test_nobody_answers(connects: Callable[..., None]) -> None:
    with a_silent_port() as port:
        # libpq waits for 2 s at least.
        assert means_down(raised(lambda: connects(f"postgresql://x:x@127.0.0.1:{port}/x", timeout=2)))


@pytest.fixture
def shutting_down(postgres: LocalPostgres) -> Iterator[LocalPostgres]:
    """It takes no new connections any more, and waits for the one that it has."""
    with psycopg.connect(postgres.url) as connection:
        connection.execute("select 1")
        assert postgres._process is not None
        # A smart shutdown ("Shutting Down the Server" in the PostgreSQL manual).
        postgres._process.send_signal(signal.SIGTERM)
        wait_until(lambda: said(lambda: asyncpg_runs(postgres.url)) == "57P03", "cannot_connect_now")
        yield postgres
    bring_down(postgres)


def said(work: Callable[[], object]) -> str | None:
    """The SQLSTATE of what the work raises; None where it raises nothing."""
    try:
        work()
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    return None


@pytest.mark.parametrize("connects", CONNECTORS)
def test_it_shuts_down_while_somebody_still_works(shutting_down: LocalPostgres, connects: Connector) -> None:
    error = raised(lambda: connects(shutting_down.url))
    assert "the database system is shutting down" in str(error), "libpq gives the words of 57P03 without it"
    assert means_down(error)


def test_the_connection_is_cut_by_a_shutdown(postgres: LocalPostgres) -> None:
    connection = psycopg.connect(postgres.url)
    bring_down(postgres)
    assert means_down(raised(lambda: connection.execute("select 1")))
    connection.close()


def test_asyncpg_loses_its_connection(postgres: LocalPostgres) -> None:
    assert means_down(raised(lambda: asyncpg_runs(postgres.url, "select pg_terminate_backend(pg_backend_pid())")))


@pytest.mark.parametrize("connects", CONNECTORS)
def test_a_wrong_password_and_a_wrong_database_do_not_mean_down(postgres: LocalPostgres, connects: Connector) -> None:
    assert not means_down(raised(lambda: connects(postgres.url.replace("only-local", "wrong"))))
    assert not means_down(raised(lambda: connects(postgres.url.replace("/postgres", "/nowhere"))))


@pytest.mark.parametrize("runs", [psycopg_runs, asyncpg_runs])
@pytest.mark.parametrize("statement", ["select nothing", "set statement_timeout = 20; select pg_sleep(5)"])
def test_statements_that_fail_do_not_mean_down(
    postgres: LocalPostgres, runs: Callable[[str, str], None], statement: str
) -> None:
    assert not means_down(raised(lambda: runs(postgres.url, statement)))


def test_a_statement_that_takes_too_long_for_its_caller_does_not_mean_down(postgres: LocalPostgres) -> None:
    def impatient() -> None:
        async def run() -> None:
            connection = await asyncpg.connect(postgres.url)
            try:
                await asyncio.wait_for(connection.execute("select pg_sleep(5)"), 0.1)
            finally:
                connection.terminate()

        asyncio.run(run())

    assert not means_down(raised(lambda: asyncpg_runs(postgres.url, "select pg_sleep(5)", command_timeout=0.1)))
    assert not means_down(raised(impatient))


@pytest.mark.parametrize("called_by", ["a query", "connect"])
def test_so_it_is_through_sqlalchemy_and_whatever_the_caller_is_called(postgres: LocalPostgres, called_by: str) -> None:
    async def count() -> None:
        engine = create_async_engine(
            postgres.url.replace("postgresql:", "postgresql+asyncpg:"), connect_args={"command_timeout": 0.1}
        )
        try:
            async with engine.connect() as connection:
                await connection.execute(sqlalchemy.text("select pg_sleep(5)"))
        finally:
            await engine.dispose()

    async def connect() -> None:
        connection = await asyncpg.connect(postgres.url, command_timeout=0.1)
        try:
            await connection.fetch("select pg_sleep(5)")
        finally:
            connection.terminate()

    slow = connect if called_by == "connect" else count
    assert not means_down(raised(lambda: asyncio.run(slow())))


def test_a_pool_that_is_used_up_does_not_mean_down(postgres: LocalPostgres) -> None:
    url = postgres.url.replace("postgresql:", "postgresql+psycopg:")
    engine = sqlalchemy.create_engine(url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    with engine.connect():
        error = raised(engine.connect)
    engine.dispose()
    assert "connection timed out" in str(error), "its words are those of a network"
    assert not means_down(error)


def test_another_service_that_cannot_be_reached_does_not_mean_down() -> None:
    port = free_ports()[0]
    assert not means_down(raised(lambda: httpx.get(f"http://127.0.0.1:{port}", trust_env=False)))
    assert not means_down(raised(lambda: socket.create_connection(("127.0.0.1", port)).close()))
    assert not means_down(TimeoutError())


def test_what_the_caller_does_below_a_driver_is_the_callers(postgres: LocalPostgres) -> None:
    def fetch_password() -> str:
        """As from a secrets' service whose name is gone."""
        return str(socket.getaddrinfo("secrets.invalid", 443))

    def connect() -> None:
        asyncio.run(asyncpg.connect(postgres.url.replace(f":{PASSWORD}", ""), password=fetch_password))

    error = raised(connect)
    assert isinstance(error, socket.gaierror)
    assert not means_down(error)


def from_text(text: str, sqlstate: str | None = None) -> Exception:
    error = psycopg.OperationalError(text)
    error.sqlstate = sqlstate
    return error


@pytest.mark.parametrize(
    ("error", "down"),
    [
        *[(from_text("", state), True) for state in ("57P01", "57P02", "57P03", "08000", "08001", "08003", "08006")],
        *[(from_text("", state), False) for state in ("57P04", "57P05", "57014", "53300", "28P01", "08004", "40001")],
        (from_text("connection refused", "28P01"), False),
        (from_text("server closed the connection unexpectedly"), True),
        (from_text("FATAL:  the database system is starting up"), True),
        (from_text("FATAL:  the database system is not yet accepting connections"), True),
        (from_text("FATAL:  the database system is in recovery mode"), True),
        (from_text("FATAL:  remaining connection slots are reserved"), False),
        (from_text("FATAL:  terminating connection due to administrator command\nSSL error: unexpected eof"), True),
        (from_text("consuming input failed: SSL error: unexpected eof while reading"), True),
        (from_text("SSL connection has been closed unexpectedly"), True),
        (from_text("SSL SYSCALL error: EOF detected"), True),
        (from_text("could not receive data from server: Connection reset by peer"), True),
        (from_text('connection to server at "10.0.0.9", port 5432 failed: No route to host'), True),
        (from_text('connection to server on socket "/run/.s.PGSQL.5432" failed: No such file or directory'), True),
        (from_text('could not open certificate file "own.crt": No such file or directory'), False),
        (ValueError("connection refused"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
    ],
)
def test_by_sqlstate_and_by_words(error: Exception, *, down: bool) -> None:
    assert means_down(error) is down


def test_a_host_that_refuses_the_password_is_up_though_another_is_not(postgres: LocalPostgres) -> None:
    port = free_ports()[0]
    several = f"host=127.0.0.1,127.0.0.1 port={port},{postgres.port} user=dashboard dbname=postgres password="
    error = raised(lambda: psycopg.connect(several + "wrong"))
    assert "refused" in str(error)
    assert not means_down(error)
    psycopg.connect(several + PASSWORD).close()


def test_a_fault_of_the_code_that_handles_a_failure_is_a_fault() -> None:
    def handle() -> None:
        try:
            raise from_text("connection refused")
        except psycopg.Error as error:
            error.no_such_attribute  # type: ignore[attr-defined] # noqa: B018 - it is the fault

    assert not means_down(raised(handle))


def test_through_whatever_it_was_wrapped_in() -> None:
    down, other = from_text("connection refused"), ValueError("x")
    wrapped = sqlalchemy.exc.OperationalError("select", {}, down)
    caused = django_errors.OperationalError("x")
    caused.__cause__ = down
    rolled_back = sqlalchemy.exc.InvalidRequestError("x")
    rolled_back.__context__ = caused
    for error in (wrapped, caused, rolled_back, ExceptionGroup("x", [other, wrapped])):
        assert means_down(error)
    hidden = sqlalchemy.exc.InvalidRequestError("x")
    hidden.__context__, hidden.__suppress_context__ = down, True
    circle = sqlalchemy.exc.InvalidRequestError("x")
    circle.__context__ = other
    other.__cause__ = circle
    for error in (hidden, circle, ExceptionGroup("x", [other])):
        assert not means_down(error)
