"""The responses of a backend whose database is unavailable."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import StreamingResponse

from rds_lifecycle_client import ActivityReporter, LifecycleClient, RequestRejected, Unavailable
from rds_lifecycle_client.fastapi import instrument_app
from tests.client.support import CountingRestartTarget, wait_until
from tests.support import Clock

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def fail_to_connect() -> None:
    raise psycopg.OperationalError("connection refused")


def make_app(lifecycle: LifecycleClient, **options: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(CORSMiddleware, allow_origins=["https://dashboard.example"])

    @app.api_route("/balances", methods=["GET", "POST"])
    def balances() -> None:
        fail_to_connect()

    @app.get("/balances/{account}")
    def balance(account: str) -> None:
        fail_to_connect()

    @app.get("/bug")
    def bug() -> None:
        raise ZeroDivisionError

    @app.get("/handled")
    def handled() -> None:
        try:
            fail_to_connect()
        except psycopg.Error as error:
            raise HTTPException(418, "the app's own response") from error

    @app.get("/stream")
    def stream() -> StreamingResponse:
        async def rows() -> AsyncIterator[bytes]:
            yield b"a row\n"
            fail_to_connect()

        return StreamingResponse(rows())

    instrument_app(app, lifecycle, **options)
    return app


def request(app: FastAPI, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://backend") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(send())


def test_request__from_a_program__gets_a_problem_with_retry_after() -> None:
    restart_target = CountingRestartTarget()
    restart_target.may_respond.clear()
    lifecycle = LifecycleClient(restart_target=restart_target)
    app = make_app(lifecycle)
    first = request(app, "/balances")
    assert (first.status_code, first.headers["Retry-After"]) == (503, "10")
    assert first.headers["Content-Type"] == "application/problem+json"
    assert first.headers["Cache-Control"] == "no-store"
    body = first.json()
    assert body["detail"] == ("The database is unavailable. A restart has been requested. Repeat the request in 10 s.")
    assert (body["type"], body["status"]) == ("urn:rds-lifecycle:database-asleep", 503)
    assert "refused" not in json.dumps(body), "the driver's message is not for callers"
    restart_target.may_respond.set()
    wait_until(lambda: lifecycle.retry_after == 7.0, "the response to the restart request")
    assert request(app, "/balances").headers["Retry-After"] == "7", "the Retry-After of rds-lifecycle"
    assert restart_target.requests == 1


def test_request__from_a_browser__gets_a_page_that_reloads() -> None:
    app = make_app(LifecycleClient(), status_page='https://status.example/?a="b"')
    page = request(app, "/balances", **BROWSER)
    assert (page.status_code, page.headers["Retry-After"]) == (503, "10")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '<meta http-equiv="refresh" content="10">' in page.text
    assert '<a href="https://status.example/?a=&quot;b&quot;">' in page.text


def test_request__form_submission__gets_a_page_that_does_not_reload() -> None:
    page = request(make_app(LifecycleClient(restart_target=CountingRestartTarget())), "/balances", "POST", **BROWSER)
    assert page.status_code == 503
    assert "refresh" not in page.text
    assert "send it again" in page.text


def test_response__with_other_middleware__gets_its_headers() -> None:
    app = make_app(LifecycleClient(restart_target=CountingRestartTarget()))
    response = request(app, "/balances", Origin="https://dashboard.example")
    assert response.headers["Access-Control-Allow-Origin"] == "https://dashboard.example"


def test_response__without_a_restart_target__mentions_no_restart() -> None:
    body = request(make_app(LifecycleClient()), "/balances").json()
    assert body["detail"] == "The database is unavailable. Repeat the request in 10 s."


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        pytest.param(RequestRejected("403"), 10, id="rejected"),
        pytest.param(Unavailable("no capacity", 300.0), 300, id="unavailable"),
    ],
)
def test_response__restart_request_failed__mentions_no_restart(error: Exception, seconds: int) -> None:
    lifecycle = LifecycleClient(restart_target=CountingRestartTarget(error))
    app = make_app(lifecycle)
    request(app, "/balances")
    wait_until(lambda: not lifecycle.is_waking, "the failure")
    wait_until(lambda: lifecycle.retry_after == seconds, "Retry-After")
    response = request(app, "/balances")
    assert response.json()["detail"] == f"The database is unavailable. Repeat the request in {seconds} s."
    assert response.headers["Retry-After"] == str(seconds)
    assert "No restart could be requested." in request(app, "/balances", **BROWSER).text


def test_log__path_with_a_line_break__stays_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rds_lifecycle_client")
    assert request(make_app(LifecycleClient()), "/balances/%0AERROR").status_code == 503
    assert [message for message in caplog.messages if "\n" in message] == []
    assert "with 503" in caplog.text


def test_response__other_error_or_the_apps_own_response__is_unchanged() -> None:
    restart_target = CountingRestartTarget()
    app = make_app(LifecycleClient(restart_target=restart_target))
    with pytest.raises(ZeroDivisionError):
        request(app, "/bug")
    assert request(app, "/handled").status_code == 418
    assert request(app, "/nothing").status_code == 404
    assert restart_target.requests == 0


def test_failure__after_the_response_has_started__requests_a_restart() -> None:
    restart_target = CountingRestartTarget()
    with pytest.raises(psycopg.OperationalError):
        request(make_app(LifecycleClient(restart_target=restart_target)), "/stream")
    wait_until(lambda: restart_target.requests == 1, "the restart request")


def test_failure__at_startup__requests_a_restart() -> None:
    restart_target = CountingRestartTarget()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        fail_to_connect()
        yield

    app = FastAPI(lifespan=lifespan)
    instrument_app(app, LifecycleClient(restart_target=restart_target))

    async def start() -> None:
        async def receive() -> dict[str, str]:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            pass

        await app({"type": "lifespan"}, receive, send)

    with pytest.raises(psycopg.OperationalError):
        asyncio.run(start())
    wait_until(lambda: restart_target.requests == 1, "the restart request")


def test_shutdown__unreported_activity__is_reported_from_another_thread() -> None:
    reporting_threads: list[int] = []

    class Sink:
        def report(self, at: datetime) -> None:
            reporting_threads.append(threading.get_ident())

    reporter = ActivityReporter(Sink(), timedelta(hours=1), clock := Clock())
    app = FastAPI()
    instrument_app(app, LifecycleClient(reporter))
    messages = ["lifespan.startup", "lifespan.shutdown"]

    async def receive() -> dict[str, str]:
        return {"type": messages.pop(0)}

    async def send(message: Any) -> None:
        if message["type"] == "lifespan.startup.complete":
            reporter.mark_active()
            wait_until(lambda: reporter.reports, "the first report")
            clock.advance(1)
            reporter.mark_active()

    asyncio.run(app({"type": "lifespan"}, receive, send))
    assert len(reporting_threads) == 2
    assert threading.get_ident() not in reporting_threads, "a report would block the event loop"
    reporter.close()


def test_instrument_app__app_already_serving__raises() -> None:
    app = FastAPI()
    request(app, "/")
    with pytest.raises(RuntimeError, match="already serving"):
        instrument_app(app, LifecycleClient())
