"""The baseline pair of Lambdas, on a simulated AWS."""

import json
import os
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Final
from unittest.mock import patch

import boto3

from benchmarks.schedule import OnEnd, Schedule
from benchmarks.strategies import OnReply, Reply
from benchmarks.world import DATABASE, TABLE, World

_FOLDER: Final = Path(__file__).parent / "plain"
_MINUTES: Final = 15


class BaselinePair:
    """The two Lambdas of benchmarks/plain, unchanged."""

    accepts_restarts = True

    def __init__(self, world: World, *, skip_checks: bool = True) -> None:
        self._world = world
        self._start, self._stop = (_load(name, world) for name in ("start", "stop"))
        self._stop.now = world.scheduler.clock  # type: ignore[attr-defined]
        self._schedule = Schedule(world, _MINUTES * 60, self._check, skip_checks=skip_checks)

    @property
    def checks(self) -> int:
        """How many checks the schedule has run."""
        return self._schedule.runs

    def begin(self) -> None:
        """Every 15 minutes."""
        self._schedule.begin()

    def click(self, on_reply: OnReply) -> None:
        """The response has RDS's status. Only with starting or available, the database will be available."""

        def work() -> None:
            try:
                message = json.loads(self._start.handler({}, None)["body"])["message"]
            except self._start.rds.exceptions.ClientError:
                message = "Internal server error"
            on_reply(Reply.WILL_BE_AVAILABLE if message.endswith(("starting", "available")) else Reply.STATUS_ONLY)

        self._world.invoke("plain start", work)

    def end(self) -> None:
        """Nothing to do."""

    def _check(self, on_end: OnEnd) -> None:
        def work() -> None:
            self._stop.handler({}, None)
            on_end(None)

        self._world.invoke("plain stop", work)


def _load(name: str, world: World) -> ModuleType:
    """The module, with the clients of this world."""
    module = ModuleType(f"plain_{name}")
    environ = {"DATABASE_ID": DATABASE.id, "METADATA_TABLE": TABLE}
    with patch.dict(os.environ, environ), patch.object(boto3, "client", world.client):
        SourceFileLoader(module.__name__, str(_FOLDER / f"{name}.py")).exec_module(module)
    return module
