"""Does an exception mean that the database is not there? Through the wrappers of drivers, SQLAlchemy and Django."""

import errno
import socket
import sys
import traceback
from collections.abc import Iterator
from typing import Final

_DRIVERS: Final = frozenset({"asyncpg", "pg8000", "psycopg", "psycopg2", "psycopg_pool", "sqlalchemy"})

# "PostgreSQL Error Codes" in the PostgreSQL manual: admin_shutdown, crash_shutdown, cannot_connect_now, and the
# connection exceptions that say that there is no connection (not 08004 and 08P01, by which a live server refuses one).
_SQLSTATES: Final = frozenset({"57P01", "57P02", "57P03", "08000", "08001", "08003", "08006"})

# libpq gives no SQLSTATE where it has no connection, only text: the system's, its own, and the server's last words.
_WORDS: Final = (
    "connection refused",
    "connection reset",
    "connection timed out",
    "could not connect to server",
    "could not translate host name",
    "failed to resolve host",
    "name or service not known",
    "no address associated with hostname",
    "no route to host",
    "host is down",
    "network is unreachable",
    "server closed the connection unexpectedly",
    "software caused connection abort",
    "temporary failure in name resolution",
    "terminating connection due to administrator command",
    "the database system is in recovery mode",
    "the database system is not accepting connections",
    "the database system is not yet accepting connections",
    "the database system is shutting down",
    "the database system is starting up",
    "timeout expired",
)
_ERRNOS: Final = frozenset(
    {errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.EHOSTUNREACH, errno.ENETUNREACH,
     errno.EHOSTDOWN, errno.ETIMEDOUT}
)  # fmt: skip


def means_down(error: BaseException) -> bool:
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
        causes = [link.__cause__, None if link.__suppress_context__ else link.__context__, getattr(link, "orig", None)]
        if isinstance(link, BaseExceptionGroup):
            causes += link.exceptions
        waiting += [cause for cause in causes if isinstance(cause, BaseException)]


def _says_down(error: BaseException) -> bool:
    sqlstate = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if isinstance(sqlstate, str):
        return sqlstate in _SQLSTATES
    if isinstance(error, OSError):
        return _is_no_connection(error) and _raised_by_driver(error)
    # SQLAlchemy's own exceptions are left out: its pool, too, speaks of a connection that timed out.
    if _package(type(error).__module__) in _DRIVERS - {"sqlalchemy", "psycopg_pool"}:
        said = str(error).lower()
        return any(words in said for words in _WORDS)
    return False


def _is_no_connection(error: OSError) -> bool:
    if isinstance(error, TimeoutError):
        # Statements have timeouts too.
        return any("connect" in frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__))
    return isinstance(error, ConnectionError | socket.gaierror) or error.errno in _ERRNOS


def _raised_by_driver(error: OSError) -> bool:
    """Whether the innermost code that is not Python's own is a database driver's."""
    packages = [_package(str(frame.f_globals.get("__name__"))) for frame, _ in traceback.walk_tb(error.__traceback__)]
    foreign = [package for package in packages if package not in sys.stdlib_module_names]
    return bool(foreign) and foreign[-1] in _DRIVERS


def _package(module: str) -> str:
    return module.partition(".")[0]
