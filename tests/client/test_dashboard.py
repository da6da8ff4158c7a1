"""The example backend on a real PostgreSQL, seen from the moment at which it answers."""

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


@pytest.fixture
def dashboard(postgres: LocalPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    """It meets a database without tables; nobody answers for rds-lifecycle."""
    monkeypatch.setenv("DATABASE_URL", postgres.url.replace("postgresql:", "postgresql+psycopg:"))
    monkeypatch.setenv("RDS_LIFECYCLE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("RDS_LIFECYCLE_TOKEN", "operator")
    monkeypatch.setenv("RDS_LIFECYCLE_DATABASE", "db")
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("drop table if exists entries")
    module: Any = importlib.reload(importlib.import_module("examples.dashboard.app"))
    yield module.app
    module.lifecycle.close()


def ask(app: FastAPI, *requests: tuple[str, str]) -> list[httpx.Response]:
    """The answers to requests that are made at the same time."""

    async def asked() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://backend") as client:
            answers = await asyncio.gather(*(client.request(method, path) for method, path in requests))
            await importlib.import_module("examples.dashboard.app").engine.dispose()
            return answers

    return asyncio.run(asked())


def test_twenty_requests_that_find_no_table_are_all_answered(dashboard: FastAPI) -> None:
    answers = ask(dashboard, *[("GET", "/balances")] * 20)
    assert [answer.status_code for answer in answers] == [200] * 20


def test_an_entry_is_committed_when_201_is_said(dashboard: FastAPI, postgres: LocalPostgres) -> None:
    ask(dashboard, ("GET", "/balances"))
    body = json.dumps({"account": "rent", "amount": "1250.50"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/entries"}
    seen: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            with psycopg.connect(postgres.url) as another:
                seen.append((message["status"], another.execute("select account from entries").fetchall()))

    async def book() -> None:
        await dashboard({**scope, "query_string": b"", "headers": headers}, receive, send)
        await importlib.import_module("examples.dashboard.app").engine.dispose()

    asyncio.run(book())
    assert seen == [(201, [("rent",)])]


def test_a_browser_is_not_told_what_the_backend_talks_to(dashboard: FastAPI) -> None:
    [answer] = ask(dashboard, ("POST", "/database/restart"))
    assert answer.status_code == 502
    assert "127.0.0.1" not in answer.text
