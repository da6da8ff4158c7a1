"""Starting the database, and the redirect to the dashboard once it is ready."""

import pytest
from playwright.sync_api import expect

from chalicelib.aws.table import Table
from tests.browser.conftest import OpenTab
from tests.browser.states import PAGE_STATE, make_starting, make_stopping, pass_minutes
from tests.browser.tab import BASE_PATH, DASHBOARD, HISTORY, ORIGIN, RESTART, set_hidden
from tests.served import Serve, Served, serving
from tests.support import PROD, failing


def test_start_button__double_click__starts_once_and_opens_the_dashboard(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    tab.start_button.dblclick()
    expect(tab.headline).to_have_text("Waking up")
    expect(tab.page.locator("#announcement")).to_have_text("RDS instance starting")
    expect(tab.start_button).to_have_attribute("aria-disabled", "true")
    tab.start_button.click(force=True)
    assert tab.count(RESTART) == 1
    value = tab.page.locator("progress").get_attribute("value")
    tab.wait(120)
    expect(tab.page.locator("#progress-note")).to_contain_text("About")
    expect(tab.page.locator("progress")).not_to_have_attribute("value", str(value))
    tab.wait(125)
    expect(tab.headline).to_have_text("Awake")
    expect(tab.page.locator("#announcement")).to_contain_text(
        "The dashboard opens in 8 secs; select “Stay here” to cancel."
    )
    expect(tab.page.locator("#redirect")).to_contain_text("Opening the dashboard in")
    with tab.page.expect_navigation(url=DASHBOARD):
        tab.page.clock.fast_forward(10_000)


def test_redirect__stay_here__is_cancelled(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    tab.wait(245)
    tab.page.get_by_role("button", name="Stay here").click()
    expect(tab.headline).to_be_focused()
    tab.wait(60)
    expect(tab.page.get_by_role("link", name="Open the dashboard")).to_have_attribute("href", DASHBOARD)
    assert tab.page.url == ORIGIN + BASE_PATH


def test_redirect__page_reloaded_while_waiting__is_not_cancelled(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    tab.page.reload()
    expect(tab.headline).to_have_text("Waking up")
    tab.wait(245)
    expect(tab.page.locator("#redirect")).to_be_visible()


def test_redirect__start_requested_elsewhere__does_not_happen(open_tab: OpenTab, app: Served) -> None:
    make_starting(app)
    tab = open_tab(app)
    tab.open("viewer")
    expect(tab.headline).to_have_text("Waking up")
    tab.wait(180)
    expect(tab.headline).to_have_text("Awake")
    tab.wait(30)
    expect(tab.page.locator("#redirect")).to_be_hidden()
    assert tab.page.url == ORIGIN + BASE_PATH


def test_redirect__tab_hidden_for_hours__does_not_happen(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    set_hidden(tab.page, hidden=True)
    pass_minutes(app, 5 * 60, check_interval=15)
    tab.page.clock.fast_forward(5 * 3600 * 1000)
    set_hidden(tab.page, hidden=False)
    expect(tab.headline).to_have_text("Asleep")
    make_starting(app)
    tab.wait(31)
    expect(tab.headline).to_have_text("Waking up")
    tab.wait(180)
    expect(tab.headline).to_have_text("Awake")
    expect(tab.page.locator("#redirect")).to_be_hidden()


def test_redirect__another_database_selected__does_not_happen(open_tab: OpenTab) -> None:
    with serving(databases=f"{PROD.id},other", DASHBOARD_URL=DASHBOARD) as app:
        tab = open_tab(app)
        tab.open()
        tab.start_button.click()
        expect(tab.headline).to_have_text("Waking up")
        tab.page.get_by_role("button", name="other").click()
        tab.wait(245)
        first = tab.page.get_by_role("button", name=PROD.id)
        expect(first).to_contain_text("Awake")
        expect(tab.page.locator("#redirect")).to_be_hidden()
        first.click()
        tab.wait(10)
        expect(tab.headline).to_have_text("Awake")
        expect(tab.page.locator("#redirect")).to_be_hidden()


def test_redirect__tab_visible_again__restarts_the_countdown(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    tab.wait(245)
    expect(tab.page.locator("#redirect")).to_be_visible()
    set_hidden(tab.page, hidden=True)
    tab.wait(600)
    set_hidden(tab.page, hidden=False)
    tab.wait(5)
    expect(tab.page.locator("#redirect")).to_be_visible()


def test_progress__history_of_an_earlier_start__is_not_used(open_tab: OpenTab) -> None:
    with PAGE_STATE["asleep"].served() as app:
        tab = open_tab(app)
        PAGE_STATE["asleep"].show(tab)
        tab.delayed = HISTORY
        tab.start_button.click()
        expect(tab.page.locator("#progress-note")).to_have_text("About 5 mins left; a start usually takes 5 mins.")


def test_restart_error__state_changed__disappears(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.is_offline = True
    tab.start_button.click()
    expect(tab.page.locator("#status-error")).to_contain_text("The server did not respond.")
    tab.is_offline = False
    make_starting(app)
    tab.wait(5)
    expect(tab.headline).to_have_text("Waking up")
    expect(tab.page.locator("#status-error")).to_be_empty()


def test_redirect__no_dashboard__does_not_happen(open_tab: OpenTab, serve: Serve) -> None:
    app = serve()
    tab = open_tab(app)
    tab.open()
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    tab.wait(245)
    expect(tab.headline).to_have_text("Awake")
    expect(tab.page.locator("#redirect")).to_be_hidden()
    expect(tab.page.locator("#dashboard")).to_be_hidden()


def test_start_button__while_stopping__requests_a_restart(open_tab: OpenTab, app: Served) -> None:
    make_stopping(app)
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Going to sleep")
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    expect(tab.page.locator("#announcement")).to_have_text("RDS stopping; it will start as soon as it has stopped")


def test_start_button__no_capacity__shows_why_it_waits(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    with failing(app.world.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
        tab.start_button.click()
        expect(tab.headline).to_have_text("Waking up")
    expect(tab.page.locator("#progress-note")).to_contain_text(
        "AWS has no capacity for its instance class at the moment."
    )


def test_start_button__database_failed__shows_what_to_do_and_awaits_nothing(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    app.world.simulated_rds.set_status(PROD.id, "storage-full")
    tab.start_button.click()
    expect(tab.headline).to_have_text("Action required")
    expect(tab.page.locator("#detail")).to_contain_text("Allocate more storage")
    assert tab.page.evaluate("sessionStorage.length") == 1, "only the token"


def test_start_button__no_response__can_be_pressed_again(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.is_offline = True
    tab.start_button.click()
    expect(tab.page.locator("#status-error")).to_contain_text("try again")
    tab.is_offline = False
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")


def test_redirect__request_not_received__does_not_happen(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.is_offline = True
    tab.start_button.click()
    expect(tab.page.locator("#status-error")).not_to_be_empty()
    tab.is_offline = False
    for _ in range(8):
        tab.wait(31)
    make_starting(app)
    tab.wait(31)
    expect(tab.headline).to_have_text("Waking up")
    tab.wait(180)
    expect(tab.headline).to_have_text("Awake")
    expect(tab.page.locator("#redirect")).to_be_hidden()


def test_progress__start_not_in_history__uses_the_observed_time(
    open_tab: OpenTab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PAGE_STATE["asleep"].served() as app:
        read_history = Table.history
        today = app.world.clock.now.date()
        monkeypatch.setattr(
            Table, "history", lambda *args: tuple(event for event in read_history(*args) if event.at.date() != today)
        )
        tab = open_tab(app)
        PAGE_STATE["asleep"].show(tab)
        tab.start_button.click()
        expect(tab.headline).to_have_text("Waking up")
        tab.settle()
        expect(tab.page.locator("#progress-note")).to_have_text("About 5 mins left; a start usually takes 5 mins.")


def test_restart_error__another_database_selected__is_hidden(open_tab: OpenTab) -> None:
    with serving(databases=f"{PROD.id},other") as app:
        tab = open_tab(app)
        tab.open()
        expect(tab.headline).to_have_text("Asleep")
        tab.is_offline = True
        tab.start_button.click()
        expect(tab.page.locator("#status-error")).not_to_be_empty()
        tab.page.get_by_role("button", name="other").click()
        expect(tab.page.locator("#database-name")).to_have_text("other")
        expect(tab.page.locator("#status-error")).to_be_empty()


def test_start_button__failed_and_rds_can_start_it__starts_it(open_tab: OpenTab) -> None:
    with PAGE_STATE["recoverable"].served() as app:
        tab = open_tab(app)
        PAGE_STATE["recoverable"].show(tab)
        expect(tab.page.locator("#detail")).to_contain_text("then request a restart.")
        tab.start_button.click()
        expect(tab.headline).to_have_text("Waking up")
