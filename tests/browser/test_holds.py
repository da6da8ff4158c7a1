"""Keeping the database awake."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.states import make_available
from tests.browser.tab import HISTORY, SET_HOLD
from tests.served import Served
from tests.support import NOW, PROD


@pytest.mark.parametrize(
    ("name", "until"),
    [
        ("for 1 hour", NOW + timedelta(hours=1, minutes=21)),
        ("for 3 hours", NOW + timedelta(hours=3, minutes=21)),
        ("until tomorrow 8:00", datetime(2026, 3, 3, 7, 0, tzinfo=UTC)),
    ],
    ids=["one-hour", "three-hours", "tomorrow"],
)
def test_hold_button__while_awake__sets_a_hold(open_tab: OpenTab, app: Served, name: str, until: datetime) -> None:
    make_available(app)
    tab = open_tab(app)
    tab.open()
    tab.page.get_by_role("button", name=name).click()
    expect(tab.page.locator("#hold")).to_contain_text("by operator-name.")
    hold = app.world.record().hold
    assert hold is not None
    assert hold.until == until


def test_hold__until_a_chosen_time__is_set_and_ended(open_tab: OpenTab, app: Served) -> None:
    make_available(app)
    tab = open_tab(app)
    tab.open()
    tab.page.get_by_label("or until").fill("2026-03-04T18:30")
    tab.page.get_by_role("button", name="Keep awake").click()
    expect(tab.page.locator("#hold")).to_contain_text("Kept awake until Wed 4 Mar, 18:30 by operator-name.")
    tab.page.get_by_role("button", name="Let it sleep when idle").click()
    expect(tab.page.locator("#hold")).to_be_hidden()
    expect(tab.headline).to_be_focused()
    assert app.world.record().hold is None


def test_hold__too_long__shows_the_limit(open_tab: OpenTab, app: Served) -> None:
    make_available(app)
    tab = open_tab(app)
    tab.open()
    tab.page.get_by_label("or until").fill("2026-04-04T18:30")
    too_late = "(input) => input.validity.rangeOverflow"
    assert tab.page.get_by_label("or until").evaluate(too_late), "the browser rejects it before a request is sent"
    tab.page.locator("#hold-until").dispatch_event("submit")
    expect(tab.page.locator("#sleep-error")).to_contain_text("at most 168 hours from now")


def test_hold__submitted_twice__is_sent_once(open_tab: OpenTab, app: Served) -> None:
    make_available(app)
    tab = open_tab(app)
    tab.open()
    tab.page.get_by_label("or until").fill("2026-03-04T18:30")
    tab.delayed = SET_HOLD
    for _ in range(2):
        tab.page.locator("#hold-until").dispatch_event("submit")
    tab.settle()
    assert tab.count(SET_HOLD) == 1
    tab.deliver()
    expect(tab.page.locator("#hold")).to_contain_text("Wed 4 Mar, 18:30")


def test_hold__history_of_an_earlier_hold__names_no_initiator(open_tab: OpenTab, app: Served) -> None:
    make_available(app)
    app.world.lifecycle.hold(PROD, timedelta(hours=1), by="ops")
    tab = open_tab(app)
    tab.open()
    expect(tab.page.locator("#hold")).to_contain_text("by ops.")
    tab.delayed = HISTORY
    tab.page.get_by_role("button", name="for 3 hours").click()
    expect(tab.page.locator("#hold")).to_contain_text("Kept awake until 13:21.")
    tab.deliver()
    expect(tab.page.locator("#hold")).to_contain_text("by operator-name.")
