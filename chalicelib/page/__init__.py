"""The status page: one document that contains its style and script, so that one request loads it."""

import base64
import hashlib
import html
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Final

from chalicelib.page.bundle import bundle

_FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Page:
    """The document and the headers of the response."""

    html: str
    headers: dict[str, str]

    def is_known_to(self, if_none_match: str | None) -> bool:
        """Whether the request's ``If-None-Match`` header names this version (RFC 9110, section 13.1.2).

        The comparison is weak, because a proxy may have weakened the tag.
        """
        tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
        return self.headers["ETag"] in tags or "*" in tags


@lru_cache(maxsize=1)
def render(dashboard_url: str | None) -> Page:
    """Render the page of a deployment. It opens ``dashboard_url`` once the database is ready."""
    style = _read("page.css")
    script = bundle(_FOLDER, "main.js")
    document = Template(_read("page.html")).substitute(
        style=style, script=script, dashboard_url=html.escape(dashboard_url or "")
    )
    policy = [
        "default-src 'none'",
        f"script-src '{_digest(script)}'",
        f"style-src '{_digest(style)}'",
        "img-src data:",  # the tab's icon
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
        # Stored but revalidated each time, so that a new version takes effect at once.
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    return Page(document, headers)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """The source expression of an inline script or style (CSP Level 3, section 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
