"""What the client's tests stand on: a real PostgreSQL, and rds-lifecycle's own app as the client's other side."""

import contextlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dev.local_postgres import LocalPostgres, find_place, find_programs
from rds_lifecycle_client import Api
from tests.local.test_make_run import free_ports
from tests.served import Serve, Served


@contextlib.contextmanager
def a_server() -> Iterator[LocalPostgres]:
    """A PostgreSQL with a data folder of its own, not running yet."""
    if find_programs() is None:
        pytest.skip("PostgreSQL is not installed")
    # pytest's own folders are closed to the user postgres.
    folder = Path(tempfile.mkdtemp(prefix="rds-lifecycle-"))
    folder.chmod(0o755)
    server = LocalPostgres(free_ports()[0], find_place({**os.environ, "POSTGRES_DATA": str(folder / "data")}))
    try:
        server.prepare()
        yield server
    finally:
        server.end()
        shutil.rmtree(folder)


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


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[LocalPostgres]:
    with a_server() as server:
        yield server


@pytest.fixture
def postgres(shared_postgres: LocalPostgres) -> LocalPostgres:
    """A running PostgreSQL. A test may stop it; the next one finds it running again."""
    bring_up(shared_postgres)
    return shared_postgres


@pytest.fixture
def wire(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Served, Api]]:
    """The real app, and an Api whose requests it answers, with the token of a role."""

    def wired(role: str = "operator", **environ: str) -> tuple[Served, Api]:
        served = serve(**environ)

        def answer(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
            bearer = request.headers["authorization"].removeprefix("Bearer ")
            asked = served.call(request.method, request.url.path, bearer, request.content)
            return httpx.Response(asked.status_code, headers=dict(asked.headers), content=asked.body)

        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
        return served, Api("https://lifecycle.example", role, "ss-financial-prod")

    return wired


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Api]:
    """An Api that gets these answers, one after the other: (status, body, headers), or an exception to raise."""

    def said(*answers: Any) -> Api:
        waiting = list(answers)

        def answer(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
            match waiting.pop(0):
                case Exception() as error:
                    raise error
                case (status, body, headers):
                    text = body if isinstance(body, str) else json.dumps(body)
                    return httpx.Response(status, headers=headers, text=text)
                case other:
                    raise AssertionError(other)

        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
        return Api("https://lifecycle.example/api/", "operator", "db")

    return said
