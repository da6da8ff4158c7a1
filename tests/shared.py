"""Results that are expensive to create, and are created once for all of pytest's processes."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def once_per_run(folders: pytest.TempPathFactory, name: str, create: Callable[[Path], None]) -> Path:
    """The folder of that name, which ``create`` has filled once in this run. Tests must not change it."""
    base = folders.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # the folder that all of pytest-xdist's workers share
    folder, complete = base / name, base / f"{name}.complete"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            folder.mkdir()
            create(folder)
            complete.touch()
    return folder
