"""FastAPI (and Starlette): a request that meets the database asleep gets 503 and wakes it."""

import asyncio
import html
import json
import logging
import math
import uuid
from typing import Any, Final

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rds_lifecycle_client.health import HealthState, Health, HealthCheck
from rds_lifecycle_client.lifecycle import LifecycleClient

__all__ = ["HealthState", "Health", "HealthCheck", "instrument_app"]

logger: Final = logging.getLogger("rds_lifecycle_client")


def instrument_app(app: Starlette, lifecycle: LifecycleClient, *, status_page: str | None = None) -> None:
    """Answer requests that fail because the database is down with 503 and ``Retry-After``, and wake the database.

    Programs get application/problem+json, browsers a page that tries again by itself; it links to ``status_page``,
    where that is given. The app's own handlers of particular exceptions come first, those of Exception and 500 later.
    When the app shuts down, what has not been reported is. Raises RuntimeError once the app is serving.
    """
    if app.middleware_stack is not None:
        raise RuntimeError("instrument_app(app, lifecycle) comes too late: the app serves already. Call it where app is made.")
    # Innermost, so that an answer of ours gets the headers of all the others, of CORS above all.
    app.user_middleware.append(Middleware(_AnswerWhileDown, lifecycle=lifecycle, status_page=status_page))


class _AnswerWhileDown:
    def __init__(self, app: ASGIApp, lifecycle: LifecycleClient, status_page: str | None) -> None:
        self._app = app
        self._lifecycle = lifecycle
        self._status_page = status_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def note(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            if message["type"] == "lifespan.shutdown.complete":
                # Uvicorn ends by the signal that it was sent: what Python does at exit does not happen then.
                await asyncio.to_thread(self._lifecycle.report)
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception as error:  # any driver's: what does not mean that the database is down is raised again
            # Also where the answer has begun, or none can be given: then only the database is woken.
            if not self._lifecycle.handle_error(error) or begun or scope["type"] != "http":
                raise
            logger.info("The database is down: %s %r is answered 503. %r", scope["method"], scope["path"], error)
            await self._answer(scope)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        seconds = math.ceil(self._lifecycle.retry_after)
        headers = {"Retry-After": str(seconds), "Cache-Control": "no-store", "Vary": "Accept"}
        if "text/html" in Headers(scope=scope).get("accept", ""):
            page = _page(scope["method"], seconds, self._lifecycle.is_waking, self._status_page)
            return HTMLResponse(page, 503, headers)
        problem = json.dumps(_problem(seconds, self._lifecycle.is_waking))
        return Response(problem, 503, headers, "application/problem+json")


def _problem(seconds: int, is_waking: bool) -> dict[str, Any]:  # noqa: FBT001
    asked = "; it has been asked to start" if is_waking else ""
    return {
        "type": "urn:rds-lifecycle:database-asleep",
        "title": "The database is asleep",
        "status": 503,
        "detail": f"The database is not there{asked}. Repeat the request in {seconds} s.",
        "instance": f"urn:uuid:{uuid.uuid4()}",
    }


def _page(method: str, seconds: int, is_waking: bool, status_page: str | None) -> str:  # noqa: FBT001
    title = "The database is waking up" if is_waking else "The database is not there"
    state = "It has been asked to start, which takes some minutes." if is_waking else "It could not be asked to start."
    again = method in ("GET", "HEAD")
    refresh = f'<meta http-equiv="refresh" content="{seconds}">' if again else ""
    advice = "This page tries again by itself." if again else "Go back and send it again in a few minutes."
    link = f'<p><a href="{html.escape(status_page)}">How the database stands</a></p>' if status_page else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>{refresh}
<style>
  :root {{ color-scheme: light dark }}
  body {{ font: 1.1rem/1.5 system-ui; max-width: 32rem; margin: 20vh auto; padding: 0 1rem }}
</style>
</head><body><main role="status"><h1>{title}</h1>
<p>It sleeps when nobody uses it. {state} {advice}</p>{link}
</main></body></html>
"""
