"""What people and programs get from a backend whose database is down."""

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
from tests.client.support import Counting, wait_until
from tests.support import Clock

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def down() -> None:
    raise psycopg.OperationalError("connection refused")


def a_backend(lifecycle: LifecycleClient, **options: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(CORSMiddleware, allow_origins=["https://dashboard.example"])

    @app.api_route("/balances", methods=["GET", "POST"])
    def balances() -> None:
        down()

    @app.get("/balances/{account}")
    def balance(account: str) -> None:
        down()

    @app.get("/fault")
    def fault() -> None:
        raise ZeroDivisionError

    @app.get("/teapot")
    def teapot() -> None:
        try:
            down()
        except psycopg.Error as error:
            raise HTTPException(418, "the app's own answer") from error

    @app.get("/stream")
    def stream() -> StreamingResponse:
        async def rows() -> AsyncIterator[bytes]:
            yield b"a row\n"
            down()

        return StreamingResponse(rows())

    instrument_app(app, lifecycle, **options)
    return app


def ask(app: FastAPI, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://backend") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(asked())


def test_a_program_gets_a_problem_that_says_when_to_try_again() -> None:
    restart_target = Counting()
    restart_target.may_answer.clear()
    lifecycle = LifecycleClient(restart_target=restart_target)
    app = a_backend(lifecycle)
    first = ask(app, "/balances")
    assert (first.status_code, first.headers["Retry-After"]) == (503, "10")
    assert first.headers["Content-Type"] == "application/problem+json"
    assert first.headers["Cache-Control"] == "no-store"
    body = first.json()
    assert body["detail"] == "The database is not there; it has been asked to start. Repeat the request in 10 s."
    assert (body["type"], body["status"]) == ("urn:rds-lifecycle:database-asleep", 503)
    assert "refused" not in json.dumps(body), "the driver's words are not for callers"
    restart_target.may_answer.set()
    wait_until(lambda: lifecycle.retry_after == 7.0, "the answer to the restart")
    assert ask(app, "/balances").headers["Retry-After"] == "7", "as rds-lifecycle said"
    assert restart_target.asked == 1


def test_a_browser_gets_a_page_that_tries_again_by_itself() -> None:
    app = a_backend(LifecycleClient(), status_page='https://status.example/?a="b"')
    page = ask(app, "/balances", **BROWSER)
    assert (page.status_code, page.headers["Retry-After"]) == (503, "10")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '<meta http-equiv="refresh" content="10">' in page.text
    assert '<a href="https://status.example/?a=&quot;b&quot;">' in page.text


def test_a_form_that_was_sent_is_not_sent_again_by_itself() -> None:
    page = ask(a_backend(LifecycleClient(restart_target=Counting())), "/balances", "POST", **BROWSER)
    assert page.status_code == 503
    assert "refresh" not in page.text
    assert "send it again" in page.text


def test_the_answer_has_the_headers_of_other_middleware() -> None:
    answer = ask(a_backend(LifecycleClient(restart_target=Counting())), "/balances", Origin="https://dashboard.example")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://dashboard.example"


def test_a_backend_that_cannot_wake_it_does_not_say_that_it_has() -> None:
    body = ask(a_backend(LifecycleClient()), "/balances").json()
    assert body["detail"] == "The database is not there. Repeat the request in 10 s."


@pytest.mark.parametrize("fault", [RequestRejected("403"), Unavailable("no capacity", 300.0)])
def test_where_asking_was_in_vain_it_says_so_no_more(fault: Exception) -> None:
    lifecycle = LifecycleClient(restart_target=Counting(fault))
    app = a_backend(lifecycle)
    ask(app, "/balances")
    wait_until(lambda: not lifecycle.is_waking, "the refusal")
    seconds = 300 if isinstance(fault, Unavailable) else 10
    wait_until(lambda: lifecycle.retry_after == seconds, "the answer's Retry-After")
    answer = ask(app, "/balances")
    assert answer.json()["detail"] == f"The database is not there. Repeat the request in {seconds} s."
    assert answer.headers["Retry-After"] == str(seconds)
    assert "It could not be asked to start." in ask(app, "/balances", **BROWSER).text


def test_a_path_forges_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rds_lifecycle_client")
    assert ask(a_backend(LifecycleClient()), "/balances/%0AERROR").status_code == 503
    assert [message for message in caplog.messages if "\n" in message] == []
    assert "answered 503" in caplog.text


def test_other_faults_and_the_apps_own_answers_stay_as_they_are() -> None:
    restart_target = Counting()
    app = a_backend(LifecycleClient(restart_target=restart_target))
    with pytest.raises(ZeroDivisionError):
        ask(app, "/fault")
    assert ask(app, "/teapot").status_code == 418
    assert ask(app, "/nothing").status_code == 404
    assert restart_target.asked == 0


def test_an_answer_that_has_begun_cannot_be_changed_but_the_database_is_woken() -> None:
    restart_target = Counting()
    with pytest.raises(psycopg.OperationalError):
        ask(a_backend(LifecycleClient(restart_target=restart_target)), "/stream")
    wait_until(lambda: restart_target.asked == 1, "the request")


def test_an_app_whose_start_needs_the_database_wakes_it() -> None:
    restart_target = Counting()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        down()
        yield

    app = FastAPI(lifespan=lifespan)
    instrument_app(app, LifecycleClient(restart_target=restart_target))
    sent: list[str] = []

    async def start() -> None:
        async def receive() -> dict[str, str]:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await app({"type": "lifespan"}, receive, send)

    with pytest.raises(psycopg.OperationalError):
        asyncio.run(start())
    wait_until(lambda: restart_target.asked == 1, "the request")


def test_an_app_that_shuts_down_reports_its_last_use_and_not_on_its_event_loop() -> None:
    made_on: list[int] = []

    class Sink:
        def report(self, at: datetime) -> None:
            made_on.append(threading.get_ident())

    reporter = ActivityReporter(Sink(), timedelta(hours=1), clock := Clock())
    app = FastAPI()
    instrument_app(app, LifecycleClient(reporter))
    coming = ["lifespan.startup", "lifespan.shutdown"]

    async def receive() -> dict[str, str]:
        return {"type": coming.pop(0)}

    async def send(message: Any) -> None:
        if message["type"] == "lifespan.startup.complete":
            reporter.mark_active()
            wait_until(lambda: reporter.reports, "the first report")
            clock.advance(1)
            reporter.mark_active()

    asyncio.run(app({"type": "lifespan"}, receive, send))
    assert len(made_on) == 2
    assert threading.get_ident() not in made_on
    reporter.close()


def test_installing_too_late_is_said() -> None:
    app = FastAPI()
    ask(app, "/")
    with pytest.raises(RuntimeError, match="comes too late"):
        instrument_app(app, LifecycleClient())
