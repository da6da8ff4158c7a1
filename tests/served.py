"""The app as Chalice runs it, on a small world with an injected clock."""

import hashlib
import importlib.util
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest
from chalice.test import Client, HTTPResponse

from chalicelib.settings import Role, read_settings
from tests.openapi import check_answer, operation_of
from tests.support import World, a_world

ROOT = Path(__file__).resolve().parent.parent
TOKENS = ",".join(f"{role}-name:{role}:{hashlib.sha256(role.encode()).hexdigest()}" for role in Role)
_numbers = itertools.count()


def load_app() -> ModuleType:
    """app.py, imported afresh with the environment of now, as Chalice imports it."""
    spec = importlib.util.spec_from_file_location(f"app_{next(_numbers)}", ROOT / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Served:
    """The app, and the world below it."""

    world: World
    module: ModuleType
    client: Client

    def call(
        self, method: str, path: str, role: str | None = "operator", body: bytes = b"", **headers: str
    ) -> HTTPResponse:
        """One request, by a bearer of that role; its answer has to be one of docs/openapi.json."""
        if role is not None:
            headers["Authorization"] = f"Bearer {role}"
        if body:
            headers.setdefault("Content-Type", "application/json")
        response = self.client.http.request(method, path, headers=headers, body=body)
        if operation := operation_of(method, path):
            check_answer(operation, response.status_code, response.headers, response.body)
        return response

    def invoke(self, name: str, payload: Any) -> Any:
        """One invocation, as Lambda makes it."""
        return self.client.lambda_.invoke(name, payload).payload

    def tick(self) -> Any:
        """The schedule wakes the check."""
        return self.invoke(
            "inactivity_check", self.client.events.generate_cw_event("aws.events", "Scheduled Event", {}, [])
        )

    def event(self, database_id: str, kind: str = "Instance") -> Any:
        """RDS tells that something happened."""
        detail = {"SourceIdentifier": database_id, "EventID": "RDS-EVENT-0000"}
        event = self.client.events.generate_cw_event("aws.rds", f"RDS DB {kind} Event", detail, [])
        return self.invoke("database_event", event)


Serve = Callable[..., Served]


@contextmanager
def serving(status: str = "stopped", databases: str = "ss-financial-prod", **environ: str) -> Iterator[Served]:
    """A world, and the app on it: serving(status=…, IDLE_MINUTES=…)."""
    environ = {"DATABASES": databases, "ACCESS_TOKENS": TOKENS, **environ}
    settings = read_settings(environ)
    with patch.dict(os.environ, environ), a_world(*settings.databases, status=status, given=settings) as world:
        module = load_app()
        with patch.object(module, "connect", lambda _: world.lifecycle):
            yield Served(world, module, Client(module.app, stage_name="a-stage-of-tests", project_dir=str(ROOT)))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Make a world and serve the app on it, until the test ends."""
    with ExitStack() as stack:
        yield lambda *given, **environ: stack.enter_context(serving(*given, **environ))
