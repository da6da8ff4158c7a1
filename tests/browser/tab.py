"""The page in a real Chromium, on the app in this process: no port, no waiting, one clock for both."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Playwright, Request, Route

from tests.served import Served
from tests.support import PROD

ORIGIN: Final = "https://database.test"
BASE: Final = "/api/"
"""API Gateway serves the app below the name of its stage."""

DASHBOARD: Final = "https://dashboard.test/"
MISSING: Final = "Chromium is missing, so the page was not looked at. On Debian: apt-get install chromium"
ZONE: Final = "Europe/Berlin"

LIST: Final = "GET /databases"
HISTORY: Final = f"GET /databases/{PROD.id}/history"
RESTART: Final = f"POST /databases/{PROD.id}/restart"


def find_chromium() -> str | None:
    """The path of a Chromium on this machine."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    macs = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
    return next((found for name in names if (found := shutil.which(name))), str(macs) if macs.exists() else None)


@contextmanager
def chromium(playwright: Playwright, path: str) -> Iterator[Browser]:
    """A running Chromium without a window, which asks for nothing by itself."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    with playwright.chromium.launch(
        executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-quic", *quiet]
    ) as browser:
        yield browser


def listen(page: Page, complaints: list[str]) -> None:
    """Note whatever the browser has to say against the page."""

    def hear(message: ConsoleMessage) -> None:
        # Chromium writes this for each answer of 400 and more; that they are shown is what the tests look at.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            complaints.append(f"{message.type}: {message.text}")

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))


def turn(page: Page, *, away: bool) -> None:
    """The person turns to another tab, or to this one again. (Without a window, Chromium hides none by itself.)"""
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        away,
    )


@dataclass
class Screen:
    """One tab. ``asked`` are the requests that it made, ``complaints`` what the browser had to say against the page."""

    page: Page
    app: Served
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    is_cut_off: bool = False
    slow: str | None = None
    """Answers to this request arrive only when they are let through."""
    _under_way: set[Request] = field(default_factory=set)
    _held: list[tuple[Route, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.route("**/*", self._answer)
        listen(self.page, self.complaints)
        self.page.on("request", self._begins)
        self.page.on("requestfinished", self._ends)
        self.page.on("requestfailed", self._ends)
        self.page.clock.install(time=self.app.world.clock.now)

    def open(self, role: str | None = "operator", at: str = BASE) -> None:
        """Go to the page, and sign in with the token of that role."""
        self.page.goto(ORIGIN + at)
        if role is not None:
            self.sign_in(role)

    def sign_in(self, role: str) -> None:
        """Type a token; that of a role is its name."""
        self.page.get_by_label("Access token").fill(role)
        self.page.get_by_role("button", name="Sign in").click()

    def wait(self, seconds: float) -> None:
        """Time passes, for the app and in the browser, as if the computer had slept: what is due happens once."""
        self.app.world.clock.advance(seconds=seconds)
        self.page.clock.fast_forward(round(seconds * 1000))
        self.settle()

    def let_through(self) -> None:
        """The slow answers arrive, as they were when they were given."""
        self.slow = None
        while self._held:
            route, answer = self._held.pop(0)
            route.fulfill(**answer)
        self.settle()

    @property
    def headline(self) -> Locator:
        """How the database is, in a word or two."""
        return self.page.locator("#headline")

    @property
    def start_button(self) -> Locator:
        """The main button."""
        return self.page.get_by_role("button", name="Start the database")

    def asked_within(self, seconds: int, request: str = LIST) -> int:
        """How often this is asked, while the time passes second by second."""
        before = self.number_of(request)
        for _ in range(seconds):
            self.wait(1)
        return self.number_of(request) - before

    def number_of(self, request: str) -> int:
        """How often this was asked."""
        return self.asked.count(request)

    def _begins(self, request: Request) -> None:
        self._under_way.add(request)

    def _ends(self, request: Request) -> None:
        self._under_way.discard(request)

    def settle(self) -> None:
        """Until every request is answered, and the page has done what it does with the answer."""
        is_quiet = 0
        while is_quiet < 2:
            self.page.evaluate("0")
            is_quiet = 0 if self._under_way else is_quiet + 1

    def _answer(self, route: Route) -> None:
        request = route.request
        parts = urlsplit(request.url)
        if f"{parts.scheme}://{parts.netloc}" != ORIGIN:
            self.asked.append(f"{request.method} {request.url}")
            route.fulfill(body="elsewhere") if request.url == DASHBOARD else route.abort()
            return
        where = "/" + parts.path.removeprefix(BASE.rstrip("/")).lstrip("/")
        self.asked.append(f"{request.method} {where}")
        if self.is_cut_off:
            route.abort()
            return
        answer = self._ask(request, where + (f"?{parts.query}" if parts.query else ""))
        if self.asked[-1] == self.slow:
            self._under_way.discard(request)
            self._held.append((route, answer))
        else:
            route.fulfill(**answer)

    def _ask(self, request: Request, path: str) -> dict[str, Any]:
        headers = {name.title(): value for name, value in request.headers.items()}
        response = self.app.call(request.method, path, None, request.post_data_buffer or b"", **headers)
        answered = {name: str(value) for name, value in response.headers.items()}
        answered.setdefault("Content-Type", "application/json")
        answered["Date"] = format_datetime(self.app.world.clock.now, usegmt=True)
        return {"status": response.status_code, "headers": answered, "body": response.body}


@contextmanager
def screen(browser: Browser, app: Served, **options: Any) -> Iterator[Screen]:
    """A fresh tab, with a storage of its own. ``options`` are Playwright's for a context."""
    context: BrowserContext = browser.new_context(**{"locale": "en-GB", "timezone_id": ZONE, **options})
    context.set_default_timeout(10_000)
    try:
        yield Screen(context.new_page(), app)
    finally:
        context.close()
