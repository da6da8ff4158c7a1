"""A tab of a real Chromium, which shows the app of this process: no port, and one virtual clock for both."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Playwright, Request, Route

from tests.served import Served
from tests.support import PROD

ORIGIN: Final = "https://database.test"
BASE_PATH: Final = "/api/"
"""API Gateway serves the app at the path of its stage."""

DASHBOARD: Final = "https://dashboard.test/"
CHROMIUM_MISSING: Final = "Chromium is missing, so the page was not tested. On Debian: apt-get install chromium"
TIME_ZONE: Final = "Europe/Berlin"
TIMEOUT_MS: Final = 120_000
"""Reached only by what hangs."""

LIST: Final = "GET /databases"
HISTORY: Final = f"GET /databases/{PROD.id}/history"
RESTART: Final = f"POST /databases/{PROD.id}/restart"
SET_HOLD: Final = f"PUT /databases/{PROD.id}/hold"


def find_chromium() -> str | None:
    """Return the path of a Chromium on this machine."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    mac = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
    return next((found for name in names if (found := shutil.which(name))), str(mac) if mac.exists() else None)


@contextmanager
def launch_chromium(playwright: Playwright, path: str) -> Iterator[Browser]:
    """Run a headless Chromium that makes no requests of its own."""
    offline = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", *offline]
    with playwright.chromium.launch(executable_path=path, args=arguments) as browser:
        yield browser


def record_errors(page: Page, errors: list[str]) -> None:
    """Append what the browser reports against the page, violations of its Content-Security-Policy included."""

    def on_console(message: ConsoleMessage) -> None:
        # Chromium also reports each response with an error status; tests check what the page shows of those.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            errors.append(f"{message.type}: {message.text}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: errors.append(f"error: {error}"))


def set_hidden(page: Page, *, hidden: bool) -> None:
    """Make the tab hidden or visible. (A headless Chromium hides none by itself.)"""
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


@dataclass
class Tab:
    """One tab, with the ``requests`` that it sent and the ``errors`` that the browser reported."""

    page: Page
    app: Served
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    is_offline: bool = False
    delayed: str | None = None
    """Responses to this request arrive only with ``deliver``."""
    _in_progress: set[Request] = field(default_factory=set)
    _undelivered: list[tuple[Route, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.route("**/*", self._respond)
        record_errors(self.page, self.errors)
        self.page.on("request", self._begin)
        self.page.on("requestfinished", self._end)
        self.page.on("requestfailed", self._end)
        # Paused, so that the page's timers depend on `wait` alone.
        now = self.app.world.clock.now
        self.page.clock.install(time=now - timedelta(seconds=1))
        self.page.clock.pause_at(now)

    def open(self, role: str | None = "operator", path: str = BASE_PATH) -> None:
        """Open the page, and sign in with the token of that role."""
        self.page.goto(ORIGIN + path)
        if role is not None:
            self.sign_in(role)

    def sign_in(self, role: str) -> None:
        """Enter a token; the token of a role is its name."""
        self.page.get_by_label("Access token").fill(role)
        self.page.get_by_role("button", name="Sign in").click()

    def wait(self, seconds: float) -> None:
        """Let time pass for the app and the browser. Each timer of the page that is due fires once.

        A request in progress is answered first: its response belongs to the time before.
        """
        self.settle()
        self.app.world.clock.advance(seconds=seconds)
        self.page.clock.fast_forward(round(seconds * 1000))
        self.settle()

    def settle(self) -> None:
        """Wait until every request has its response, and the page has handled it."""
        idle_checks = 0
        while idle_checks < 2:
            self.page.evaluate("0")
            idle_checks = 0 if self._in_progress else idle_checks + 1

    def deliver(self) -> None:
        """Deliver the delayed responses, with the content of the time of the request."""
        self.delayed = None
        while self._undelivered:
            route, response = self._undelivered.pop(0)
            route.fulfill(**response)
        self.settle()

    def count(self, request: str) -> int:
        """Return how often this request was sent."""
        return self.requests.count(request)

    def count_during(self, seconds: int, request: str = LIST, step: int = 1) -> int:
        """Return how often this request is sent while time passes."""
        before = self.count(request)
        for _ in range(seconds // step):
            self.wait(step)
        return self.count(request) - before

    @property
    def headline(self) -> Locator:
        """The state of the database."""
        return self.page.locator("#headline")

    @property
    def start_button(self) -> Locator:
        """The button that starts the database."""
        return self.page.get_by_role("button", name="Start the database")

    def _begin(self, request: Request) -> None:
        self._in_progress.add(request)

    def _end(self, request: Request) -> None:
        self._in_progress.discard(request)

    def _respond(self, route: Route) -> None:
        request = route.request
        url = urlsplit(request.url)
        if f"{url.scheme}://{url.netloc}" != ORIGIN:
            self.requests.append(f"{request.method} {request.url}")
            route.fulfill(body="another site") if request.url == DASHBOARD else route.abort()
            return
        path = "/" + url.path.removeprefix(BASE_PATH.rstrip("/")).lstrip("/")
        self.requests.append(f"{request.method} {path}")
        if self.is_offline:
            route.abort()
            return
        response = self._call_app(request, path + (f"?{url.query}" if url.query else ""))
        if self.requests[-1] == self.delayed:
            self._in_progress.discard(request)
            self._undelivered.append((route, response))
        else:
            route.fulfill(**response)

    def _call_app(self, request: Request, path: str) -> dict[str, Any]:
        headers = {name.title(): value for name, value in request.headers.items()}
        response = self.app.call(request.method, path, None, request.post_data_buffer or b"", **headers)
        response_headers = {name: str(value) for name, value in response.headers.items()}
        response_headers.setdefault("Content-Type", "application/json")
        response_headers["Date"] = format_datetime(self.app.world.clock.now, usegmt=True)
        return {"status": response.status_code, "headers": response_headers, "body": response.body}


@contextmanager
def new_tab(browser: Browser, app: Served, **options: Any) -> Iterator[Tab]:
    """Open a tab with a session storage of its own. ``options`` are Playwright's for a context."""
    context: BrowserContext = browser.new_context(**{"locale": "en-GB", "timezone_id": TIME_ZONE, **options})
    context.set_default_timeout(TIMEOUT_MS)
    try:
        yield Tab(context.new_page(), app)
    finally:
        context.close()
