"""Usage and activity: timeline, table, totals and events."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from chalicelib.api.responses import MAX_EVENTS
from chalicelib.aws.table import Table
from chalicelib.domain.model import Event, EventName
from tests.browser.conftest import OpenTab
from tests.browser.states import PAGE_STATE
from tests.browser.tab import HISTORY
from tests.served import Served, serving
from tests.support import NOW, PROD, failing


def test_timeline__day_focused_or_pointed_at__shows_details(open_tab: OpenTab) -> None:
    with PAGE_STATE["asleep"].served() as app:
        tab = open_tab(app)
        PAGE_STATE["asleep"].show(tab)
        day = tab.page.locator(".day .bar").nth(1)
        assert tab.page.locator(".day").count() == 7
        day.focus()
        details = "Wed 11 Mar: awake 5 hrs 30 mins, starting or stopping 40 mins, asleep 17 hrs 50 mins. Awake "
        expect(tab.page.locator("#timeline-note")).to_contain_text(details)
        expect(day).to_have_attribute("aria-label", re.compile(details))
        box = day.bounding_box()
        assert box is not None
        tab.page.mouse.move(box["x"] + box["width"] * 11 / 24, box["y"] + 5)
        expect(tab.page.locator("#timeline-note")).to_have_text("Wed 11 Mar: awake 10:05 to 13:35 (3 hrs 30 mins).")


def test_usage__thirty_days__includes_days_not_observed(open_tab: OpenTab) -> None:
    with PAGE_STATE["asleep"].served() as app:
        tab = open_tab(app)
        PAGE_STATE["asleep"].show(tab)
        tab.page.get_by_role("button", name="30 days").click()
        expect(tab.page.locator(".day")).to_have_count(30)
        expect(tab.page.get_by_role("button", name="30 days")).to_have_attribute("aria-pressed", "true")
        tab.page.get_by_text("Show as a table").click()
        first = tab.page.get_by_role("row").nth(30)
        expect(first).to_contain_text("Wed 11 Feb")
        expect(first.get_by_role("cell").last).not_to_have_text("–")
        expect(tab.page.locator("#totals")).to_contain_text("Not observed")


def test_totals__some_days_of_use__are_those_of_the_api(open_tab: OpenTab) -> None:
    with PAGE_STATE["asleep"].served() as app:
        summary = app.call("GET", f"/databases/{PROD.id}/history").json_body["summary"]
        tab = open_tab(app)
        PAGE_STATE["asleep"].show(tab)
        totals = dict(
            zip(*(tab.page.locator(f"#totals {part}").all_inner_texts() for part in ("dt", "dd")), strict=True)
        )
        assert totals["Awake"] == f"{summary['running_hours']:.1f} hrs"
        assert totals["Saved"] == f"86% (${summary['saved_usd']:.2f})"
        assert totals["Starts"] == str(summary["starts"])
        assert totals["Usual wait"] == "5 mins"


def test_events__show_all__lists_the_rest_and_moves_focus(open_tab: OpenTab) -> None:
    with PAGE_STATE["asleep"].served() as app:
        tab = open_tab(app)
        PAGE_STATE["asleep"].show(tab)
        expect(tab.page.locator("#events li")).to_have_count(8)
        tab.page.get_by_role("button", name="Show all").click()
        expect(tab.page.locator("#events li")).not_to_have_count(8)
        expect(tab.page.get_by_role("button", name="Show all")).to_be_hidden()
        expect(tab.page.locator("#events li").nth(8)).to_be_focused()


def test_timeline__history_reloaded__keeps_focus_and_one_tab_stop(open_tab: OpenTab) -> None:
    with PAGE_STATE["asleep"].served() as app:
        tab = open_tab(app)
        PAGE_STATE["asleep"].show(tab)
        days = tab.page.locator(".day .bar")
        assert tab.page.locator(".day .bar[tabindex='0']").count() == 1
        days.first.focus()
        for key in ("ArrowDown", "ArrowDown", "ArrowUp"):
            tab.page.keyboard.press(key)
        expect(days.nth(1)).to_be_focused()
        note = tab.page.locator("#timeline-note").inner_text()
        assert tab.count_during(10 * 60, HISTORY, step=31) >= 1
        expect(days.nth(1)).to_be_focused()
        expect(tab.page.locator("#timeline-note")).to_have_text(note)


def test_events__more_than_the_limit__are_counted(
    open_tab: OpenTab, app: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = tuple(Event(NOW, EventName.HOLD_SET, "ops", f"Number {number}.") for number in range(MAX_EVENTS + 1234))
    monkeypatch.setattr(Table, "history", lambda *_: events)
    tab = open_tab(app)
    tab.open()
    expect(tab.page.get_by_role("button", name="Show all 2000")).to_be_visible()
    expect(tab.page.locator("#events-note")).to_have_text("1,234 older events are not shown.")


def test_usage__first_request_fails__is_loaded_later(
    open_tab: OpenTab, app: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = open_tab(app)
    with failing(app.world.dynamodb, "BatchGetItem", "Throttling", times=2):
        tab.open()
        expect(tab.page.locator("#loading")).to_be_hidden()
    monkeypatch.setattr(Table, "history", lambda *_: 1 / 0)
    tab.wait(31)
    expect(tab.page.locator("#usage-note")).not_to_be_empty()
    monkeypatch.undo()
    tab.wait(35)
    tab.wait(35)
    expect(tab.page.locator("#events li").first).to_be_visible()


def test_usage__another_database_selected__is_hidden_until_loaded(open_tab: OpenTab) -> None:
    with serving(databases=f"{PROD.id},other") as app:
        app.run_check()
        tab = open_tab(app)
        tab.open()
        expect(tab.page.locator("#events")).to_contain_text("Monitoring started")
        tab.delayed = "GET /databases/other/history"
        tab.page.get_by_role("button", name="other").click()
        expect(tab.page.locator("#database-name")).to_have_text("other")
        expect(tab.page.locator("#usage-content")).to_be_hidden()
        expect(tab.page.locator("#usage-note")).to_have_text("Loading the usage data …")
        tab.deliver()
        expect(tab.page.locator("#usage-content")).to_be_visible()


def test_usage__earlier_response_arrives_last__is_ignored(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    expect(tab.page.locator(".day")).to_have_count(7)
    tab.delayed = HISTORY
    tab.page.get_by_role("button", name="30 days").click()
    tab.settle()
    tab.delayed = None
    tab.page.get_by_role("button", name="7 days").click()
    tab.deliver()
    expect(tab.page.locator("#usage-content")).to_be_visible()
    expect(tab.page.locator(".day")).to_have_count(7)
    expect(tab.page.get_by_role("button", name="7 days")).to_have_attribute("aria-pressed", "true")


def test_usage__cannot_be_read__shows_the_error_beside_the_state(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "history", lambda *_: 1 / 0)
        tab.open()
        expect(tab.page.locator("#usage-note")).not_to_have_text(re.compile("^$|^Loading"))
        expect(tab.headline).to_have_text("Asleep")


def test_timeline__clocks_change__day_has_23_hours(open_tab: OpenTab, app: Served) -> None:
    app.world.clock.now = datetime(2026, 3, 26, 12, 0, tzinfo=UTC)
    for _ in range(5):
        app.run_check()
        app.world.clock.advance(days=1)
    app.run_check()
    tab = open_tab(app)
    tab.open()
    days = tab.page.locator(".day .bar")
    expect(days.nth(2)).to_have_attribute("aria-label", "Sun 29 Mar: asleep 23 hrs.")
    expect(days.nth(1)).to_have_attribute("aria-label", "Mon 30 Mar: asleep 24 hrs.")
