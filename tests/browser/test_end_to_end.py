"""The page against `make run`: real server, real time, and conditions to wait on."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.tab import TIMEOUT_MS, record_errors, set_hidden
from tests.local.test_make_run import QUICK, URL, Stack, running


@pytest.fixture(scope="module")
def server() -> Iterator[Stack]:
    """`make run` with an idle timeout of six seconds."""
    with running(**{**QUICK, "IDLE_MINUTES": "0.1"}) as stack:
        yield stack


@contextmanager
def open_page(browser: Browser, server: Stack, token: str) -> Iterator[Page]:
    """Open the page on a phone in dark mode, and sign in. At the end the browser has reported no errors."""
    home, errors, urls = f"http://127.0.0.1:{server.port}/", list[str](), list[str]()
    context = browser.new_context(locale="en-GB", color_scheme="dark", viewport={"width": 320, "height": 640})
    context.set_default_timeout(TIMEOUT_MS)
    try:
        page = context.new_page()
        # A state may pass before the test looks at the page, so the page records its headlines.
        page.add_init_script(
            """window.headlines = [];
            addEventListener("DOMContentLoaded", () => {
                const headline = document.getElementById("headline");
                const options = {childList: true, characterData: true, subtree: true};
                new MutationObserver(() => window.headlines.push(headline.textContent)).observe(headline, options);
            });"""
        )
        record_errors(page, errors)
        page.on("request", lambda request: urls.append(request.url))
        page.goto(home)
        sign_in(page, token)
        yield page
    finally:
        context.close()
    assert errors == []
    assert [url for url in urls if not url.startswith(home)] == []


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Access token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def wait_for_headlines(page: Page, *expected: str) -> None:
    """Wait until the page has shown these headlines in this order, and forget them."""
    page.wait_for_function(
        """(expected) => {
            const last = expected.reduce((from, name) => {
                const found = from < 0 ? -1 : window.headlines.indexOf(name, from);
                return found < 0 ? -1 : found + 1;
            }, 0);
            if (last >= 0) window.headlines.splice(0, last);
            return last >= 0;
        }""",
        arg=list(expected),
    )


def test_database__started_held_and_released__sleeps_again(browser: Browser, server: Stack) -> None:
    with open_page(browser, server, "guessed") as page:
        expect(page.get_by_role("alert").first).to_contain_text("This token is not accepted")
        sign_in(page, "local-viewer")
        wait_for_headlines(page, "Asleep")
        expect(page.locator("#start-note")).to_contain_text("an operator token is needed")
        page.get_by_role("button", name="Sign out").click()
        # Set before the start, so that no idle timeout can pass between the start and the hold.
        server.call("PUT", f"{URL}/hold", body='{"hours": 1}')
        sign_in(page, "local-operator")
        page.get_by_role("button", name="Start the database").click()
        wait_for_headlines(page, "Waking up", "Awake")
        page.get_by_role("button", name="for 3 hours").click()
        expect(page.locator("#hold")).to_contain_text("by operator.")
        expect(page.locator("#next-stop")).to_have_text("Not while it is kept awake.")

        requests: list[str] = []
        set_hidden(page, hidden=True)
        page.on("request", lambda request: requests.append(request.url))
        server.wait_for(lambda database: database["idle_minutes"] > 0.2, "twice the idle timeout")
        assert requests == [], "a hidden tab does not poll"
        set_hidden(page, hidden=False)
        expect(page.locator("#headline")).to_have_text("Awake")
        page.get_by_role("button", name="Let it sleep when idle").click()
        wait_for_headlines(page, "Asleep")
        expect(page.locator("#events li").first).to_contain_text("Asleep")


def test_start_button__pressed_in_two_tabs__starts_once(browser: Browser, server: Stack) -> None:
    server.call("PUT", f"{URL}/hold", body='{"hours": 1}')
    server.wait_for_status("stopped")
    starts = sum("stopped → starting" in line for line in server.output)
    with (
        open_page(browser, server, "local-operator") as one,
        open_page(browser, server, "local-operator") as two,
    ):
        for page in (one, two):
            wait_for_headlines(page, "Asleep")
        for page in (one, two):
            page.evaluate("document.getElementById('start').click()")
        for page in (one, two):
            wait_for_headlines(page, "Waking up", "Awake")
            expect(page.locator("#status-error")).to_be_empty()
    assert sum("stopped → starting" in line for line in server.output) == starts + 1
    server.call("DELETE", f"{URL}/hold")


def test_connection_error__server_restarted__disappears(browser: Browser) -> None:
    with running(**QUICK) as first, open_page(browser, first, "local-operator") as page:
        wait_for_headlines(page, "Asleep")
        first.process.terminate()
        first.process.wait()
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.locator("#connection-error")).to_contain_text("The server does not respond.")
        same_ports = {"PORT": str(first.port), "LOCAL_AWS_PORT": str(first.aws_port)}
        with running(**QUICK, **same_ports):
            page.evaluate("dispatchEvent(new Event('online'))")
            expect(page.locator("#connection-error")).to_be_hidden()
            expect(page.locator("#headline")).to_have_text("Asleep")
