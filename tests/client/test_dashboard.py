"""The example backend on a real PostgreSQL."""

import asyncio
import importlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from dev.local.postgres import LocalPostgres
from tests.client.support import WAIT_LIMIT_SECONDS


@pytest.fixture
def dashboard(postgres: LocalPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    """The app on a database without tables, and without an rds-lifecycle that responds."""
    monkeypatch.setenv("DATABASE_URL", postgres.url.replace("postgresql:", "postgresql+psycopg:"))
    monkeypatch.setenv("CONNECT_TIMEOUT_SECONDS", str(WAIT_LIMIT_SECONDS))
    monkeypatch.setenv("RDS_LIFECYCLE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("RDS_LIFECYCLE_TOKEN", "operator")
    monkeypatch.setenv("RDS_LIFECYCLE_DATABASE", "db")
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("drop table if exists entries")
    module: Any = importlib.reload(importlib.import_module("examples.dashboard.app"))
    yield module.app
    module.lifecycle.close()


def request_concurrently(app: FastAPI, *requests: tuple[str, str]) -> list[httpx.Response]:
    async def request_all() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://backend") as client:
            responses = await asyncio.gather(*(client.request(method, path) for method, path in requests))
            await importlib.import_module("examples.dashboard.app").engine.dispose()
            return responses

    return asyncio.run(request_all())


def test_balances__twenty_requests_without_tables__all_succeed(dashboard: FastAPI) -> None:
    responses = request_concurrently(dashboard, *[("GET", "/balances")] * 20)
    assert [response.status_code for response in responses] == [200] * 20


def test_create_entry__when_201_is_sent__is_committed(dashboard: FastAPI, postgres: LocalPostgres) -> None:
    request_concurrently(dashboard, ("GET", "/balances"))
    body = json.dumps({"account": "rent", "amount": "1250.50"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/entries"}
    committed: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            with psycopg.connect(postgres.url) as connection:
                rows = connection.execute("select account from entries").fetchall()
                committed.append((message["status"], rows))

    async def create_entry() -> None:
        await dashboard({**scope, "query_string": b"", "headers": headers}, receive, send)
        await importlib.import_module("examples.dashboard.app").engine.dispose()

    asyncio.run(create_entry())
    assert committed == [(201, [("rent",)])]


def test_restart__rds_lifecycle_does_not_respond__hides_its_address(dashboard: FastAPI) -> None:
    [response] = request_concurrently(dashboard, ("POST", "/database/restart"))
    assert response.status_code == 502
    assert "127.0.0.1" not in response.text
