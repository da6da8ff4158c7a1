"""Recognizes exceptions that mean that PostgreSQL is unavailable, also if SQLAlchemy or Django has wrapped them."""

import errno
import socket
import sys
import traceback
from collections.abc import Iterator
from typing import Final

_DRIVERS: Final = frozenset({"asyncpg", "pg8000", "psycopg", "psycopg2", "psycopg_pool"})
_WRAPPERS: Final = _DRIVERS | {"sqlalchemy", "django"}

# admin_shutdown, crash_shutdown, cannot_connect_now, and the connection exceptions without a connection. Not 08004 and
# 08P01: a running server rejects a connection with them. https://www.postgresql.org/docs/current/errcodes-appendix.html
_SQLSTATES: Final = frozenset({"57P01", "57P02", "57P03", "08000", "08001", "08003", "08006"})

# libpq has no SQLSTATE without a connection, only a message: of the operating system, of libpq or of OpenSSL.
_CONNECTION_MESSAGES: Final = (
    "connection refused",
    "connection reset",
    "connection timed out",
    "could not connect to server",
    "could not translate host name",
    "eof detected",
    "failed to resolve host",
    "failed: no such file or directory",  # a Unix socket
    "name or service not known",
    "no address associated with hostname",
    "no route to host",
    "host is down",
    "network is unreachable",
    "server closed the connection unexpectedly",
    "software caused connection abort",
    "ssl connection has been closed unexpectedly",
    "temporary failure in name resolution",
    "timeout expired",
    "unexpected eof while reading",
)
# Messages after "FATAL:", which a server sends while it stops or starts.
_SHUTDOWN_MESSAGES: Final = (
    "terminating connection due to administrator command",
    "the database system is in recovery mode",
    "the database system is not accepting connections",
    "the database system is not yet accepting connections",
    "the database system is shutting down",
    "the database system is starting up",
)
_CONNECT_FUNCTIONS: Final = frozenset({"connect", "_connect", "_connect_addr"})
_ERRNOS: Final = frozenset(
    {errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.EHOSTUNREACH, errno.ENETUNREACH,
     errno.EHOSTDOWN, errno.ETIMEDOUT}
)  # fmt: skip


def is_connection_failure(error: BaseException) -> bool:
    """Return whether the error means that PostgreSQL is stopped, starting, stopping or unreachable.

    A wrong password, an exhausted pool, and a statement that was cancelled or timed out are not connection failures. An
    OSError counts only if a database driver raised it: the failure may be that of another service.
    """
    return any(_is_failure(link) for link in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, its causes, and the exceptions that it wraps or groups."""
    seen: set[int] = set()
    pending = [error]
    while pending:
        link = pending.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        causes = [link.__cause__, getattr(link, "orig", None)]
        if not link.__suppress_context__ and _package(type(link).__module__) in _WRAPPERS:
            # In other code, an exception that is raised in an except block is an error of its own.
            causes.append(link.__context__)
        if isinstance(link, BaseExceptionGroup):
            causes += link.exceptions
        pending += [cause for cause in causes if isinstance(cause, BaseException)]


def _is_failure(error: BaseException) -> bool:
    sqlstate = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if isinstance(sqlstate, str):
        return sqlstate in _SQLSTATES
    if isinstance(error, OSError):
        return _is_connection_oserror(error) and _raised_by_driver(error)
    # Not the pools of psycopg and SQLAlchemy: their timeout errors mean that all connections are in use.
    if _package(type(error).__module__) in _DRIVERS - {"psycopg_pool"}:
        return _is_failure_message(str(error).lower())
    return False


def _is_failure_message(message: str) -> bool:
    """A FATAL message comes from a running server, even if another host of the connection string is unreachable."""
    fatal_lines = [line for line in message.splitlines() if "fatal:" in line]
    if fatal_lines:
        return all(any(text in line for text in _SHUTDOWN_MESSAGES) for line in fatal_lines)
    return any(text in message for text in _CONNECTION_MESSAGES + _SHUTDOWN_MESSAGES)


def _is_connection_oserror(error: OSError) -> bool:
    if isinstance(error, TimeoutError):
        # Statements can time out, too.
        return any(
            frame.f_code.co_name in _CONNECT_FUNCTIONS and _package(str(frame.f_globals.get("__name__"))) in _DRIVERS
            for frame, _ in traceback.walk_tb(error.__traceback__)
        )
    return isinstance(error, ConnectionError | socket.gaierror) or error.errno in _ERRNOS


def _raised_by_driver(error: OSError) -> bool:
    """Whether the innermost frame outside of the standard library is that of a database driver."""
    packages = [_package(str(frame.f_globals.get("__name__"))) for frame, _ in traceback.walk_tb(error.__traceback__)]
    third_party = [package for package in packages if package not in sys.stdlib_module_names]
    return bool(third_party) and third_party[-1] in _DRIVERS


def _package(module: str) -> str:
    return module.partition(".")[0]
