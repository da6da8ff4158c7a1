"""The plain pair of Lambdas, on a simulated AWS."""

import json
import os
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Final
from unittest.mock import patch

import boto3

from benchmarks.minders import Answered, Reply
from benchmarks.schedule import Ended, Schedule
from benchmarks.world import DATABASE, TABLE, World

_FOLDER: Final = Path(__file__).parent / "plain"
_MINUTES: Final = 15


class PlainPair:
    """The two Lambdas of benchmarks/plain, as they are."""

    has_button = True

    def __init__(self, world: World, *, spares: bool = True) -> None:
        self._world = world
        self._start, self._stop = (_load(name, world) for name in ("start", "stop"))
        self._stop.now = world.clockwork.clock  # type: ignore[attr-defined]
        self._schedule = Schedule(world, _MINUTES * 60, self._check, spares=spares)

    @property
    def checks(self) -> int:
        """How often the schedule has woken it."""
        return self._schedule.runs

    def begin(self) -> None:
        """Every 15 minutes."""
        self._schedule.begin()

    def click(self, answered: Answered) -> None:
        """Its answer is RDS's status; only where that is up or on the way up, the database will be there."""

        def work() -> None:
            try:
                message = json.loads(self._start.handler({}, None)["body"])["message"]
            except self._start.rds.exceptions.ClientError:
                message = "Internal server error"
            answered(Reply.IT_COMES if message.endswith(("starting", "available")) else Reply.NO_MORE)

        self._world.invoke("plain start", work)

    def end(self) -> None:
        """Nothing to do."""

    def _check(self, ended: Ended) -> None:
        def work() -> None:
            self._stop.handler({}, None)
            ended(None)

        self._world.invoke("plain stop", work)


def _load(name: str, world: World) -> ModuleType:
    """The module, with clients of this world."""
    module = ModuleType(f"plain_{name}")
    environ = {"DATABASE_ID": DATABASE.id, "METADATA_TABLE": TABLE}
    with patch.dict(os.environ, environ), patch.object(boto3, "client", world.client):
        SourceFileLoader(module.__name__, str(_FOLDER / f"{name}.py")).exec_module(module)
    return module
