"""Where the page is served, keyboard and motion, and deployments with several databases."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.states import make_available, make_second_database_start, make_starting, pass_minutes
from tests.browser.tab import BASE_PATH, ORIGIN
from tests.served import Served, serving
from tests.support import ANALYTICS, PROD


@pytest.mark.parametrize("path", ["/", "/api/", "/api"], ids=["root", "stage", "stage-without-slash"])
def test_page__at_any_path__reaches_the_api(open_tab: OpenTab, app: Served, path: str) -> None:
    tab = open_tab(app)
    tab.open("viewer", path)
    expect(tab.headline).to_have_text("Asleep")


def test_page__keyboard_only__can_be_used(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open(None)
    keys = tab.page.keyboard
    keys.press("Tab")
    keys.type("operator")
    keys.press("Enter")
    expect(tab.headline).to_be_focused()
    keys.press("Tab")
    expect(tab.start_button).to_be_focused()
    keys.press("Enter")
    expect(tab.headline).to_have_text("Waking up")
    expect(tab.start_button).to_be_focused()
    tab.wait(245)
    expect(tab.headline).to_have_text("Awake")
    keys.press("Shift+Tab")
    expect(tab.page.get_by_role("link", name="Open the dashboard")).to_be_focused()
    assert tab.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_animation__reduced_motion__is_off(open_tab: OpenTab, app: Served) -> None:
    make_starting(app)
    for preference, animation in (("reduce", "none"), ("no-preference", "pulse")):
        tab = open_tab(app, reduced_motion=preference)
        tab.open("viewer")
        expect(tab.page.locator("#icon .starting")).to_have_css("animation-name", animation)


def test_focus__on_a_control_that_disappears__moves_to_the_headline(open_tab: OpenTab, app: Served) -> None:
    make_available(app)
    tab = open_tab(app)
    tab.open()
    tab.page.get_by_role("button", name="for 3 hours").focus()
    pass_minutes(app, 70)
    tab.wait(31)
    expect(tab.headline).to_have_text("Going to sleep")
    expect(tab.headline).to_be_focused()


def test_databases__more_than_six__are_a_menu_kept_in_the_address(open_tab: OpenTab) -> None:
    with serving(databases=",".join(f"db-{number}" for number in range(40))) as app:
        tab = open_tab(app)
        tab.open()
        menu = tab.page.get_by_label("Database", exact=True)
        expect(menu.locator("option")).to_have_count(40)
        menu.select_option("db-7")
        expect(tab.page.locator("#database-name")).to_have_text("db-7")
        expect(tab.page.locator("#announcement")).to_have_text("db-7: Asleep")
        tab.page.reload()
        expect(tab.page.locator("#database-name")).to_have_text("db-7")
        expect(menu).to_have_value("db-7")


def test_until_tomorrow__clocks_change_at_night__is_local_time(open_tab: OpenTab, app: Served) -> None:
    app.world.clock.now = datetime(2026, 3, 28, 15, 0, tzinfo=UTC)
    make_available(app)
    tab = open_tab(app)
    tab.open()
    tab.page.get_by_role("button", name="until tomorrow 8:00").click()
    expect(tab.page.locator("#hold")).to_contain_text("Kept awake until tomorrow 8:00")
    hold = app.world.record().hold
    assert hold is not None
    assert hold.until == datetime(2026, 3, 29, 6, 0, tzinfo=UTC)


def test_page__without_javascript__shows_a_curl_command(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app, java_script_enabled=False)
    tab.page.goto(ORIGIN + BASE_PATH)
    assert "curl -X POST" in tab.page.locator("noscript").inner_text()
    assert tab.page.locator("noscript pre").is_visible()


def test_databases__several__have_their_own_state_and_usage(open_tab: OpenTab) -> None:
    with serving(databases=f"{PROD.id},cluster:{ANALYTICS.id}") as app:
        make_second_database_start(app)
        tab = open_tab(app)
        tab.open()
        buttons = tab.page.get_by_role("navigation", name="Databases").get_by_role("button")
        expect(buttons).to_have_text([re.compile(f"{PROD.id}.*Awake"), re.compile(f"{ANALYTICS.id}.*Waking up")])
        buttons.nth(1).click()
        expect(tab.headline).to_have_text("Waking up")
        expect(tab.page).to_have_title(f"Waking up – {ANALYTICS.id}")
        expect(buttons.nth(1)).to_have_attribute("aria-current", "true")
        assert tab.count(f"GET /databases/{ANALYTICS.id}/history") == 1


def test_databases__one__shows_no_list(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    expect(tab.page.get_by_role("navigation")).to_be_hidden()


def test_databases__one_missing_in_rds__are_still_shown(open_tab: OpenTab) -> None:
    with serving(databases=f"{PROD.id},other") as app:
        app.world.rds.delete_db_instance(DBInstanceIdentifier=PROD.id, SkipFinalSnapshot=True)
        tab = open_tab(app)
        tab.open("viewer")
        expect(tab.headline).to_have_text("Action required")
        expect(tab.page.get_by_role("button", name="other")).to_contain_text("Asleep")


def test_page__after_a_check__shows_its_result(open_tab: OpenTab, app: Served) -> None:
    make_available(app)
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Awake")
    pass_minutes(app, 70)
    tab.wait(31)
    expect(tab.headline).to_have_text("Going to sleep")
    expect(tab.page.locator("#events li").first).to_contain_text("Going to sleep")
