"""The page, in virtual time. Where it lives, and how it can be used."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Look
from tests.browser.states import awake, pass_by, several, waking
from tests.browser.tab import BASE, ORIGIN
from tests.served import Served, serving
from tests.support import ANALYTICS, PROD

pytestmark = pytest.mark.no_cover


@pytest.mark.parametrize("at", ["/", "/api/", "/api"])
def test_it_works_wherever_it_is_served(look: Look, app: Served, at: str) -> None:
    tab = look(app)
    tab.open("viewer", at)
    expect(tab.headline).to_have_text("Asleep")


def test_by_keyboard_alone(look: Look, app: Served) -> None:
    tab = look(app)
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


def test_who_wants_no_motion_gets_none(look: Look, app: Served) -> None:
    waking(app)
    for wish, name in (("reduce", "none"), ("no-preference", "breathe")):
        tab = look(app, reduced_motion=wish)
        tab.open("viewer")
        expect(tab.page.locator("#icon .waking")).to_have_css("animation-name", name)


def test_focus_is_not_lost_when_what_had_it_goes_away(look: Look, app: Served) -> None:
    awake(app)
    tab = look(app)
    tab.open()
    tab.page.get_by_role("button", name="for 3 hours").focus()
    pass_by(app, 70)
    tab.wait(31)
    expect(tab.headline).to_have_text("Going to sleep")
    expect(tab.headline).to_be_focused()


def test_many_databases_are_a_choice_and_an_address_remembers_which(look: Look) -> None:
    with serving(databases=",".join(f"db-{number}" for number in range(40))) as app:
        tab = look(app)
        tab.open()
        choice = tab.page.get_by_label("Database", exact=True)
        expect(choice.locator("option")).to_have_count(40)
        choice.select_option("db-7")
        expect(tab.page.locator("#name")).to_have_text("db-7")
        expect(tab.page.locator("#said")).to_have_text("db-7: Asleep")
        tab.page.reload()
        expect(tab.page.locator("#name")).to_have_text("db-7")
        expect(choice).to_have_value("db-7")


def test_tomorrow_is_tomorrow_where_the_clocks_change_in_the_night(look: Look, app: Served) -> None:
    app.world.clock.now = datetime(2026, 3, 28, 15, 0, tzinfo=UTC)
    awake(app)
    tab = look(app)
    tab.open()
    tab.page.get_by_role("button", name="until tomorrow 8:00").click()
    expect(tab.page.locator("#hold")).to_contain_text("Kept awake until tomorrow 8:00")
    hold = app.world.record().hold
    assert hold is not None
    assert hold.until == datetime(2026, 3, 29, 6, 0, tzinfo=UTC)


def test_without_script_it_says_what_to_curl(look: Look, app: Served) -> None:
    tab = look(app, java_script_enabled=False)
    tab.page.goto(ORIGIN + BASE)
    assert "curl -X POST" in tab.page.locator("noscript").inner_text()
    assert tab.page.locator("noscript pre").is_visible()


def test_several_databases_each_with_its_own_state_and_past(look: Look) -> None:
    with serving(databases=f"{PROD.id},cluster:{ANALYTICS.id}") as app:
        several(app)
        tab = look(app)
        tab.open()
        buttons = tab.page.get_by_role("navigation", name="Databases").get_by_role("button")
        expect(buttons).to_have_text([re.compile(f"{PROD.id}.*Awake"), re.compile(f"{ANALYTICS.id}.*Waking up")])
        buttons.nth(1).click()
        expect(tab.headline).to_have_text("Waking up")
        expect(tab.page).to_have_title(f"Waking up – {ANALYTICS.id}")
        expect(buttons.nth(1)).to_have_attribute("aria-current", "true")
        assert tab.number_of(f"GET /databases/{ANALYTICS.id}/history") == 1


def test_one_alone_shows_no_list(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    expect(tab.page.get_by_role("navigation")).to_be_hidden()


def test_one_that_rds_does_not_know_does_not_hide_the_others(look: Look) -> None:
    with serving(databases=f"{PROD.id},other") as app:
        app.world.rds.delete_db_instance(DBInstanceIdentifier=PROD.id, SkipFinalSnapshot=True)
        tab = look(app)
        tab.open("viewer")
        expect(tab.headline).to_have_text("Needs a person")
        expect(tab.page.get_by_role("button", name="other")).to_contain_text("Asleep")


def test_after_a_check_the_page_shows_what_it_did(look: Look, app: Served) -> None:
    awake(app)
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Awake")
    pass_by(app, 70)
    tab.wait(31)
    expect(tab.headline).to_have_text("Going to sleep")
    expect(tab.page.locator("#events li").first).to_contain_text("Going to sleep")
