"""The page, in virtual time. When it asks, and what it does where nobody answers."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Look
from tests.browser.states import awake, waking
from tests.browser.tab import LIST, turn
from tests.served import Served
from tests.support import failing

pytestmark = pytest.mark.no_cover


def test_quickly_while_something_moves_and_slowly_otherwise(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    assert 1 <= tab.asked_within(60) <= 3
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    assert 12 <= tab.asked_within(60) <= 21


def test_a_hidden_tab_asks_nothing_and_a_seen_one_at_once(look: Look, app: Served) -> None:
    waking(app)
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Waking up")
    turn(tab.page, away=True)
    before = len(tab.asked)
    for _ in range(60):
        tab.wait(10)
    assert len(tab.asked) == before
    turn(tab.page, away=False)
    expect(tab.headline).to_have_text("Awake")


def test_where_the_server_is_gone_it_asks_less_and_less(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.is_cut_off = True
    tab.wait(31)
    said = "The server does not answer. What you see is of 10:00. The page tries again by itself."
    expect(tab.page.locator("#trouble")).to_have_text(said)
    expect(tab.page.locator("#said")).to_have_text("The server does not answer.")
    expect(tab.headline).to_have_text("Asleep")
    before = len(tab.asked)
    assert 5 <= tab.asked_within(600) <= 20
    assert len(tab.asked) - before <= 20, "and for nothing else"
    tab.is_cut_off = False
    tab.page.evaluate("dispatchEvent(new Event('online'))")
    expect(tab.page.locator("#trouble")).to_be_hidden()
    expect(tab.page.locator("#said")).to_have_text("The server answers again.")


def test_what_aws_says_is_shown_and_its_time_kept(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    with failing(app.world.rds, "DescribeDBInstances", "Throttling"):
        tab.wait(31)
        expect(tab.page.locator("#trouble")).to_contain_text("AWS is throttling")
        assert tab.asked_within(14) == 0, "Retry-After is 15 s"
    tab.wait(2)
    expect(tab.page.locator("#trouble")).to_be_hidden()


def test_it_looks_when_something_is_due(look: Look, app: Served) -> None:
    awake(app)
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Awake")
    tab.wait(47 * 60 + 50)
    expect(tab.page.locator("#sleeps-at")).to_contain_text("secs, at")
    assert tab.asked_within(15) >= 1
    expect(tab.page.locator("#sleeps-at")).to_contain_text("At the next check")


def test_an_answer_that_is_older_than_a_click_does_not_undo_it(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.slow = LIST
    tab.wait(31)
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    tab.let_through()
    expect(tab.headline).to_have_text("Waking up")


def test_nothing_is_told_to_a_screen_reader_unless_it_has_changed(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.is_cut_off = True
    tab.start_button.click()
    expect(tab.page.locator("#answer-now")).to_contain_text("No answer came")
    tab.settle()
    tab.page.evaluate(
        """() => {
            window.told = 0;
            const live = document.querySelectorAll("[role=status], [role=alert]");
            const observer = new MutationObserver((changes) => { window.told += changes.length; });
            for (const region of live) observer.observe(region, {childList: true, characterData: true, subtree: true});
        }"""
    )
    tab.asked_within(60)
    assert tab.page.evaluate("window.told") == 0


def test_the_next_check_is_waited_for_when_a_stop_is_due(look: Look, app: Served) -> None:
    awake(app)
    app.world.clock.advance(60)
    tab = look(app)
    tab.open()
    expect(tab.page.locator("#sleeps-at")).to_contain_text("At the next check")
    assert 4 <= tab.asked_within(60) <= 7


def test_it_does_not_ask_again_before_it_is_answered(look: Look, app: Served) -> None:
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.slow = LIST
    tab.wait(31)
    before = tab.number_of(LIST)
    for _ in range(3):
        tab.page.evaluate("dispatchEvent(new Event('online'))")
        tab.settle()
    assert tab.number_of(LIST) == before
    tab.let_through()
    assert tab.asked_within(35) >= 1


def test_no_countdown_goes_on_while_nobody_answers(look: Look, app: Served) -> None:
    awake(app)
    tab = look(app)
    tab.open()
    expect(tab.headline).to_have_text("Awake")
    tab.is_cut_off = True
    tab.wait(31)
    expect(tab.page.locator("#trouble")).to_be_visible()
    for _ in range(60):
        tab.wait(60)
    expect(tab.page.locator("#sleeps-at")).to_have_text("In 48 mins, at 11:09, unless it is used.")
