"""`make screenshots`: the page in every state, light and dark, wide and as narrow as a small phone."""

import argparse
import io
import logging
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from tests.browser.scenes import SCENES
from tests.browser.screen import MISSING, chromium, find_chromium, screen

WIDTHS: Final = {"wide": 1000, "narrow": 320}


def main() -> int:
    """Write the pictures; 1 where there is no Chromium."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=Path("build/screenshots"))
    parser.add_argument("--only", default="", help="names of scenes, comma-separated")
    options = parser.parse_args()
    path = find_chromium()
    if path is None:
        print(MISSING, file=sys.stderr)
        return 1
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    logging.disable()
    options.to.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, chromium(playwright, path) as browser:
        for scene in [scene for scene in SCENES if not options.only or scene.name in options.only.split(",")]:
            with redirect_stdout(io.StringIO()), scene.played() as app:
                for scheme in ("light", "dark"):
                    for name, width in WIDTHS.items():
                        looks = {"color_scheme": scheme, "viewport": {"width": width, "height": 700}}
                        with screen(browser, app, reduced_motion="reduce", **looks) as tab:
                            scene.show(tab)
                            file = options.to / f"{scene.name}-{scheme}-{name}.png"
                            tab.page.screenshot(path=file, full_page=True)
                            print(file, file=sys.__stdout__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
