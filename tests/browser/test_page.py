"""What the page does, in virtual time: whom it lets in, when it looks, what its buttons do, where it sends people."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Look
from tests.browser.scenes import SCENES, Scene, awake, dozing, pass_by, several, waking
from tests.browser.screen import BASE, DASHBOARD, ORIGIN, Screen, turn
from tests.served import Serve, Served, serving
from tests.support import ANALYTICS, NOW, PROD, failing

pytestmark = pytest.mark.no_cover

RESTART = f"POST /databases/{PROD.id}/restart"
LIST = "GET /databases"
HISTORY = f"GET /databases/{PROD.id}/history"
SHOWN = {scene.name: scene for scene in SCENES}


@pytest.fixture
def app() -> Iterator[Served]:
    """A database asleep, and a dashboard to go to."""
    with serving(DASHBOARD_URL=DASHBOARD) as served:
        served.tick()
        yield served


def start_button(tab: Screen) -> Locator:
    return tab.page.get_by_role("button", name="Start the database")


def headline(tab: Screen) -> Locator:
    return tab.page.locator("#headline")


def asked_within(tab: Screen, seconds: int, request: str = LIST) -> int:
    """How often it asks, while the time passes second by second."""
    before = tab.number_of(request)
    for _ in range(seconds):
        tab.wait(1)
    return tab.number_of(request) - before


class TestAtAGlance:
    """Each state says in words what it is, and what comes next."""

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            (
                "asleep",
                ["It is stopped, and nobody has asked", "It sleeps until somebody starts it.", "Wed 18 Mar, 16:13"],
            ),
            ("waking", ["About 4 mins left; usually it takes 5 mins.", "Not before it is up.", "It is on its way"]),
            ("waking-for-long", ["Longer than usual: 9 mins so far, usually 5 mins."]),
            ("waking-after-stop", ["RDS has to finish first. From then on it takes about 4 mins."]),
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
    def test_it_is_told_in_words(self, look: Look, name: str, words: list[str]) -> None:
        scene: Scene = SHOWN[name]
        with scene.played() as app:
            tab = look(app)
            scene.show(tab)
            for said in words:
                expect(tab.page.locator("main")).to_contain_text(said)
            expect(tab.page.locator("footer")).to_have_text("Times are in Europe/Berlin (CET).")

    def test_a_status_is_text_whatever_it_says(self, look: Look, app: Served) -> None:
        app.world.slow_rds.set_status(PROD.id, "<img src=x>")
        tab = look(app)
        tab.open("viewer")
        expect(tab.page.locator("#detail")).to_contain_text("(<img src=x>)")

    def test_a_clock_that_is_wrong_does_no_harm(self, look: Look) -> None:
        with SHOWN["awake"].played() as app:
            tab = look(app)
            tab.page.clock.set_system_time(app.world.clock.now + timedelta(hours=5))
            SHOWN["awake"].show(tab)
            expect(tab.page.locator("#sleeps-at")).to_have_text("In 48 mins, at 11:09, unless it is used.")


class TestAccess:
    """Who is let in, and what is said to the others."""

    def test_a_wrong_token_is_refused_and_not_kept(self, look: Look, app: Served) -> None:
        tab = look(app)
        for wrong in ("stranger", "日本語"):
            tab.open(wrong)
            expect(tab.page.get_by_role("alert")).to_have_text(re.compile("This token is not accepted"))
            assert tab.page.evaluate("sessionStorage.length") == 0
            expect(tab.page.get_by_label("Access token")).to_be_focused()

    def test_a_server_that_does_not_answer_is_told_apart_and_tried_again(self, look: Look, app: Served) -> None:
        tab = look(app)
        tab.open(None)
        tab.is_cut_off = True
        tab.sign_in("operator")
        expect(tab.page.locator("#trouble")).to_have_text(re.compile("The server does not answer"))
        expect(tab.page.get_by_label("Access token")).to_be_hidden()
        tab.is_cut_off = False
        tab.wait(4)
        expect(headline(tab)).to_have_text("Asleep")
        expect(tab.page.locator("#trouble")).to_be_hidden()

    def test_the_token_is_kept_for_the_tab_only_and_in_no_address(self, look: Look, app: Served) -> None:
        tab = look(app)
        tab.open("operator")
        expect(headline(tab)).to_be_focused()
        tab.page.reload()
        expect(headline(tab)).to_have_text("Asleep")
        assert tab.page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
        assert [asked for asked in [*tab.asked, tab.page.url] if "operator" in asked] == []
        other = look(app)
        other.open(None)
        expect(other.page.get_by_label("Access token")).to_be_visible()

    def test_signing_out_forgets_it(self, look: Look, app: Served) -> None:
        tab = look(app)
        tab.open("operator")
        expect(headline(tab)).to_have_text("Asleep")
        tab.page.get_by_role("button", name="Sign out").click()
        expect(tab.page.get_by_label("Access token")).to_be_focused()
        expect(tab.page.locator("#shown")).to_be_hidden()
        assert asked_within(tab, 60) == 0
        assert tab.page.evaluate("sessionStorage.length") == 0

    def test_a_token_that_is_withdrawn_ends_the_visit(
        self, look: Look, app: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tab = look(app)
        tab.open("operator")
        expect(headline(tab)).to_have_text("Asleep")
        monkeypatch.setenv("ACCESS_TOKENS", "")
        tab.wait(31)
        expect(tab.page.get_by_role("alert")).to_contain_text("It may have been withdrawn")

    @pytest.mark.parametrize("role", ["viewer", "reporter"])
    def test_who_may_only_look_is_told_so_and_can_press_nothing(self, look: Look, app: Served, role: str) -> None:
        awake(app)
        tab = look(app)
        tab.open(role)
        expect(tab.page.locator("#role")).to_have_text(f"Signed in as {role}")
        expect(tab.page.locator("#start-note")).to_contain_text("takes an operator's token")
        expect(tab.page.locator("#keep-note")).to_have_text("Keeping it awake takes an operator's token.")
        for name in ("Start the database", "for 1 hour", "for 3 hours", "until tomorrow 8:00"):
            tab.page.get_by_role("button", name=name).dispatch_event("click")
        tab.page.locator("#until").dispatch_event("submit")
        tab.wait(1)
        assert all(asked.startswith("GET ") for asked in tab.asked)


class TestWaking:
    """From the click to the dashboard."""

    def test_a_click_wakes_it_once_and_leads_to_the_dashboard(self, look: Look, app: Served) -> None:
        tab = look(app)
        tab.open()
        start_button(tab).dblclick()
        expect(headline(tab)).to_have_text("Waking up")
        expect(tab.page.locator("#said")).to_have_text("RDS instance starting")
        expect(start_button(tab)).to_have_attribute("aria-disabled", "true")
        start_button(tab).click(force=True)
        assert tab.number_of(RESTART) == 1
        value = tab.page.locator("progress").get_attribute("value")
        tab.wait(120)
        expect(tab.page.locator("#progress-note")).to_contain_text("About")
        expect(tab.page.locator("progress")).not_to_have_attribute("value", str(value))
        tab.wait(125)
        expect(headline(tab)).to_have_text("Awake")
        expect(tab.page.locator("#said")).to_have_text("Awake")
        expect(tab.page.locator("#jump")).to_contain_text("Opening the dashboard in")
        with tab.page.expect_navigation(url=DASHBOARD):
            tab.page.clock.fast_forward(10_000)

    def test_the_jump_can_be_called_off(self, look: Look, app: Served) -> None:
        tab = look(app)
        tab.open()
        start_button(tab).click()
        expect(headline(tab)).to_have_text("Waking up")
        tab.wait(245)
        tab.page.get_by_role("button", name="Stay here").click()
        expect(headline(tab)).to_be_focused()
        tab.wait(60)
        expect(tab.page.get_by_role("link", name="Open the dashboard")).to_have_attribute("href", DASHBOARD)
        assert tab.page.url == ORIGIN + BASE

    def test_a_reload_while_waiting_forgets_nothing(self, look: Look, app: Served) -> None:
        tab = look(app)
        tab.open()
        start_button(tab).click()
        expect(headline(tab)).to_have_text("Waking up")
        tab.page.reload()
        expect(headline(tab)).to_have_text("Waking up")
        tab.wait(245)
        expect(tab.page.locator("#jump")).to_be_visible()

    def test_who_has_not_asked_for_it_is_sent_nowhere(self, look: Look, app: Served) -> None:
        waking(app)
        tab = look(app)
        tab.open("viewer")
        expect(headline(tab)).to_have_text("Waking up")
        tab.wait(180)
        expect(headline(tab)).to_have_text("Awake")
        tab.wait(30)
        expect(tab.page.locator("#jump")).to_be_hidden()
        assert tab.page.url == ORIGIN + BASE

    def test_without_a_dashboard_there_is_no_way_to_one(self, look: Look, serve: Serve) -> None:
        app = serve()
        tab = look(app)
        tab.open()
        start_button(tab).click()
        expect(headline(tab)).to_have_text("Waking up")
        tab.wait(245)
        expect(headline(tab)).to_have_text("Awake")
        expect(tab.page.locator("#jump")).to_be_hidden()
        expect(tab.page.locator("#dashboard")).to_be_hidden()

    def test_one_that_goes_to_sleep_can_be_asked_for(self, look: Look, app: Served) -> None:
        dozing(app)
        tab = look(app)
        tab.open()
        expect(headline(tab)).to_have_text("Going to sleep")
        start_button(tab).click()
        expect(headline(tab)).to_have_text("Waking up")
        expect(tab.page.locator("#said")).to_have_text("RDS stopping; it will start as soon as it has stopped")

    def test_no_capacity_is_said_and_waited_for(self, look: Look, app: Served) -> None:
        tab = look(app)
        tab.open()
        with failing(app.world.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
            start_button(tab).click()
            expect(tab.page.locator("#answer")).to_contain_text("there is no need to ask again")
        expect(headline(tab)).to_have_text("Waking up")
        expect(tab.page.locator("#progress-note")).to_contain_text("AWS has no capacity")

    def test_a_failure_in_between_says_what_to_do_and_is_not_waited_for(self, look: Look, app: Served) -> None:
        tab = look(app)
        tab.open()
        expect(headline(tab)).to_have_text("Asleep")
        app.world.slow_rds.set_status(PROD.id, "storage-full")
        start_button(tab).click()
        expect(tab.page.locator("#answer")).to_contain_text("Give it more storage")
        expect(headline(tab)).to_have_text("Needs a person")
        assert tab.page.evaluate("sessionStorage.length") == 1, "only the token"

    def test_a_click_that_nobody_answers_may_be_repeated(self, look: Look, app: Served) -> None:
        tab = look(app)
        tab.open()
        expect(headline(tab)).to_have_text("Asleep")
        tab.is_cut_off = True
        start_button(tab).click()
        expect(tab.page.locator("#answer")).to_contain_text("press again")
        tab.is_cut_off = False
        start_button(tab).click()
        expect(headline(tab)).to_have_text("Waking up")


class TestLooking:
    """When it asks, and what it does where nobody answers."""

    def test_quickly_while_something_moves_and_slowly_otherwise(self, look: Look, app: Served) -> None:
        tab = look(app)
        tab.open()
        expect(headline(tab)).to_have_text("Asleep")
        assert 1 <= asked_within(tab, 60) <= 3
        start_button(tab).click()
        expect(headline(tab)).to_have_text("Waking up")
        assert 15 <= asked_within(tab, 60) <= 31

    def test_a_hidden_tab_asks_nothing_and_a_seen_one_at_once(self, look: Look, app: Served) -> None:
        waking(app)
        tab = look(app)
        tab.open()
        expect(headline(tab)).to_have_text("Waking up")
        turn(tab.page, away=True)
        before = len(tab.asked)
        for _ in range(60):
            tab.wait(10)
        assert len(tab.asked) == before
        turn(tab.page, away=False)
        expect(headline(tab)).to_have_text("Awake")

    def test_where_the_server_is_gone_it_asks_less_and_less(self, look: Look, app: Served) -> None:
        tab = look(app)
        tab.open()
        expect(headline(tab)).to_have_text("Asleep")
        tab.is_cut_off = True
        tab.wait(31)
        expect(tab.page.locator("#trouble")).to_contain_text(
            "The server does not answer. The page tries again by itself."
        )
        expect(headline(tab)).to_have_text("Asleep")
        assert 5 <= asked_within(tab, 300) <= 12
        tab.is_cut_off = False
        tab.page.evaluate("dispatchEvent(new Event('online'))")
        expect(tab.page.locator("#trouble")).to_be_hidden()

    def test_what_aws_says_is_shown_and_its_time_kept(self, look: Look, app: Served) -> None:
        tab = look(app)
        tab.open()
        expect(headline(tab)).to_have_text("Asleep")
        with failing(app.world.rds, "DescribeDBInstances", "Throttling"):
            tab.wait(31)
            expect(tab.page.locator("#trouble")).to_contain_text("AWS is throttling")
            assert asked_within(tab, 14) == 0, "Retry-After is 15 s"
        tab.wait(2)
        expect(tab.page.locator("#trouble")).to_be_hidden()

    def test_it_looks_when_something_is_due(self, look: Look, app: Served) -> None:
        awake(app)
        tab = look(app)
        tab.open()
        expect(headline(tab)).to_have_text("Awake")
        tab.wait(47 * 60 + 50)
        expect(tab.page.locator("#sleeps-at")).to_contain_text("secs, at")
        assert asked_within(tab, 15) >= 1
        expect(tab.page.locator("#sleeps-at")).to_contain_text("At the next check")


class TestHolds:
    """Keeping it awake."""

    @pytest.mark.parametrize(
        ("name", "until"),
        [
            ("for 1 hour", NOW + timedelta(hours=1, minutes=21)),
            ("for 3 hours", NOW + timedelta(hours=3, minutes=21)),
            ("until tomorrow 8:00", datetime(2026, 3, 3, 7, 0, tzinfo=UTC)),
        ],
    )
    def test_for_some_time(self, look: Look, app: Served, name: str, until: datetime) -> None:
        awake(app)
        tab = look(app)
        tab.open()
        tab.page.get_by_role("button", name=name).click()
        expect(tab.page.locator("#hold")).to_contain_text("by operator-name.")
        hold = app.world.record().hold
        assert hold is not None
        assert hold.until == until

    def test_until_a_time_of_ones_choice_and_no_longer(self, look: Look, app: Served) -> None:
        awake(app)
        tab = look(app)
        tab.open()
        tab.page.get_by_label("or until").fill("2026-03-04T18:30")
        tab.page.get_by_role("button", name="Keep awake").click()
        expect(tab.page.locator("#hold")).to_contain_text("Kept awake until Wed 4 Mar, 18:30 by operator-name.")
        tab.page.get_by_role("button", name="End this").click()
        expect(tab.page.locator("#hold")).to_be_hidden()
        expect(headline(tab)).to_be_focused()
        assert app.world.record().hold is None

    def test_too_long_is_refused_in_words(self, look: Look, app: Served) -> None:
        awake(app)
        tab = look(app)
        tab.open()
        tab.page.get_by_label("or until").fill("2026-04-04T18:30")
        tab.page.get_by_role("button", name="Keep awake").click()
        expect(tab.page.locator("#answer")).to_contain_text("at most 168 hours from now")


class TestThePast:
    """Timeline, table, sums and list."""

    def test_a_day_tells_more_when_it_is_pointed_at_or_focused(self, look: Look) -> None:
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

    def test_thirty_days_and_what_nobody_saw(self, look: Look) -> None:
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

    def test_the_sums_are_those_of_the_api(self, look: Look) -> None:
        with SHOWN["asleep"].played() as app:
            summary = app.call("GET", f"/databases/{PROD.id}/history").json_body["summary"]
            tab = look(app)
            SHOWN["asleep"].show(tab)
            sums = dict(
                zip(*(tab.page.locator(f"#sums {part}").all_inner_texts() for part in ("dt", "dd")), strict=True)
            )
            assert sums["Awake"] == f"{summary['running_hours']:.1f} hrs"
            assert sums["Saved"] == f"86% · ${summary['saved_usd']:.2f}"
            assert sums["Came up"] == f"{summary['starts']} times"
            assert sums["Usual wait"] == "5 mins"

    def test_few_events_and_then_all(self, look: Look) -> None:
        with SHOWN["asleep"].played() as app:
            tab = look(app)
            SHOWN["asleep"].show(tab)
            expect(tab.page.locator("#events li")).to_have_count(8)
            tab.page.get_by_role("button", name="Show all").click()
            expect(tab.page.locator("#events li")).not_to_have_count(8)
            expect(tab.page.get_by_role("button", name="Show all")).to_be_hidden()

    def test_a_past_that_cannot_be_read_says_so_and_hides_nothing_else(self, look: Look, app: Served) -> None:
        tab = look(app)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app.world.table, "history", lambda *_: 1 / 0)
            tab.open()
            expect(tab.page.locator("#no-events")).to_contain_text("A fault in rds-lifecycle itself.")
            expect(headline(tab)).to_have_text("Asleep")


class TestManners:
    """Where it lives, and how it can be used."""

    @pytest.mark.parametrize("at", ["/", "/api/", "/api"])
    def test_it_works_wherever_it_is_served(self, look: Look, app: Served, at: str) -> None:
        tab = look(app)
        tab.open("viewer", at)
        expect(headline(tab)).to_have_text("Asleep")

    def test_by_keyboard_alone(self, look: Look, app: Served) -> None:
        tab = look(app)
        tab.open(None)
        keys = tab.page.keyboard
        keys.press("Tab")
        keys.type("operator")
        keys.press("Enter")
        expect(headline(tab)).to_be_focused()
        keys.press("Tab")
        expect(start_button(tab)).to_be_focused()
        keys.press("Enter")
        expect(headline(tab)).to_have_text("Waking up")
        expect(start_button(tab)).to_be_focused()
        tab.wait(245)
        expect(headline(tab)).to_have_text("Awake")
        keys.press("Shift+Tab")
        expect(tab.page.get_by_role("link", name="Open the dashboard")).to_be_focused()
        assert tab.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"

    def test_who_wants_no_motion_gets_none(self, look: Look, app: Served) -> None:
        waking(app)
        for wish, name in (("reduce", "none"), ("no-preference", "breathe")):
            tab = look(app, reduced_motion=wish)
            tab.open("viewer")
            expect(tab.page.locator("#icon .waking")).to_have_css("animation-name", name)

    def test_without_script_it_says_what_to_curl(self, look: Look, app: Served) -> None:
        tab = look(app, java_script_enabled=False)
        tab.page.goto(ORIGIN + BASE)
        assert "curl -X POST" in tab.page.locator("noscript").inner_text()
        assert tab.page.locator("noscript pre").is_visible()

    def test_several_databases_each_with_its_own_state_and_past(self, look: Look) -> None:
        with serving(databases=f"{PROD.id},cluster:{ANALYTICS.id}") as app:
            several(app)
            tab = look(app)
            tab.open()
            buttons = tab.page.get_by_role("navigation", name="Databases").get_by_role("button")
            expect(buttons).to_have_text([re.compile(f"{PROD.id}.*Awake"), re.compile(f"{ANALYTICS.id}.*Waking up")])
            buttons.nth(1).click()
            expect(headline(tab)).to_have_text("Waking up")
            expect(tab.page).to_have_title(f"Waking up – {ANALYTICS.id}")
            expect(buttons.nth(1)).to_have_attribute("aria-current", "true")
            assert tab.number_of(f"GET /databases/{ANALYTICS.id}/history") == 1

    def test_one_alone_shows_no_list(self, look: Look, app: Served) -> None:
        tab = look(app)
        tab.open()
        expect(headline(tab)).to_have_text("Asleep")
        expect(tab.page.get_by_role("navigation")).to_be_hidden()

    def test_one_that_rds_does_not_know_does_not_hide_the_others(self, look: Look) -> None:
        with serving(databases=f"{PROD.id},other") as app:
            app.world.rds.delete_db_instance(DBInstanceIdentifier=PROD.id, SkipFinalSnapshot=True)
            tab = look(app)
            tab.open("viewer")
            expect(headline(tab)).to_have_text("Needs a person")
            expect(tab.page.get_by_role("button", name="other")).to_contain_text("Asleep")

    def test_after_a_check_the_page_shows_what_it_did(self, look: Look, app: Served) -> None:
        awake(app)
        tab = look(app)
        tab.open()
        expect(headline(tab)).to_have_text("Awake")
        pass_by(app, 70)
        tab.wait(31)
        expect(headline(tab)).to_have_text("Going to sleep")
        expect(tab.page.locator("#events li").first).to_contain_text("Going to sleep")
