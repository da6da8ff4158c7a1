"""The app as Chalice runs it, on a World."""

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
from tests.openapi import check_response, operation_of
from tests.support import Backend, World, create_world

ROOT = Path(__file__).resolve().parent.parent
TOKENS = ",".join(f"{role}-name:{role}:{hashlib.sha256(role.encode()).hexdigest()}" for role in Role)
_numbers = itertools.count()


def load_app() -> ModuleType:
    """app.py, imported again with the current environment, as Chalice imports it."""
    spec = importlib.util.spec_from_file_location(f"app_{next(_numbers)}", ROOT / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Served:
    """The app, and the World that it runs on."""

    world: World
    module: ModuleType
    client: Client

    def call(
        self, method: str, path: str, role: str | None = "operator", body: bytes = b"", **headers: str
    ) -> HTTPResponse:
        """One request, with a token of that role. docs/openapi.json must describe the response."""
        if role is not None:
            headers["Authorization"] = f"Bearer {role}"
        if body:
            headers.setdefault("Content-Type", "application/json")
        response = self.client.http.request(method, path, headers=headers, body=body)
        if operation := operation_of(method, path):
            check_response(operation, response.status_code, response.headers, response.body)
        return response

    def invoke(self, name: str, payload: Any) -> Any:
        """One invocation, as Lambda makes it."""
        return self.client.lambda_.invoke(name, payload).payload

    def run_check(self) -> Any:
        """Invoke the check, as its schedule does."""
        return self.invoke(
            "inactivity_check", self.client.events.generate_cw_event("aws.events", "Scheduled Event", {}, [])
        )

    def send_event(self, database_id: str, kind: str = "Instance", event_id: str = "RDS-EVENT-0000") -> Any:
        """Send an RDS event about the database."""
        detail = {"SourceIdentifier": database_id, "EventID": event_id}
        event = self.client.events.generate_cw_event("aws.rds", f"RDS DB {kind} Event", detail, [])
        return self.invoke("database_event", event)


Serve = Callable[..., Served]


@contextmanager
def serving(
    status: str = "stopped", databases: str = "ss-financial-prod", *, backend: Backend = "moto", **environ: str
) -> Iterator[Served]:
    """The app on a World: serving(status=…, IDLE_MINUTES=…)."""
    environ = {"DATABASES": databases, "ACCESS_TOKENS": TOKENS, **environ}
    settings = read_settings(environ)
    world_of_app = create_world(*settings.databases, backend=backend, status=status, settings=settings)
    with patch.dict(os.environ, environ), world_of_app as world:
        module = load_app()
        with patch.object(module, "connect", lambda _: world.lifecycle):
            yield Served(world, module, Client(module.app, stage_name="a-stage-of-tests", project_dir=str(ROOT)))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves the app on a World, until the test ends. Takes the arguments of ``serving``."""
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(serving(*args, **options))
