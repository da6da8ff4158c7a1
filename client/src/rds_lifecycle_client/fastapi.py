"""FastAPI and Starlette: a request that fails because the database is unavailable is answered with 503."""

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

from rds_lifecycle_client.health import Health, HealthCheck, HealthState
from rds_lifecycle_client.lifecycle import LifecycleClient

__all__ = ["Health", "HealthCheck", "HealthState", "instrument_app"]

logger: Final = logging.getLogger("rds_lifecycle_client")


def instrument_app(app: Starlette, lifecycle: LifecycleClient, *, status_page: str | None = None) -> None:
    """Answer requests that fail with a connection failure with 503 and ``Retry-After``, and start the database.

    Programs get application/problem+json. Browsers get a page that reloads automatically and links to ``status_page``
    if one is given. The app's own handlers of specific exceptions take precedence; its handlers of Exception and 500 do
    not. Unreported activity is reported when the app shuts down. Raises RuntimeError once the app has served a request.
    """
    if app.middleware_stack is not None:
        raise RuntimeError("Call instrument_app(app, lifecycle) where the app is created: the app is already serving.")
    # Innermost, so that the response gets the headers of all other middleware, such as CORS.
    app.user_middleware.append(Middleware(_DatabaseUnavailableMiddleware, lifecycle=lifecycle, status_page=status_page))


class _DatabaseUnavailableMiddleware:
    def __init__(self, app: ASGIApp, lifecycle: LifecycleClient, status_page: str | None) -> None:
        self._app = app
        self._lifecycle = lifecycle
        self._status_page = status_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response_started = False

        async def observe_and_send(message: Message) -> None:
            nonlocal response_started
            response_started = response_started or message["type"] == "http.response.start"
            if message["type"] == "lifespan.shutdown.complete":
                # Uvicorn ends itself with the signal that it received, so Python's exit handlers do not run.
                await asyncio.to_thread(self._lifecycle.report)
            await send(message)

        try:
            await self._app(scope, receive, observe_and_send)
        except Exception as error:  # any driver's exception; all but connection failures are raised again
            # If the response has started, or the scope is not HTTP, the database is started but nothing can be sent.
            if not self._lifecycle.handle_error(error) or response_started or scope["type"] != "http":
                raise
            logger.info(
                "The database is unavailable. Answered %s %r with 503. %r", scope["method"], scope["path"], error
            )
            await self._response(scope)(scope, receive, send)

    def _response(self, scope: Scope) -> Response:
        seconds = math.ceil(self._lifecycle.retry_after)
        headers = {"Retry-After": str(seconds), "Cache-Control": "no-store", "Vary": "Accept"}
        if "text/html" in Headers(scope=scope).get("accept", ""):
            page = _page(scope["method"], seconds, self._lifecycle.is_waking, self._status_page)
            return HTMLResponse(page, 503, headers)
        problem = json.dumps(_problem(seconds, self._lifecycle.is_waking))
        return Response(problem, 503, headers, "application/problem+json")


def _problem(seconds: int, is_waking: bool) -> dict[str, Any]:  # noqa: FBT001
    requested = " A restart has been requested." if is_waking else ""
    return {
        "type": "urn:rds-lifecycle:database-asleep",
        "title": "The database is unavailable",
        "status": 503,
        "detail": f"The database is unavailable.{requested} Repeat the request in {seconds} s.",
        "instance": f"urn:uuid:{uuid.uuid4()}",
    }


def _page(method: str, seconds: int, is_waking: bool, status_page: str | None) -> str:  # noqa: FBT001
    title = "The database is starting" if is_waking else "The database is unavailable"
    state = "A restart has been requested; it takes several minutes." if is_waking else "No restart could be requested."
    is_safe_to_repeat = method in ("GET", "HEAD")
    refresh = f'<meta http-equiv="refresh" content="{seconds}">' if is_safe_to_repeat else ""
    advice = "This page reloads automatically." if is_safe_to_repeat else "Go back and send it again in a few minutes."
    link = f'<p><a href="{html.escape(status_page)}">Show the status of the database</a></p>' if status_page else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>{refresh}
<style>
  :root {{ color-scheme: light dark }}
  body {{ font: 1.1rem/1.5 system-ui; max-width: 32rem; margin: 20vh auto; padding: 0 1rem }}
</style>
</head><body><main role="status"><h1>{title}</h1>
<p>It is stopped while it is idle. {state} {advice}</p>{link}
</main></body></html>
"""
