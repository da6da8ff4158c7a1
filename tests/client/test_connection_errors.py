"""Which exceptions are connection failures: those of real drivers, and constructed ones."""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import asyncpg
import httpx
import psycopg
import pytest
import sqlalchemy
from django.db import utils as django_errors
from sqlalchemy.ext.asyncio import create_async_engine

from dev.local.postgres import PASSWORD, LocalPostgres
from rds_lifecycle_client import is_connection_failure
from tests.client.support import WAIT_LIMIT_SECONDS, wait_until
from tests.local.test_make_run import free_ports
from tests.postgres import bring_down

# The server or the client ends this statement long before it returns.
LONG_STATEMENT = "select pg_sleep(600)"


def raised(function: Callable[[], object]) -> Exception:
    """The exception that the function raises."""
    try:
        function()
    except Exception as error:  # noqa: BLE001 - the tests classify any exception
        return error
    raise AssertionError("no exception")


def run_psycopg(url: str, statement: str = "select 1", *, timeout: float = WAIT_LIMIT_SECONDS) -> None:
    with psycopg.connect(url, connect_timeout=int(timeout), autocommit=True) as connection:
        connection.execute(statement)


def connect_sqlalchemy(url: str) -> None:
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        engine.connect().close()
    finally:
        engine.dispose()


def run_asyncpg(
    url: str, statement: str = "select 1", *, timeout: float = WAIT_LIMIT_SECONDS, **options: float
) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url, timeout=timeout, **options)
        try:
            await connection.execute(statement)
        finally:
            connection.terminate()

    asyncio.run(run())


def connect_sqlalchemy_asyncpg(url: str, *, timeout: float = WAIT_LIMIT_SECONDS) -> None:
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


Connect = Callable[[str], None]
CONNECTS = [
    pytest.param(run_psycopg, id="psycopg"),
    pytest.param(connect_sqlalchemy, id="sqlalchemy-psycopg"),
    pytest.param(run_asyncpg, id="asyncpg"),
    pytest.param(connect_sqlalchemy_asyncpg, id="sqlalchemy-asyncpg"),
]


