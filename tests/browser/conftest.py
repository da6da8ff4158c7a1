"""One Chromium for all tests of the page."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.tab import CHROMIUM_MISSING, DASHBOARD, TIMEOUT_MS, Tab, find_chromium, launch_chromium, new_tab
from tests.served import Served, serving

OpenTab = Callable[..., Tab]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure no coverage in these tests, which slows them down, and let only those time out that hang."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.no_cover)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, or a skip with the name of what is missing.

    Playwright runs an event loop in this thread. It ends with this package, because other tests run their own.
    """
    path = find_chromium()
    if path is None:
        pytest.skip(CHROMIUM_MISSING)
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright, launch_chromium(playwright, path) as running:
        yield running


@pytest.fixture
def app() -> Iterator[Served]:
    """The app with a stopped database and a dashboard."""
    with serving(DASHBOARD_URL=DASHBOARD) as served:
        served.run_check()
        yield served


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[OpenTab]:
    """Open tabs: open_tab(app, color_scheme="dark"). At the end of the test the browser has reported no errors."""
    tabs: list[Tab] = []
    with ExitStack() as stack:

        def opened(app: Served, **options: Any) -> Tab:
            tabs.append(stack.enter_context(new_tab(browser, app, **options)))
            return tabs[-1]

        yield opened
        assert [error for tab in tabs for error in tab.errors] == []
