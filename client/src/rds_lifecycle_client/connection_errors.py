"""Does an exception mean that the database is not there? Through the wrappers of drivers, SQLAlchemy and Django."""

import errno
import socket
import sys
import traceback
from collections.abc import Iterator
from typing import Final

_DRIVERS: Final = frozenset({"asyncpg", "pg8000", "psycopg", "psycopg2", "psycopg_pool"})
_WRAPPERS: Final = _DRIVERS | {"sqlalchemy", "django"}

# "PostgreSQL Error Codes" in the PostgreSQL manual: admin_shutdown, crash_shutdown, cannot_connect_now, and the
# connection exceptions that say that there is no connection (not 08004 and 08P01, by which a live server refuses one).
_SQLSTATES: Final = frozenset({"57P01", "57P02", "57P03", "08000", "08001", "08003", "08006"})

# libpq gives no SQLSTATE where it has no connection, only text: the system's, its own, and OpenSSL's.
_WORDS: Final = (
    "connection refused",
    "connection reset",
    "connection timed out",
    "could not connect to server",
    "could not translate host name",
    "eof detected",
    "failed to resolve host",
    "failed: no such file or directory",  # of a Unix socket
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
# "FATAL: …": it was there to say it.
_LAST_WORDS: Final = (
    "terminating connection due to administrator command",
    "the database system is in recovery mode",
    "the database system is not accepting connections",
    "the database system is not yet accepting connections",
    "the database system is shutting down",
    "the database system is starting up",
)
_CONNECTS: Final = frozenset({"connect", "_connect", "_connect_addr"})
_ERRNOS: Final = frozenset(
    {errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.EHOSTUNREACH, errno.ENETUNREACH,
     errno.EHOSTDOWN, errno.ETIMEDOUT}
)  # fmt: skip


def is_connection_failure(error: BaseException) -> bool:
    """Whether it tells that PostgreSQL is not there: stopped, starting, stopping, or out of reach.

    A wrong password, a full pool, a statement that was cancelled or took too long do not mean that, and neither does
    another service that cannot be reached: a bare OSError counts only where a database driver has raised it.
    """
    return any(_says_down(link) for link in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and all that it was made of."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        causes = [link.__cause__, getattr(link, "orig", None)]
        if not link.__suppress_context__ and _package(type(link).__module__) in _WRAPPERS:
            # Anybody else's exception that comes up while one is handled is a fault of its own.
            causes.append(link.__context__)
        if isinstance(link, BaseExceptionGroup):
            causes += link.exceptions
        waiting += [cause for cause in causes if isinstance(cause, BaseException)]


def _says_down(error: BaseException) -> bool:
    sqlstate = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if isinstance(sqlstate, str):
        return sqlstate in _SQLSTATES
    if isinstance(error, OSError):
        return _is_no_connection(error) and _raised_by_driver(error)
    # Pools are left out, SQLAlchemy's too: they speak of a connection that timed out where all are in use.
    if _package(type(error).__module__) in _DRIVERS - {"psycopg_pool"}:
        return _reads_down(str(error).lower())
    return False


def _reads_down(said: str) -> bool:
    """A server that refuses in words of its own is there, even if another host of the list is not."""
    refusals = [line for line in said.splitlines() if "fatal:" in line]
    if refusals:
        return all(any(words in line for words in _LAST_WORDS) for line in refusals)
    return any(words in said for words in _WORDS + _LAST_WORDS)


def _is_no_connection(error: OSError) -> bool:
    if isinstance(error, TimeoutError):
        # Statements have timeouts too.
        return any(
            frame.f_code.co_name in _CONNECTS and _package(str(frame.f_globals.get("__name__"))) in _DRIVERS
            for frame, _ in traceback.walk_tb(error.__traceback__)
        )
    return isinstance(error, ConnectionError | socket.gaierror) or error.errno in _ERRNOS


def _raised_by_driver(error: OSError) -> bool:
    """Whether the innermost code that is not Python's own is a database driver's."""
    packages = [_package(str(frame.f_globals.get("__name__"))) for frame, _ in traceback.walk_tb(error.__traceback__)]
    foreign = [package for package in packages if package not in sys.stdlib_module_names]
    return bool(foreign) and foreign[-1] in _DRIVERS


def _package(module: str) -> str:
    return module.partition(".")[0]
