"""The page, in virtual time. Who is let in, and what is said to the others."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Look
from tests.browser.scenes import awake
from tests.browser.screen import LIST, RESTART
from tests.served import Served
from tests.support import failing

pytestmark = pytest.mark.no_cover


def test_a_wrong_token_is_refused_and_not_kept(look: Look, app: Served) -> None:
    tab = look(app)
    for wrong in ("stranger", "日本語"):
        tab.open(wrong)
        expect(tab.page.get_by_role("alert")).to_have_text(re.compile("This token is not accepted"))
        assert tab.page.evaluate("sessionStorage.length") == 0
        expect(tab.page.get_by_label("Access token")).to_be_focused()


def test_a_server_that_does_not_answer_is_told_apart_and_tried_again(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open(None)
    tab.is_cut_off = True
    tab.sign_in("operator")
    expect(tab.page.locator("#trouble")).to_have_text(re.compile("The server does not answer"))
    expect(tab.page.get_by_label("Access token")).to_be_hidden()
    tab.is_cut_off = False
    tab.wait(4)
    expect(tab.headline).to_have_text("Asleep")
    expect(tab.page.locator("#trouble")).to_be_hidden()


def test_the_token_is_kept_for_the_tab_only_and_in_no_address(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open("operator")
    expect(tab.headline).to_be_focused()
    tab.page.reload()
    expect(tab.headline).to_have_text("Asleep")
    assert tab.page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    assert [asked for asked in [*tab.asked, tab.page.url] if "operator" in asked] == []
    other = look(app)
    other.open(None)
    expect(other.page.get_by_label("Access token")).to_be_visible()


def test_signing_out_forgets_it(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open("operator")
    expect(tab.headline).to_have_text("Asleep")
    tab.page.get_by_role("button", name="Sign out").click()
    expect(tab.page.get_by_label("Access token")).to_be_focused()
    expect(tab.page.locator("#shown")).to_be_hidden()
    assert tab.asked_within(60) == 0
    assert tab.page.evaluate("sessionStorage.length") == 0


def test_a_token_that_is_withdrawn_ends_the_visit(look: Look, app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    tab = look(app)
    tab.open("operator")
    expect(tab.headline).to_have_text("Asleep")
    monkeypatch.setenv("ACCESS_TOKENS", "")
    tab.wait(31)
    expect(tab.page.get_by_role("alert")).to_contain_text("It may have been withdrawn")


@pytest.mark.parametrize("role", ["viewer", "reporter"])
def test_who_may_only_look_is_told_so_and_can_press_nothing(look: Look, app: Served, role: str) -> None:
    awake(app)
    tab = look(app)
    tab.open(role)
    expect(tab.page.locator("#role")).to_have_text(f"Signed in as {role}")
    expect(tab.page.locator("#start-note")).to_contain_text("takes an operator's token")
    expect(tab.page.locator("#keep-note")).to_have_text("Keeping it awake takes an operator's token.")
    for name in ("Start the database", "for 1 hour", "for 3 hours", "until tomorrow 8:00"):
        tab.page.get_by_role("button", name=name).dispatch_event("click")
    tab.page.locator("#until").dispatch_event("submit")
    tab.wait(1)
    assert all(asked.startswith("GET ") for asked in tab.asked)


def test_a_late_refusal_of_an_earlier_visit_ends_no_other(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open(None)
    tab.slow = LIST
    tab.sign_in("mistyped")
    tab.settle()
    tab.page.get_by_role("button", name="Sign out").click()
    tab.slow = None
    tab.sign_in("operator")
    expect(tab.headline).to_have_text("Asleep")
    tab.let_through()
    expect(tab.headline).to_be_visible()
    expect(tab.page.get_by_label("Access token")).to_be_hidden()


def test_a_click_of_an_earlier_visit_is_nobodys(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.slow = RESTART
    with failing(app.world.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
        tab.start_button.click()
        tab.settle()
    tab.page.get_by_role("button", name="Sign out").click()
    tab.sign_in("viewer")
    expect(tab.headline).to_have_text("Waking up")
    tab.let_through()
    expect(tab.page.locator("#answer-now")).to_be_empty()
    app.run_check()
    tab.wait(245)
    expect(tab.headline).to_have_text("Awake")
    expect(tab.page.locator("#jump")).to_be_hidden()
