"""`make screenshots`: the page in every state, light and dark, wide and as narrow as a small phone."""

import argparse
import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final, NamedTuple

from playwright.sync_api import Browser, sync_playwright

from tests.browser.states import SCENES, Scene
from tests.browser.tab import MISSING, chromium, find_chromium, screen
from tests.served import ROOT

WIDTHS: Final = {"wide": 1000, "narrow": 320}


class Picture(NamedTuple):
    """One picture to take: the whole page, or as much of it as a window of this height shows."""

    file: Path
    scheme: str
    width: int
    height: int | None = None


def pictures_of(scene: Scene, folder: Path) -> Iterator[Picture]:
    """Every look of the scene, and those that the README shows."""
    for scheme in ("light", "dark"):
        for name, width in WIDTHS.items():
            yield Picture(folder / f"{scene.name}-{scheme}-{name}.png", scheme, width)
    if scene.name == "awake":
        yield Picture(ROOT / "docs" / "images" / "awake.png", "light", 1000, 1060)
    if scene.name == "waking":
        yield Picture(ROOT / "docs" / "images" / "waking.png", "dark", 360, 760)


def take(browser: Browser, scene: Scene, pictures: list[Picture]) -> None:
    """Play the scene once and take its pictures."""
    with redirect_stdout(io.StringIO()), scene.played() as app:
        for picture in pictures:
            viewport = {"width": picture.width, "height": picture.height or 700}
            with screen(browser, app, reduced_motion="reduce", color_scheme=picture.scheme, viewport=viewport) as tab:
                scene.show(tab)
                picture.file.parent.mkdir(parents=True, exist_ok=True)
                tab.page.screenshot(path=picture.file, full_page=picture.height is None)


def main() -> int:
    """Write the pictures; 1 where there is no Chromium."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "screenshots")
    parser.add_argument("--only", default="", help="the name of one scene")
    options = parser.parse_args()
    path = find_chromium()
    if path is None:
        print(MISSING, file=sys.stderr)
        return 1
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    logging.disable()
    with sync_playwright() as playwright, chromium(playwright, path) as browser:
        for scene in [scene for scene in SCENES if options.only in ("", scene.name)]:
            pictures = list(pictures_of(scene, options.to))
            take(browser, scene, pictures)
            for picture in pictures:
                print(picture.file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
