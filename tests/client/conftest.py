"""What the client's tests stand on: a real PostgreSQL, and rds-lifecycle's own app as the client's other side."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from dev.local.postgres import LocalPostgres
from rds_lifecycle_client import Api
from tests.postgres import a_server, bring_up
from tests.served import Serve, Served


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
