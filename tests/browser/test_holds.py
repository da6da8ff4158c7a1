"""The page, in virtual time. Keeping it awake."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Look
from tests.browser.states import awake
from tests.browser.tab import HISTORY
from tests.served import Served
from tests.support import NOW, PROD

pytestmark = pytest.mark.no_cover


@pytest.mark.parametrize(
    ("name", "until"),
    [
        ("for 1 hour", NOW + timedelta(hours=1, minutes=21)),
        ("for 3 hours", NOW + timedelta(hours=3, minutes=21)),
        ("until tomorrow 8:00", datetime(2026, 3, 3, 7, 0, tzinfo=UTC)),
    ],
)
def test_for_some_time(look: Look, app: Served, name: str, until: datetime) -> None:
    awake(app)
    tab = look(app)
    tab.open()
    tab.page.get_by_role("button", name=name).click()
    expect(tab.page.locator("#hold")).to_contain_text("by operator-name.")
    hold = app.world.record().hold
    assert hold is not None
    assert hold.until == until


def test_until_a_time_of_ones_choice_and_no_longer(look: Look, app: Served) -> None:
    awake(app)
    tab = look(app)
    tab.open()
    tab.page.get_by_label("or until").fill("2026-03-04T18:30")
    tab.page.get_by_role("button", name="Keep awake").click()
    expect(tab.page.locator("#hold")).to_contain_text("Kept awake until Wed 4 Mar, 18:30 by operator-name.")
    tab.page.get_by_role("button", name="End this").click()
    expect(tab.page.locator("#hold")).to_be_hidden()
    expect(tab.headline).to_be_focused()
    assert app.world.record().hold is None


def test_too_long_is_refused_in_words(look: Look, app: Served) -> None:
    awake(app)
    tab = look(app)
    tab.open()
    tab.page.get_by_label("or until").fill("2026-04-04T18:30")
    too_late = "(input) => input.validity.rangeOverflow"
    assert tab.page.get_by_label("or until").evaluate(too_late), "the browser says so before anything is sent"
    tab.page.locator("#until").dispatch_event("submit")
    expect(tab.page.locator("#answer-sleep")).to_contain_text("at most 168 hours from now")


def test_asked_for_twice_it_is_sent_once(look: Look, app: Served) -> None:
    awake(app)
    tab = look(app)
    tab.open()
    tab.page.get_by_label("or until").fill("2026-03-04T18:30")
    tab.slow = f"PUT /databases/{PROD.id}/hold"
    for _ in range(2):
        tab.page.locator("#until").dispatch_event("submit")
    tab.settle()
    assert tab.number_of(f"PUT /databases/{PROD.id}/hold") == 1
    tab.let_through()
    expect(tab.page.locator("#hold")).to_contain_text("Wed 4 Mar, 18:30")


def test_whose_hold_it_is_is_not_guessed_from_an_earlier_one(look: Look, app: Served) -> None:
    awake(app)
    app.world.lifecycle.hold(PROD, timedelta(hours=1), by="ops")
    tab = look(app)
    tab.open()
    expect(tab.page.locator("#hold")).to_contain_text("by ops.")
    tab.slow = HISTORY
    tab.page.get_by_role("button", name="for 3 hours").click()
    expect(tab.page.locator("#hold")).to_contain_text("Kept awake until 13:21.")
    tab.let_through()
    expect(tab.page.locator("#hold")).to_contain_text("by operator-name.")
