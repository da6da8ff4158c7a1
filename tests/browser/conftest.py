"""One Chromium for all tests of the page, and an end to it before other tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.screen import DASHBOARD, MISSING, Screen, chromium, find_chromium, screen
from tests.served import Served, serving

Look = Callable[..., Screen]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, or a skip that says what is missing.

    Playwright keeps an event loop running in its thread; it has to end with these tests, as others need their own.
    """
    path = find_chromium()
    if path is None:
        pytest.skip(MISSING)
    with sync_playwright() as playwright, chromium(playwright, path) as running:
        yield running


@pytest.fixture
def app() -> Iterator[Served]:
    """A database asleep, and a dashboard to go to."""
    with serving(DASHBOARD_URL=DASHBOARD) as served:
        served.run_check()
        yield served


@pytest.fixture
def look(browser: Browser) -> Iterator[Look]:
    """Open tabs: look(app, color_scheme="dark"). At the end of the test none of them may have had a complaint."""
    tabs: list[Screen] = []
    with ExitStack() as stack:

        def opened(app: Served, **options: Any) -> Screen:
            tabs.append(stack.enter_context(screen(browser, app, **options)))
            return tabs[-1]

        yield opened
        assert [complaint for tab in tabs for complaint in tab.complaints] == []
