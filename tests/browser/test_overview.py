"""The overview: each state in a few sentences, and the time of the next stop."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.states import PAGE_STATE
from tests.served import Served
from tests.support import PROD

SENTENCES = {
    "asleep": ["It stays asleep until someone starts it.", "Next automatic start: Wed 18 Mar, 16:13."],
    "waking": [
        "About 4 mins left; a start usually takes 5 mins.",
        "Not until it is awake.",
        "It is starting; no action is needed.",
    ],
    "waking-slowly": ["Longer than usual: 9 mins so far, usually 5 mins."],
    "waking-after-stop": ["RDS must finish the current operation first. Starting then takes about 5 mins."],
    "waking-without-capacity": ["AWS has no capacity", "A restart is already requested; no action is needed."],
    "awake": ["In 48 mins, at 11:09, unless it is used.", "The last query was 12 mins ago.", "It is awake."],
    "held": ["Kept awake until 13:21 by operator-name.", "Not while it is kept awake."],
    "going-to-sleep": ["It is going to sleep now."],
    "busy": ["maintenance", "Not while an RDS operation is in progress."],
    "connected-without-reports": [
        "4 connections are open, and nobody has reported a query in the last 30 days.",
        "If they are idle, close them, or let the backend report its queries.",
        "Not while connections are open.",
        "Connections are open. They count as activity, because nobody reports queries.",
    ],
    "disconnected-without-reports": [
        "Connections were open until ",
        "unless it is used.",
        "Connections were last open 20 mins ago. They count as activity, because nobody reports queries.",
    ],
    "metric-unknown": [
        "because the metric DatabaseConnections has been unknown since ",
        "CloudWatch returned no datapoint of DatabaseConnections in the last 10 minutes.",
        "Not while the activity metric is unknown.",
    ],
    "unstoppable": [
        "RDS cannot stop it, because it has read replicas. Remove it from DATABASES, or hold it.",
        "Not while RDS refuses to stop it.",
        "The last query was 1 hr 12 mins ago.",
    ],
    "modification-waits": [
        "a stop would discard modifications that wait for the maintenance window: DBInstanceClass.",
        "To stop it earlier, apply or revoke them now.",
        "Not until the waiting modifications are applied or revoked.",
    ],
    "replaced": [
        "It became available, or was first observed, ",
        "Another database has this id now, for example a restored one. It gets a full idle timeout.",
    ],
    "failed": ["Allocate more storage in the RDS console.", "It cannot be started until the problem is resolved."],
}


@pytest.mark.parametrize("name", SENTENCES)
def test_overview__each_state__shows_what_it_is_and_what_follows(open_tab: OpenTab, name: str) -> None:
    with PAGE_STATE[name].served() as app:
        tab = open_tab(app)
        PAGE_STATE[name].show(tab)
        for sentence in SENTENCES[name]:
            expect(tab.page.locator("main")).to_contain_text(sentence)
        expect(tab.page.locator("footer")).to_have_text("Times are in Europe/Berlin (CET).")


def test_detail__status_with_markup__is_text(open_tab: OpenTab, app: Served) -> None:
    app.world.simulated_rds.set_status(PROD.id, "<img src=x>")
    tab = open_tab(app)
    tab.open("viewer")
    expect(tab.page.locator("#detail")).to_contain_text("(<img src=x>)")


def test_next_stop__device_clock_is_wrong__uses_the_servers_time(open_tab: OpenTab) -> None:
    with PAGE_STATE["awake"].served() as app:
        tab = open_tab(app)
        tab.page.clock.set_system_time(app.world.clock.now + timedelta(hours=5))
        PAGE_STATE["awake"].show(tab)
        expect(tab.page.locator("#next-stop")).to_have_text("In 48 mins, at 11:09, unless it is used.")
