"""The page, in virtual time. Each state says in words what it is, and what comes next."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Look
from tests.browser.scenes import SHOWN, Scene
from tests.served import Served
from tests.support import PROD

pytestmark = pytest.mark.no_cover


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "asleep",
            ["It is stopped, and nobody has asked", "It sleeps until somebody starts it.", "Wed 18 Mar, 16:13"],
        ),
        ("waking", ["About 4 mins left; usually it takes 5 mins.", "Not before it is up.", "It is on its way"]),
        ("waking-for-long", ["Longer than usual: 9 mins so far, usually 5 mins."]),
        ("waking-after-stop", ["RDS has to finish first. From then on it takes about 5 mins."]),
        ("waking-without-room", ["AWS has no capacity", "operator-name asked for a restart at 10:00."]),
        ("awake", ["In 48 mins, at 11:09, unless it is used.", "The last query was 12 mins ago.", "It is awake."]),
        ("held", ["Kept awake until 13:21 by operator-name.", "Not while it is kept awake."]),
        ("dozing", ["It is going to sleep now."]),
        ("busy", ["RDS is at work on it (maintenance)", "Not while RDS is at work on it."]),
        (
            "failed",
            ["Give it more storage in the RDS console.", "It cannot be started before somebody has mended it."],
        ),
    ],
)
def test_it_is_told_in_words(look: Look, name: str, words: list[str]) -> None:
    scene: Scene = SHOWN[name]
    with scene.played() as app:
        tab = look(app)
        scene.show(tab)
        for said in words:
            expect(tab.page.locator("main")).to_contain_text(said)
        expect(tab.page.locator("footer")).to_have_text("Times are in Europe/Berlin (CET).")


def test_a_status_is_text_whatever_it_says(look: Look, app: Served) -> None:
    app.world.simulated_rds.set_status(PROD.id, "<img src=x>")
    tab = look(app)
    tab.open("viewer")
    expect(tab.page.locator("#detail")).to_contain_text("(<img src=x>)")


def test_a_clock_that_is_wrong_does_no_harm(look: Look) -> None:
    with SHOWN["awake"].played() as app:
        tab = look(app)
        tab.page.clock.set_system_time(app.world.clock.now + timedelta(hours=5))
        SHOWN["awake"].show(tab)
        expect(tab.page.locator("#sleeps-at")).to_have_text("In 48 mins, at 11:09, unless it is used.")
