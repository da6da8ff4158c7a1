"""A real PostgreSQL for tests; where none is installed, they are skipped."""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dev.local.postgres import LocalPostgres, find_place, find_programs
from tests.local.test_make_run import free_ports

NOT_INSTALLED = "PostgreSQL is not installed"


@contextmanager
def a_folder() -> Iterator[Path]:
    """For its data. pytest's own folders are closed to the user postgres."""
    if find_programs() is None:
        pytest.skip(NOT_INSTALLED)
    folder = Path(tempfile.mkdtemp(prefix="rds-lifecycle-"))
    folder.chmod(0o755)
    try:
        yield folder / "data"
    finally:
        shutil.rmtree(folder)


@contextmanager
def a_server() -> Iterator[LocalPostgres]:
    """A PostgreSQL with a data folder of its own, not running yet."""
    with a_folder() as data:
        server = LocalPostgres(free_ports()[0], find_place({**os.environ, "POSTGRES_DATA": str(data)}))
        try:
            server.prepare()
            yield server
        finally:
            server.end()


def bring_up(server: LocalPostgres) -> None:
    """Start it, and wait until it takes connections."""
    server.start()
    while not server.is_up():
        threading.Event().wait(0.02)


def bring_down(server: LocalPostgres) -> None:
    """Stop it as RDS does, and wait until it is gone."""
    server.stop()
    while not server.is_gone():
        threading.Event().wait(0.02)
