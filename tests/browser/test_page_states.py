"""Every state of the page: accessible, on a phone, and without requests to other sites."""

from typing import Literal
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import OpenTab
from tests.browser.states import PAGE_STATES, PageState
from tests.browser.tab import Tab
from tests.served import serving

PHONE = {"width": 320, "height": 640}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.mark.parametrize("state", PAGE_STATES, ids=lambda state: state.name)
def test_page__each_state__is_accessible_and_fits_a_phone(open_tab: OpenTab, state: PageState) -> None:
    with state.served() as app:
        tab = open_tab(app, viewport=PHONE, reduced_motion="reduce")
        state.show(tab)
        assert tab.page.title() == (f"{state.headline} – ss-financial-prod" if state.headline else "Sign in – database")
        assert tab.requests[0] == "GET /"
        assert all(request.startswith("GET /") for request in tab.requests), "viewing changes nothing"
        check_size(tab)
        if state.role is not None:
            tab.page.get_by_text("Show as a table").click()
        # axe-core waits on timers.
        tab.page.clock.resume()
        for scheme in SCHEMES:
            tab.page.emulate_media(color_scheme=scheme)
            result = Axe().run(tab.page)
            assert result.response["passes"], "axe-core has checked nothing"
            assert result.violations_count == 0, f"{scheme}: {result.generate_report()}"


def check_size(tab: Tab) -> None:
    """No horizontal scrolling, and controls that are large enough for a finger."""
    content_width, width = tab.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert content_width <= width
    controls = "[...document.querySelectorAll('button, a, input, summary')].filter((e) => e.checkVisibility())"
    assert min(tab.page.evaluate(f"{controls}.map((e) => e.getBoundingClientRect().height)")) >= 44


def test_icons__six_states__have_six_shapes(open_tab: OpenTab) -> None:
    statuses = ["stopped", "starting", "available", "stopping", "maintenance", "storage-full"]
    with serving(databases=",".join(f"db-{number}" for number in range(len(statuses)))) as app:
        for number, status in enumerate(statuses):
            app.world.simulated_rds.set_status(f"db-{number}", status)
        tab = open_tab(app)
        tab.open()
        buttons = tab.page.locator("#database-buttons button")
        buttons.last.wait_for()
        shapes = set()
        for number in range(len(statuses)):
            buttons.nth(number).click()
            paths = tab.page.locator("#icon path").evaluate_all("(paths) => paths.map((p) => p.getAttribute('d'))")
            tab_icon = str(tab.page.locator("#tab-icon").get_attribute("href"))
            assert all(quote(path, safe="") in tab_icon for path in paths), "the browser tab shows the same icon"
            shapes.add(tuple(paths))
        assert len(shapes) == len(statuses)
