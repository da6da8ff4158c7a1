"""The status page: one document with its style and script inside, so that one request shows it."""

import base64
import hashlib
import html
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Final

_FOLDER: Final = Path(__file__).parent
_SCRIPTS: Final = ("format.js", "api.js", "dom.js", "history.js", "store.js", "render.js", "main.js")


@dataclass(frozen=True, slots=True)
class Page:
    """The page, and the headers that it is served with."""

    html: str
    headers: dict[str, str]

    def is_known_to(self, if_none_match: str | None) -> bool:
        """Whether the browser has this very page already. ``if_none_match`` is the request's header (RFC 9110, 13.1.2).

        A proxy may have made the tag a weak one on its way.
        """
        tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
        return self.headers["ETag"] in tags or "*" in tags


@lru_cache(maxsize=1)
def render(dashboard_url: str | None) -> Page:
    """The page of a deployment; ``dashboard_url`` is where it sends people once their database is ready."""
    style = _read("page.css")
    script = "".join(_read(name) for name in _SCRIPTS)
    document = Template(_read("page.html")).substitute(
        style=style, script=script, dashboard_url=html.escape(dashboard_url or "")
    )
    policy = [
        "default-src 'none'",
        f"script-src '{_digest(script)}'",
        f"style-src '{_digest(style)}'",
        "img-src data:",  # the icon of the tab shows the state
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "; ".join(policy),
        "ETag": f'"{hashlib.sha256(document.encode()).hexdigest()[:32]}"',
        # Kept, but asked for again each time: a new version is seen at once, an old one costs no download.
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    return Page(document, headers)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """How a Content-Security-Policy names an inline script or style (CSP Level 3, 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
