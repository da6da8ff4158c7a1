"""Fixtures of the client's tests: a real PostgreSQL, and rds-lifecycle's own app behind an Api."""

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
    """A running PostgreSQL. A test may stop it; this fixture starts it again."""
    bring_up(shared_postgres)
    return shared_postgres


@pytest.fixture
def connect_app(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Served, Api]]:
    """The real app, and an Api with the token of a role whose requests go to that app."""

    def connect(role: str = "operator", **environ: str) -> tuple[Served, Api]:
        served = serve(**environ)

        def respond(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
            token = request.headers["authorization"].removeprefix("Bearer ")
            response = served.call(request.method, request.url.path, token, request.content)
            return httpx.Response(response.status_code, headers=dict(response.headers), content=response.body)

        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", respond)
        return served, Api("https://lifecycle.example", role, "ss-financial-prod")

    return connect


@pytest.fixture
def canned_api(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Api]:
    """An Api that gets the given responses in order: (status, body, headers), or an exception to raise."""

    def create(*responses: Any) -> Api:
        remaining = list(responses)

        def respond(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
            match remaining.pop(0):
                case Exception() as error:
                    raise error
                case (status, body, headers):
                    text = body if isinstance(body, str) else json.dumps(body)
                    return httpx.Response(status, headers=headers, text=text)
                case other:
                    raise AssertionError(other)

        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", respond)
        return Api("https://lifecycle.example/api/", "operator", "db")

    return create
