"""The page, in virtual time. Timeline, table, sums and list."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from chalicelib.api.responses import MAX_EVENTS
from chalicelib.domain.model import Event, EventName
from tests.browser.conftest import Look
from tests.browser.scenes import SHOWN
from tests.browser.screen import HISTORY
from tests.served import Served, serving
from tests.support import NOW, PROD, failing

pytestmark = pytest.mark.no_cover


def test_a_day_tells_more_when_it_is_pointed_at_or_focused(look: Look) -> None:
    with SHOWN["asleep"].played() as app:
        tab = look(app)
        SHOWN["asleep"].show(tab)
        day = tab.page.locator(".day .band").nth(1)
        assert tab.page.locator(".day").count() == 7
        day.focus()
        said = "Wed 11 Mar: awake 5 hrs 30 mins, starting or stopping 40 mins, asleep 17 hrs 50 mins. Awake "
        expect(tab.page.locator("#pointed")).to_contain_text(said)
        expect(day).to_have_attribute("aria-label", re.compile(said))
        box = day.bounding_box()
        assert box is not None
        tab.page.mouse.move(box["x"] + box["width"] * 11 / 24, box["y"] + 5)
        expect(tab.page.locator("#pointed")).to_have_text("Wed 11 Mar: awake 10:05 to 13:35 (3 hrs 30 mins).")


def test_thirty_days_and_what_nobody_saw(look: Look) -> None:
    with SHOWN["asleep"].played() as app:
        tab = look(app)
        SHOWN["asleep"].show(tab)
        tab.page.get_by_role("button", name="30 days").click()
        expect(tab.page.locator(".day")).to_have_count(30)
        expect(tab.page.get_by_role("button", name="30 days")).to_have_attribute("aria-pressed", "true")
        tab.page.get_by_text("The same as a table").click()
        first = tab.page.get_by_role("row").nth(30)
        expect(first).to_contain_text("Wed 11 Feb")
        expect(first.get_by_role("cell").last).not_to_have_text("–")
        expect(tab.page.locator("#sums")).to_contain_text("Not observed")


def test_the_sums_are_those_of_the_api(look: Look) -> None:
    with SHOWN["asleep"].played() as app:
        summary = app.call("GET", f"/databases/{PROD.id}/history").json_body["summary"]
        tab = look(app)
        SHOWN["asleep"].show(tab)
        sums = dict(zip(*(tab.page.locator(f"#sums {part}").all_inner_texts() for part in ("dt", "dd")), strict=True))
        assert sums["Awake"] == f"{summary['running_hours']:.1f} hrs"
        assert sums["Saved"] == f"86% · ${summary['saved_usd']:.2f}"
        assert sums["Came up"] == f"{summary['starts']} times"
        assert sums["Usual wait"] == "5 mins"


def test_few_events_and_then_all(look: Look) -> None:
    with SHOWN["asleep"].played() as app:
        tab = look(app)
        SHOWN["asleep"].show(tab)
        expect(tab.page.locator("#events li")).to_have_count(8)
        tab.page.get_by_role("button", name="Show all").click()
        expect(tab.page.locator("#events li")).not_to_have_count(8)
        expect(tab.page.get_by_role("button", name="Show all")).to_be_hidden()
        expect(tab.page.locator("#events li").nth(8)).to_be_focused()


def test_the_days_are_one_stop_of_the_tab_key_and_keep_it_when_they_are_drawn_anew(look: Look) -> None:
    with SHOWN["asleep"].played() as app:
        tab = look(app)
        SHOWN["asleep"].show(tab)
        days = tab.page.locator(".day .band")
        assert tab.page.locator(".day .band[tabindex='0']").count() == 1
        days.first.focus()
        for key in ("ArrowDown", "ArrowDown", "ArrowUp"):
            tab.page.keyboard.press(key)
        expect(days.nth(1)).to_be_focused()
        told = tab.page.locator("#pointed").inner_text()
        assert tab.asked_within(10 * 60, HISTORY) >= 1
        expect(days.nth(1)).to_be_focused()
        expect(tab.page.locator("#pointed")).to_have_text(told)


def test_what_is_left_out_is_counted(look: Look, app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tuple(Event(NOW, EventName.HOLD_SET, "ops", f"Number {number}.") for number in range(MAX_EVENTS + 1234))
    monkeypatch.setattr(app.world.table, "history", lambda *_: told)
    tab = look(app)
    tab.open()
    expect(tab.page.get_by_role("button", name="Show all 2000")).to_be_visible()
    expect(tab.page.locator("#no-events")).to_have_text("1,234 older ones are not shown.")


def test_a_past_that_could_not_be_read_at_first_is_asked_for_again(
    look: Look, app: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = look(app)
    with failing(app.world.dynamodb, "BatchGetItem", "Throttling", times=2):
        tab.open()
        expect(tab.page.locator("#loading")).to_be_hidden()
    monkeypatch.setattr(app.world.table, "history", lambda *_: 1 / 0)
    tab.wait(31)
    expect(tab.page.locator("#past-note")).to_contain_text("A fault")
    monkeypatch.undo()
    tab.wait(35)
    tab.wait(35)
    expect(tab.page.locator("#events li").first).to_be_visible()


def test_another_databases_past_is_never_shown_under_this_ones_name(look: Look) -> None:
    with serving(databases=f"{PROD.id},other") as app:
        app.run_check()
        tab = look(app)
        tab.open()
        expect(tab.page.locator("#events")).to_contain_text("Minded from now on")
        tab.slow = "GET /databases/other/history"
        tab.page.get_by_role("button", name="other").click()
        expect(tab.page.locator("#name")).to_have_text("other")
        expect(tab.page.locator("#told")).to_be_hidden()
        expect(tab.page.locator("#past-note")).to_have_text("Looking into the past …")
        tab.let_through()
        expect(tab.page.locator("#told")).to_be_visible()


def test_of_two_answers_the_one_that_was_asked_for_last_counts(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    expect(tab.page.locator(".day")).to_have_count(7)
    tab.slow = HISTORY
    tab.page.get_by_role("button", name="30 days").click()
    tab.settle()
    tab.slow = None
    tab.page.get_by_role("button", name="7 days").click()
    tab.let_through()
    expect(tab.page.locator("#told")).to_be_visible()
    expect(tab.page.locator(".day")).to_have_count(7)
    expect(tab.page.get_by_role("button", name="7 days")).to_have_attribute("aria-pressed", "true")


def test_a_past_that_cannot_be_read_says_so_and_hides_nothing_else(look: Look, app: Served) -> None:
    tab = look(app)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.world.table, "history", lambda *_: 1 / 0)
        tab.open()
        expect(tab.page.locator("#past-note")).to_contain_text("A fault in rds-lifecycle itself.")
        expect(tab.headline).to_have_text("Asleep")


def test_the_day_on_which_the_clocks_change_has_23_hours(look: Look, app: Served) -> None:
    app.world.clock.now = datetime(2026, 3, 26, 12, 0, tzinfo=UTC)
    for _ in range(5):
        app.run_check()
        app.world.clock.advance(days=1)
    app.run_check()
    tab = look(app)
    tab.open()
    days = tab.page.locator(".day .band")
    expect(days.nth(2)).to_have_attribute("aria-label", "Sun 29 Mar: asleep 23 hrs.")
    expect(days.nth(1)).to_have_attribute("aria-label", "Mon 30 Mar: asleep 24 hrs.")
