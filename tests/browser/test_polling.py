"""How often the page polls, and what it shows while polls fail."""

from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.states import make_available, make_starting
from tests.browser.tab import LIST, set_hidden
from tests.served import Served
from tests.support import failing


def test_poll_interval__while_starting__is_shorter(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    assert 1 <= tab.count_during(60) <= 3
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    assert 12 <= tab.count_during(60) <= 21


def test_polling__hidden_tab__pauses_until_visible(open_tab: OpenTab, app: Served) -> None:
    make_starting(app)
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Waking up")
    set_hidden(tab.page, hidden=True)
    before = len(tab.requests)
    for _ in range(20):
        tab.wait(30)
    assert len(tab.requests) == before
    set_hidden(tab.page, hidden=False)
    expect(tab.headline).to_have_text("Awake")


def test_polling__server_unreachable__backs_off_and_shows_last_data(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.is_offline = True
    tab.wait(31)
    message = "The server does not respond. Last update: 10:00. The page retries automatically."
    expect(tab.page.locator("#connection-error")).to_have_text(message)
    expect(tab.page.locator("#announcement")).to_have_text("The server does not respond.")
    expect(tab.headline).to_have_text("Asleep")
    before = len(tab.requests)
    assert 5 <= tab.count_during(600, step=5) <= 20
    assert len(tab.requests) - before <= 20, "nothing else is requested"
    tab.is_offline = False
    tab.page.evaluate("dispatchEvent(new Event('online'))")
    expect(tab.page.locator("#connection-error")).to_be_hidden()
    expect(tab.page.locator("#announcement")).to_have_text("The connection is restored.")


def test_polling__aws_throttles__shows_reason_and_applies_retry_after(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    with failing(app.world.rds, "DescribeDBInstances", "Throttling"):
        tab.wait(31)
        expect(tab.page.locator("#connection-error")).to_contain_text("AWS is throttling")
        assert tab.count_during(14) == 0, "Retry-After is 15 s"
    tab.wait(2)
    expect(tab.page.locator("#connection-error")).to_be_hidden()


def test_polling__stop_time_reached__happens_at_once(open_tab: OpenTab, app: Served) -> None:
    make_available(app)
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Awake")
    tab.wait(47 * 60 + 50)
    expect(tab.page.locator("#next-stop")).to_contain_text("secs, at")
    assert tab.count_during(15) >= 1
    expect(tab.page.locator("#next-stop")).to_contain_text("At the next check")


def test_poll_response__older_than_a_command__is_ignored(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.delayed = LIST
    tab.wait(31)
    tab.start_button.click()
    expect(tab.headline).to_have_text("Waking up")
    tab.deliver()
    expect(tab.headline).to_have_text("Waking up")


def test_live_regions__nothing_changed__announce_nothing(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.is_offline = True
    tab.start_button.click()
    expect(tab.page.locator("#status-error")).to_contain_text("The server did not respond")
    tab.settle()
    tab.page.evaluate(
        """() => {
            window.announcements = 0;
            const live = document.querySelectorAll("[role=status], [role=alert]");
            const observer = new MutationObserver((changes) => { window.announcements += changes.length; });
            for (const region of live) observer.observe(region, {childList: true, characterData: true, subtree: true});
        }"""
    )
    tab.count_during(60, step=2)
    assert tab.page.evaluate("window.announcements") == 0


def test_poll_interval__stop_overdue__is_shorter(open_tab: OpenTab, app: Served) -> None:
    make_available(app)
    app.world.clock.advance(60)
    tab = open_tab(app)
    tab.open()
    expect(tab.page.locator("#next-stop")).to_contain_text("At the next check")
    assert 4 <= tab.count_during(60) <= 7


def test_polling__response_pending__sends_no_second_request(open_tab: OpenTab, app: Served) -> None:
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Asleep")
    tab.delayed = LIST
    tab.wait(31)
    before = tab.count(LIST)
    for _ in range(3):
        tab.page.evaluate("dispatchEvent(new Event('online'))")
        tab.settle()
    assert tab.count(LIST) == before
    tab.deliver()
    assert tab.count_during(35, step=5) >= 1


def test_countdown__while_polls_fail__is_paused(open_tab: OpenTab, app: Served) -> None:
    make_available(app)
    tab = open_tab(app)
    tab.open()
    expect(tab.headline).to_have_text("Awake")
    tab.is_offline = True
    tab.wait(31)
    expect(tab.page.locator("#connection-error")).to_be_visible()
    for _ in range(10):
        tab.wait(360)
    expect(tab.page.locator("#next-stop")).to_have_text("In 48 mins, at 11:09, unless it is used.")
