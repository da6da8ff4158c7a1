"""The page, in virtual time. From the click to the dashboard."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Look
from tests.browser.scenes import SHOWN, dozing, pass_by, waking
from tests.browser.screen import BASE, DASHBOARD, HISTORY, ORIGIN, RESTART, turn
from tests.served import Serve, Served, serving
from tests.support import PROD, failing

pytestmark = pytest.mark.no_cover


def test_a_click_wakes_it_once_and_leads_to_the_dashboard(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    tab.start_button.dblclick()
    expect(tab.headline).to_have_text("Waking up")
    expect(tab.page.locator("#said")).to_have_text("RDS instance starting")
    expect(tab.start_button).to_have_attribute("aria-disabled", "true")
    tab.start_button.click(force=True)
    assert tab.number_of(RESTART) == 1
    value = tab.page.locator("progress").get_attribute("value")
    tab.wait(120)
    expect(tab.page.locator("#progress-note")).to_contain_text("About")
    expect(tab.page.locator("progress")).not_to_have_attribute("value", str(value))
    tab.wait(125)
    expect(tab.headline).to_have_text("Awake")
    expect(tab.page.locator("#said")).to_contain_text(
        "The dashboard opens in 8 secs; the button “Stay here” stops that."
    )
    expect(tab.page.locator("#jump")).to_contain_text("Opening the dashboard in")
    with tab.page.expect_navigation(url=DASHBOARD):
        tab.page.clock.fast_forward(10_000)


def test_the_jump_can_be_called_off(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    tab.wait(245)
    tab.page.get_by_role("button", name="Stay here").click()
    expect(tab.headline).to_be_focused()
    tab.wait(60)
    expect(tab.page.get_by_role("link", name="Open the dashboard")).to_have_attribute("href", DASHBOARD)
    assert tab.page.url == ORIGIN + BASE


def test_a_reload_while_waiting_forgets_nothing(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    tab.page.reload()
    expect(tab.headline).to_have_text("Waking up")
    tab.wait(245)
    expect(tab.page.locator("#jump")).to_be_visible()


def test_who_has_not_asked_for_it_is_sent_nowhere(look: Look, app: Served) -> None:
    waking(app)
    tab = look(app)
    tab.open("viewer")
    expect(tab.headline).to_have_text("Waking up")
    tab.wait(180)
    expect(tab.headline).to_have_text("Awake")
    tab.wait(30)
    expect(tab.page.locator("#jump")).to_be_hidden()
    assert tab.page.url == ORIGIN + BASE


def test_who_has_left_and_comes_back_hours_later_is_sent_nowhere(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    turn(tab.page, away=True)
    pass_by(app, 5 * 60, every=15)
    tab.page.clock.fast_forward(5 * 3600 * 1000)
    turn(tab.page, away=False)
    expect(tab.headline).to_have_text("Asleep")
    waking(app)
    tab.wait(31)
    expect(tab.headline).to_have_text("Waking up")
    tab.wait(180)
    expect(tab.headline).to_have_text("Awake")
    expect(tab.page.locator("#jump")).to_be_hidden()


def test_who_looks_at_another_database_meanwhile_is_sent_nowhere(look: Look) -> None:
    with serving(databases=f"{PROD.id},other", DASHBOARD_URL=DASHBOARD) as app:
        tab = look(app)
        tab.open()
        tab.start_button.click()
        expect(tab.headline).to_have_text("Waking up")
        tab.page.get_by_role("button", name="other").click()
        tab.wait(245)
        first = tab.page.get_by_role("button", name=PROD.id)
        expect(first).to_contain_text("Awake")
        expect(tab.page.locator("#jump")).to_be_hidden()
        first.click()
        tab.wait(10)
        expect(tab.headline).to_have_text("Awake")
        expect(tab.page.locator("#jump")).to_be_hidden()


def test_who_comes_back_during_the_jump_has_the_full_time_to_stay(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    tab.wait(245)
    expect(tab.page.locator("#jump")).to_be_visible()
    turn(tab.page, away=True)
    tab.wait(600)
    turn(tab.page, away=False)
    tab.wait(5)
    expect(tab.page.locator("#jump")).to_be_visible()


def test_how_long_it_takes_is_not_guessed_from_an_earlier_start(look: Look) -> None:
    with SHOWN["asleep"].played() as app:
        tab = look(app)
        SHOWN["asleep"].show(tab)
        tab.slow = HISTORY
        tab.start_button.click()
        expect(tab.page.locator("#progress-note")).to_have_text("About 5 mins left; usually it takes 5 mins.")


def test_what_went_wrong_is_not_said_any_longer_than_it_is_so(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.is_cut_off = True
    tab.start_button.click()
    expect(tab.page.locator("#answer-now")).to_contain_text("No answer came.")
    tab.is_cut_off = False
    waking(app)
    tab.wait(5)
    expect(tab.headline).to_have_text("Waking up")
    expect(tab.page.locator("#answer-now")).to_be_empty()


def test_without_a_dashboard_there_is_no_way_to_one(look: Look, serve: Serve) -> None:
    app = serve()
    tab = look(app)
    tab.open()
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    tab.wait(245)
    expect(tab.headline).to_have_text("Awake")
    expect(tab.page.locator("#jump")).to_be_hidden()
    expect(tab.page.locator("#dashboard")).to_be_hidden()


def test_one_that_goes_to_sleep_can_be_asked_for(look: Look, app: Served) -> None:
    dozing(app)
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Going to sleep")
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    expect(tab.page.locator("#said")).to_have_text("RDS stopping; it will start as soon as it has stopped")


def test_no_capacity_is_said_and_waited_for(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    with failing(app.world.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
        tab.start_button.click()
        expect(tab.headline).to_have_text("Waking up")
    said = (
        "AWS has no capacity for its instance class at the moment. The restart is kept and tried again at every check."
    )
    expect(tab.page.locator("#progress-note")).to_contain_text(said)


def test_a_failure_in_between_says_what_to_do_and_is_not_waited_for(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    app.world.simulated_rds.set_status(PROD.id, "storage-full")
    tab.start_button.click()
    expect(tab.headline).to_have_text("Needs a person")
    expect(tab.page.locator("#detail")).to_contain_text("Give it more storage")
    assert tab.page.evaluate("sessionStorage.length") == 1, "only the token"


def test_a_click_that_nobody_answers_may_be_repeated(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.is_cut_off = True
    tab.start_button.click()
    expect(tab.page.locator("#answer-now")).to_contain_text("press again")
    tab.is_cut_off = False
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")


def test_a_click_that_nobody_heard_is_not_waited_for(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.is_cut_off = True
    tab.start_button.click()
    expect(tab.page.locator("#answer-now")).not_to_be_empty()
    tab.is_cut_off = False
    for _ in range(8):
        tab.wait(31)
    waking(app)
    tab.wait(31)
    expect(tab.headline).to_have_text("Waking up")
    tab.wait(180)
    expect(tab.headline).to_have_text("Awake")
    expect(tab.page.locator("#jump")).to_be_hidden()


def test_a_history_that_does_not_know_of_the_start_yet_is_no_measure(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SHOWN["asleep"].played() as app:
        whole = app.world.table.history
        today = app.world.clock.now.date()
        monkeypatch.setattr(
            app.world.table, "history", lambda *asked: tuple(e for e in whole(*asked) if e.at.date() != today)
        )
        tab = look(app)
        SHOWN["asleep"].show(tab)
        tab.start_button.click()
        expect(tab.headline).to_have_text("Waking up")
        tab.settle()
        expect(tab.page.locator("#progress-note")).to_have_text("About 5 mins left; usually it takes 5 mins.")


def test_an_answer_is_said_only_of_the_database_that_it_is_about(look: Look) -> None:
    with serving(databases=f"{PROD.id},other") as app:
        tab = look(app)
        tab.open()
        expect(tab.headline).to_have_text("Asleep")
        tab.is_cut_off = True
        tab.start_button.click()
        expect(tab.page.locator("#answer-now")).not_to_be_empty()
        tab.page.get_by_role("button", name="other").click()
        expect(tab.page.locator("#name")).to_have_text("other")
        expect(tab.page.locator("#answer-now")).to_be_empty()
