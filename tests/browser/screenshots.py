"""`make screenshots`: the page in every state, light and dark, wide and on a small phone."""

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

from tests.browser.states import PAGE_STATES, PageState
from tests.browser.tab import CHROMIUM_MISSING, find_chromium, launch_chromium, new_tab
from tests.served import ROOT

WIDTHS: Final = {"wide": 1000, "narrow": 320}


class Screenshot(NamedTuple):
    """One screenshot to take: of the whole page, or of a window with this height."""

    file: Path
    scheme: str
    width: int
    height: int | None = None


def screenshots_of(state: PageState, folder: Path) -> Iterator[Screenshot]:
    """Return the screenshots of a state, and those that README shows."""
    for scheme in ("light", "dark"):
        for name, width in WIDTHS.items():
            yield Screenshot(folder / f"{state.name}-{scheme}-{name}.png", scheme, width)
    if state.name == "awake":
        yield Screenshot(ROOT / "docs" / "images" / "awake.png", "light", 1000, 1060)
    if state.name == "waking":
        yield Screenshot(ROOT / "docs" / "images" / "waking.png", "dark", 360, 760)


def take(browser: Browser, state: PageState, screenshots: list[Screenshot]) -> None:
    """Serve the state once and take its screenshots."""
    with redirect_stdout(io.StringIO()), state.served() as app:
        for shot in screenshots:
            viewport = {"width": shot.width, "height": shot.height or 700}
            with new_tab(browser, app, reduced_motion="reduce", color_scheme=shot.scheme, viewport=viewport) as tab:
                state.show(tab)
                shot.file.parent.mkdir(parents=True, exist_ok=True)
                tab.page.screenshot(path=shot.file, full_page=shot.height is None)


def main() -> int:
    """Write the screenshots; return 1 if Chromium is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "screenshots")
    parser.add_argument("--only", default="", help="the name of one state")
    options = parser.parse_args()
    path = find_chromium()
    if path is None:
        print(CHROMIUM_MISSING, file=sys.stderr)
        return 1
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    logging.disable()
    with sync_playwright() as playwright, launch_chromium(playwright, path) as browser:
        for state in [state for state in PAGE_STATES if options.only in ("", state.name)]:
            screenshots = list(screenshots_of(state, options.to))
            take(browser, state, screenshots)
            for screenshot in screenshots:
                print(screenshot.file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
