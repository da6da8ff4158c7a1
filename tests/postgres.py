"""A real PostgreSQL for tests, which are skipped where none is installed."""

import atexit
import functools
import os
import shutil
import subprocess
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
    """A folder for its data. The user postgres has no access to pytest's own folders."""
    if find_programs() is None:
        pytest.skip(NOT_INSTALLED)
    folder = Path(tempfile.mkdtemp(prefix="rds-lifecycle-"))
    folder.chmod(0o755)
    try:
        yield folder / "data"
    finally:
        shutil.rmtree(folder)


@functools.cache
def _initialized_data() -> Path:
    """A data folder that is initialized once for each of pytest's processes, because initdb takes a second."""
    folder = Path(tempfile.mkdtemp(prefix="rds-lifecycle-"))
    atexit.register(shutil.rmtree, folder)
    folder.chmod(0o755)
    server = LocalPostgres(free_ports()[0], find_place({**os.environ, "POSTGRES_DATA": str(folder / "data")}))
    server.prepare()
    server.end()
    return server.place.data


@contextmanager
def a_server() -> Iterator[LocalPostgres]:
    """A stopped PostgreSQL with a data folder of its own."""
    with a_folder() as data:
        place = find_place({**os.environ, "POSTGRES_DATA": str(data)})
        data.mkdir()
        if place.user is not None:
            shutil.chown(data, place.user)
        # Keeps the owner, who has to be the user that PostgreSQL runs as.
        subprocess.run(["cp", "-a", _initialized_data(), place.data], check=True)
        server = LocalPostgres(free_ports()[0], place)
        try:
            server.prepare()
            yield server
        finally:
            server.end()


def bring_up(server: LocalPostgres) -> None:
    """Start it, and wait until it accepts connections."""
    server.start()
    while not server.is_up():
        threading.Event().wait(0.02)


def bring_down(server: LocalPostgres) -> None:
    """Stop it as RDS does, and wait until it has stopped."""
    server.stop()
    while not server.is_gone():
        threading.Event().wait(0.02)
