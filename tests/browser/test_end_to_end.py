"""The page against `make run`, as a person meets it: real server, real time, waiting on what the page shows."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.tab import listen, turn
from tests.local.test_make_run import QUICK, free_ports, running

pytestmark = [pytest.mark.no_cover, pytest.mark.timeout(180)]

PATIENCE = 40_000
STORY = {**QUICK, "IDLE_MINUTES": "0.1"}


@pytest.fixture(autouse=True)
def patient() -> Iterator[None]:
    """Two cores that do much else at the same time are slow."""
    expect.set_options(timeout=PATIENCE)
    yield
    expect.set_options(timeout=5_000)


@contextmanager
def visiting(browser: Browser, port: int) -> Iterator[Page]:
    """A phone in dark mode that looks at the page; at the end it must have had no complaint."""
    home, complaints, asked = f"http://127.0.0.1:{port}/", list[str](), list[str]()
    context = browser.new_context(locale="en-GB", color_scheme="dark", viewport={"width": 320, "height": 640})
    try:
        page = context.new_page()
        listen(page, complaints)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(home)
        yield page
    finally:
        context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(home)] == []


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Access token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def comes_to(page: Page, *headlines: str) -> None:
    """Wait until the page shows one of these states."""
    expect(page.locator("#headline")).to_have_text(re.compile("|".join(f"^{headline}$" for headline in headlines)))


def test_from_asleep_to_awake_to_held_to_asleep(browser: Browser) -> None:
    with running(**STORY) as stack, visiting(browser, stack.port) as page:
        sign_in(page, "guessed")
        expect(page.get_by_role("alert").first).to_contain_text("This token is not accepted")
        sign_in(page, "local-viewer")
        comes_to(page, "Asleep")
        expect(page.locator("#start-note")).to_contain_text("takes an operator's token")
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, "local-operator")
        comes_to(page, "Asleep")

        page.get_by_role("button", name="Start the database").click()
        comes_to(page, "Waking up")
        comes_to(page, "Awake")
        page.get_by_role("button", name="for 1 hour").click()
        expect(page.locator("#hold")).to_contain_text("by operator.")
        expect(page.locator("#sleeps-at")).to_have_text("Not while it is kept awake.")
        idle_since = stack.database()["last_activity_at"]
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        turn(page, away=True)
        asked.clear()
        stack.wait_for(lambda shown: shown["idle_minutes"] > 0.2, f"twice the idle window since {idle_since}")
        assert asked == [], "a tab that nobody sees asks nothing"
        turn(page, away=False)
        comes_to(page, "Awake")
        page.get_by_role("button", name="End this").click()
        comes_to(page, "Asleep")
        expect(page.locator("#events li").first).to_contain_text("Asleep")
        expect(page.locator("#sums")).to_contain_text("once")


def test_two_tabs_that_press_at_once_start_it_once(browser: Browser) -> None:
    with running(**STORY) as stack, visiting(browser, stack.port) as one, visiting(browser, stack.port) as two:
        for page in (one, two):
            sign_in(page, "local-operator")
            comes_to(page, "Asleep")
        for page in (one, two):
            page.evaluate("document.getElementById('start').click()")
        for page in (one, two):
            comes_to(page, "Waking up", "Awake")
            expect(page.locator("#answer-now")).to_be_empty()
        comes_to(one, "Awake")
        assert sum("stopped → starting" in line for line in stack.output) == 1


def test_the_server_is_gone_and_back(browser: Browser) -> None:
    port, aws_port = free_ports()
    again = {**STORY, "PORT": str(port), "LOCAL_AWS_PORT": str(aws_port)}
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        first.enter_context(running(**again))
        page = stack.enter_context(visiting(browser, port))
        sign_in(page, "local-operator")
        comes_to(page, "Asleep")
        page.get_by_role("button", name="Start the database").click()
        comes_to(page, "Waking up", "Awake")
        first.close()
        expect(page.locator("#trouble")).to_contain_text("The server does not answer.")
        stack.enter_context(running(**again))
        expect(page.locator("#trouble")).to_be_hidden()
        comes_to(page, "Asleep")
