"""Tokens: accepted, rejected, revoked, and read-only."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.states import make_available
from tests.browser.tab import LIST, RESTART
from tests.served import Served
from tests.support import failing


def test_sign_in__unknown_token__is_rejected_and_not_stored(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    for unknown in ("stranger", "日本語"):
        tab.open(unknown)
        expect(tab.page.get_by_role("alert")).to_have_text(re.compile("This token is not accepted"))
        assert tab.page.evaluate("sessionStorage.length") == 0
        expect(tab.page.get_by_label("Access token")).to_be_focused()


def test_sign_in__server_unreachable__is_retried(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open(None)
    tab.is_offline = True
    tab.sign_in("operator")
    expect(tab.page.locator("#connection-error")).to_have_text(re.compile("The server does not respond"))
    expect(tab.page.get_by_label("Access token")).to_be_hidden()
    tab.is_offline = False
    tab.wait(4)
    expect(tab.headline).to_have_text("Asleep")
    expect(tab.page.locator("#connection-error")).to_be_hidden()


def test_token__after_sign_in__is_stored_for_the_tab_only(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open("operator")
    expect(tab.headline).to_be_focused()
    tab.page.reload()
    expect(tab.headline).to_have_text("Asleep")
    assert tab.page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    assert [url for url in [*tab.requests, tab.page.url] if "operator" in url] == []
    other = open_tab(app)
    other.open(None)
    expect(other.page.get_by_label("Access token")).to_be_visible()


def test_sign_out__signed_in__removes_token_and_stops_polling(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open("operator")
    expect(tab.headline).to_have_text("Asleep")
    tab.page.get_by_role("button", name="Sign out").click()
    expect(tab.page.get_by_label("Access token")).to_be_focused()
    expect(tab.page.locator("#database")).to_be_hidden()
    assert tab.count_during(60, step=10) == 0
    assert tab.page.evaluate("sessionStorage.length") == 0


def test_token__revoked__signs_out(open_tab: OpenTab, app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    tab = open_tab(app)
    tab.open("operator")
    expect(tab.headline).to_have_text("Asleep")
    monkeypatch.setenv("ACCESS_TOKENS", "")
    tab.wait(31)
    expect(tab.page.get_by_role("alert")).to_contain_text("It may be mistyped or revoked")


@pytest.mark.parametrize("role", ["viewer", "reporter"])
def test_commands__read_only_token__are_explained_and_disabled(open_tab: OpenTab, app: Served, role: str) -> None:
    make_available(app)
    tab = open_tab(app)
    tab.open(role)
    expect(tab.page.locator("#role")).to_have_text(f"Signed in as {role}")
    expect(tab.page.locator("#start-note")).to_contain_text("Read-only access; an operator token is needed")
    expect(tab.page.locator("#hold-access")).to_have_text(
        "Read-only access; an operator token is needed to keep it awake."
    )
    for name in ("Start the database", "for 1 hour", "for 3 hours", "until tomorrow 8:00"):
        tab.page.get_by_role("button", name=name).dispatch_event("click")
    tab.page.locator("#hold-until").dispatch_event("submit")
    tab.wait(1)
    assert all(request.startswith("GET ") for request in tab.requests)


def test_rejection__of_an_earlier_session__does_not_sign_out(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open(None)
    tab.delayed = LIST
    tab.sign_in("mistyped")
    tab.settle()
    tab.page.get_by_role("button", name="Sign out").click()
    tab.delayed = None
    tab.sign_in("operator")
    expect(tab.headline).to_have_text("Asleep")
    tab.deliver()
    expect(tab.headline).to_be_visible()
    expect(tab.page.get_by_label("Access token")).to_be_hidden()


def test_restart_response__of_an_earlier_session__is_ignored(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.delayed = RESTART
    with failing(app.world.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
        tab.start_button.click()
        tab.settle()
    tab.page.get_by_role("button", name="Sign out").click()
    tab.sign_in("viewer")
    expect(tab.headline).to_have_text("Waking up")
    tab.deliver()
    expect(tab.page.locator("#status-error")).to_be_empty()
    app.run_check()
    tab.wait(245)
    expect(tab.headline).to_have_text("Awake")
    expect(tab.page.locator("#redirect")).to_be_hidden()