@contextmanager
def unresponsive_port() -> Iterator[int]:
    """A port that accepts connections and does not respond, similar to a stopped RDS instance."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("connect", CONNECTS)
def test_connect__refused__is_a_connection_failure(connect: Connect) -> None:
    url = f"postgresql://x:x@127.0.0.1:{free_ports()[0]}/x"
    assert is_connection_failure(raised(lambda: connect(url)))


@pytest.mark.parametrize("connect", CONNECTS)
def test_connect__unknown_host__is_a_connection_failure(connect: Connect) -> None:
    assert is_connection_failure(raised(lambda: connect("postgresql://x:x@db.invalid/x")))


@pytest.mark.parametrize(
    "connect",
    [
        pytest.param(partial(run_psycopg, timeout=2), id="psycopg"),  # libpq's shortest timeout
        pytest.param(partial(run_asyncpg, timeout=0.2), id="asyncpg"),
        pytest.param(partial(connect_sqlalchemy_asyncpg, timeout=0.2), id="sqlalchemy-asyncpg"),
    ],
)
def test_connect__no_response__is_a_connection_failure(connect: Connect) -> None:
    with unresponsive_port() as port:
        url = f"postgresql://x:x@127.0.0.1:{port}/x"
        assert is_connection_failure(raised(lambda: connect(url)))


def sqlstate(function: Callable[[], object]) -> str | None:
    """The SQLSTATE of the exception that the function raises, or None without an exception."""
    try:
        function()
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    return None


@pytest.fixture
def postgres_shutting_down(postgres: LocalPostgres) -> Iterator[LocalPostgres]:
    """A server that rejects new connections while it waits for an open one."""
    with psycopg.connect(postgres.url) as connection:
        connection.execute("select 1")
        assert postgres._process is not None
        # A smart shutdown. https://www.postgresql.org/docs/current/server-shutdown.html
        postgres._process.send_signal(signal.SIGTERM)
        wait_until(lambda: sqlstate(lambda: run_asyncpg(postgres.url)) == "57P03", "cannot_connect_now")
        yield postgres
    bring_down(postgres)


def test_connect__server_shutting_down__is_a_connection_failure(postgres_shutting_down: LocalPostgres) -> None:
    for connect in (run_psycopg, connect_sqlalchemy, run_asyncpg, connect_sqlalchemy_asyncpg):
        error = raised(lambda connect=connect: connect(postgres_shutting_down.url))  # type: ignore[misc]
        assert "the database system is shutting down" in str(error), "libpq has this message, but no SQLSTATE"
        assert is_connection_failure(error)


def test_query__connection_closed_by_a_shutdown__is_a_connection_failure(postgres: LocalPostgres) -> None:
    connection = psycopg.connect(postgres.url)
    bring_down(postgres)
    assert is_connection_failure(raised(lambda: connection.execute("select 1")))
    connection.close()


def test_query__asyncpg_connection_terminated__is_a_connection_failure(postgres: LocalPostgres) -> None:
    error = raised(lambda: run_asyncpg(postgres.url, "select pg_terminate_backend(pg_backend_pid())"))
    assert is_connection_failure(error)


@pytest.mark.parametrize("connect", CONNECTS)
def test_connect__wrong_password_or_database__is_another_error(postgres: LocalPostgres, connect: Connect) -> None:
    assert not is_connection_failure(raised(lambda: connect(postgres.url.replace(PASSWORD, "wrong"))))
    assert not is_connection_failure(raised(lambda: connect(postgres.url.replace("/postgres", "/nowhere"))))


@pytest.mark.parametrize("run", [pytest.param(run_psycopg, id="psycopg"), pytest.param(run_asyncpg, id="asyncpg")])
@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("select nothing", id="unknown-column"),
        pytest.param(f"set statement_timeout = 20; {LONG_STATEMENT}", id="statement-timeout"),
    ],
)
def test_query__statement_fails__is_another_error(
    postgres: LocalPostgres, run: Callable[[str, str], None], statement: str
) -> None:
    assert not is_connection_failure(raised(lambda: run(postgres.url, statement)))


def test_query__asyncpg_timeout__is_another_error(postgres: LocalPostgres) -> None:
    def run_with_asyncio_timeout() -> None:
        async def run() -> None:
            connection = await asyncpg.connect(postgres.url)
            try:
                await asyncio.wait_for(connection.execute(LONG_STATEMENT), 0.1)
            finally:
                connection.terminate()

        asyncio.run(run())

    assert not is_connection_failure(raised(lambda: run_asyncpg(postgres.url, LONG_STATEMENT, command_timeout=0.1)))
    assert not is_connection_failure(raised(run_with_asyncio_timeout))


def test_query__sqlalchemy_asyncpg_timeout__is_another_error(postgres: LocalPostgres) -> None:
    async def query() -> None:
        engine = create_async_engine(
            postgres.url.replace("postgresql:", "postgresql+asyncpg:"), connect_args={"command_timeout": 0.1}
        )
        try:
            async with engine.connect() as connection:
                await connection.execute(sqlalchemy.text(LONG_STATEMENT))
        finally:
            await engine.dispose()

    assert not is_connection_failure(raised(lambda: asyncio.run(query())))


def test_query__timeout_in_a_caller_named_connect__is_another_error(postgres: LocalPostgres) -> None:
    async def connect() -> None:
        connection = await asyncpg.connect(postgres.url, command_timeout=0.1)
        try:
            await connection.fetch(LONG_STATEMENT)
        finally:
            connection.terminate()

    assert not is_connection_failure(raised(lambda: asyncio.run(connect())))


def test_connect__pool_exhausted__is_another_error(postgres: LocalPostgres) -> None:
    url = postgres.url.replace("postgresql:", "postgresql+psycopg:")
    engine = sqlalchemy.create_engine(url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    with engine.connect():
        error = raised(engine.connect)
    engine.dispose()
    assert "connection timed out" in str(error), "the same message as that of a network timeout"
    assert not is_connection_failure(error)


def test_oserror__of_another_service__is_another_error() -> None:
    port = free_ports()[0]
    assert not is_connection_failure(raised(lambda: httpx.get(f"http://127.0.0.1:{port}", trust_env=False)))
    assert not is_connection_failure(raised(lambda: socket.create_connection(("127.0.0.1", port)).close()))
    assert not is_connection_failure(TimeoutError())


def test_oserror__in_a_callback_of_the_driver__is_another_error(postgres: LocalPostgres) -> None:
    def fetch_password() -> str:
        """Fail as the lookup of a secrets service can."""
        return str(socket.getaddrinfo("secrets.invalid", 443))

    def connect() -> None:
        asyncio.run(asyncpg.connect(postgres.url.replace(f":{PASSWORD}", ""), password=fetch_password))

    error = raised(connect)
    assert isinstance(error, socket.gaierror)
    assert not is_connection_failure(error)


def psycopg_error(text: str, sqlstate: str | None = None) -> Exception:
    error = psycopg.OperationalError(text)
    error.sqlstate = sqlstate
    return error


@pytest.mark.parametrize("state", ["57P01", "57P02", "57P03", "08000", "08001", "08003", "08006"])
def test_sqlstate__shutdown_or_no_connection__is_a_connection_failure(state: str) -> None:
    assert is_connection_failure(psycopg_error("", state))


@pytest.mark.parametrize("state", ["57P04", "57P05", "57014", "53300", "28P01", "08004", "40001"])
def test_sqlstate__of_a_running_server__is_another_error(state: str) -> None:
    assert not is_connection_failure(psycopg_error("connection refused", state))


@pytest.mark.parametrize(
    "text",
    [
        "server closed the connection unexpectedly",
        "FATAL:  the database system is starting up",
        "FATAL:  the database system is not yet accepting connections",
        "FATAL:  the database system is in recovery mode",
        "FATAL:  terminating connection due to administrator command\nSSL error: unexpected eof",
        "consuming input failed: SSL error: unexpected eof while reading",
        "SSL connection has been closed unexpectedly",
        "SSL SYSCALL error: EOF detected",
        "could not receive data from server: Connection reset by peer",
        'connection to server at "10.0.0.9", port 5432 failed: No route to host',
        'connection to server on socket "/run/.s.PGSQL.5432" failed: No such file or directory',
    ],
)
def test_message__no_connection__is_a_connection_failure(text: str) -> None:
    assert is_connection_failure(psycopg_error(text))


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(psycopg_error("FATAL:  remaining connection slots are reserved"), id="too-many-connections"),
        pytest.param(
            psycopg_error('could not open certificate file "own.crt": No such file or directory'), id="certificate"
        ),
        pytest.param(ValueError("connection refused"), id="not-a-driver"),
        pytest.param(OSError(errno.ENOSPC, "No space left on device"), id="disk-full"),
    ],
)
def test_message__other_reason__is_another_error(error: Exception) -> None:
    assert not is_connection_failure(error)


def test_connect__one_of_two_hosts_rejects_the_password__is_another_error(postgres: LocalPostgres) -> None:
    port = free_ports()[0]
    hosts = f"host=127.0.0.1,127.0.0.1 port={port},{postgres.port} user=dashboard dbname=postgres password="
    error = raised(lambda: psycopg.connect(hosts + "wrong"))
    assert "refused" in str(error)
    assert not is_connection_failure(error)
    psycopg.connect(hosts + PASSWORD).close()


def test_exception__raised_while_a_failure_is_handled__is_another_error() -> None:
    def handle() -> None:
        try:
            raise psycopg_error("connection refused")
        except psycopg.Error as error:
            error.no_such_attribute  # type: ignore[attr-defined] # noqa: B018 - raises AttributeError

    assert not is_connection_failure(raised(handle))


def test_wrapped_exception__cause_context_orig_or_group__is_found() -> None:
    failure, other = psycopg_error("connection refused"), ValueError("x")
    with_orig = sqlalchemy.exc.OperationalError("select", {}, failure)
    with_cause = django_errors.OperationalError("x")
    with_cause.__cause__ = failure
    with_context = sqlalchemy.exc.InvalidRequestError("x")
    with_context.__context__ = with_cause
    for error in (with_orig, with_cause, with_context, ExceptionGroup("x", [other, with_orig])):
        assert is_connection_failure(error)
    suppressed = sqlalchemy.exc.InvalidRequestError("x")
    suppressed.__context__, suppressed.__suppress_context__ = failure, True
    cycle = sqlalchemy.exc.InvalidRequestError("x")
    cycle.__context__ = other
    other.__cause__ = cycle
    for error in (suppressed, cycle, ExceptionGroup("x", [other])):
        assert not is_connection_failure(error)
