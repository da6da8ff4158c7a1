"""Every state of the page, light and dark: for everybody, on a phone, and without a word to anybody else."""

from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import Look
from tests.browser.states import SCENES, Scene

pytestmark = pytest.mark.no_cover

PHONE = {"width": 320, "height": 640}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_axe_finds_nothing_wrong(look: Look, scene: Scene, scheme: str) -> None:
    with scene.played() as app:
        tab = look(app, color_scheme=scheme, viewport=PHONE, reduced_motion="reduce")
        scene.show(tab)
        if scene.role is not None:
            tab.page.get_by_text("The same as a table").click()
        found = Axe().run(tab.page)
        assert found.response["passes"], "axe has looked at nothing"
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_it_fits_a_small_phone_and_asks_nobody_else(look: Look, scene: Scene) -> None:
    with scene.played() as app:
        tab = look(app, viewport=PHONE)
        scene.show(tab)
        widths = tab.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1], "nobody likes to scroll sideways"
        small = "[...document.querySelectorAll('button, a, input, summary')].filter((e) => e.checkVisibility())"
        heights = tab.page.evaluate(f"{small}.map((e) => e.getBoundingClientRect().height)")
        assert min(heights) >= 44, "a thumb has to hit it"
        assert [asked for asked in tab.asked if "://" in asked] == []
        assert tab.asked[0] == "GET /"
        assert all(asked.startswith("GET /") for asked in tab.asked), "looking changes nothing"
        assert tab.page.title() == (f"{scene.headline} – ss-financial-prod" if scene.headline else "Sign in – database")


def test_no_two_moods_look_alike_without_colour(look: Look) -> None:
    shapes = {}
    for scene in {scene.headline: scene for scene in SCENES if scene.headline}.values():
        with scene.played() as app:
            tab = look(app)
            scene.show(tab)
            lines = tab.page.locator("#icon path").evaluate_all("(paths) => paths.map((p) => p.getAttribute('d'))")
            icon = str(tab.page.locator("link[rel=icon]").get_attribute("href"))
            shapes[scene.headline] = tuple(lines)
            assert all(quote(line, safe="") in icon for line in lines), "the tab shows the same"
    assert len(shapes) == len(set(shapes.values())) == 6
