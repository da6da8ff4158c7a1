"""GET /: one document with a strict Content-Security-Policy, which a browser need not load twice."""

import base64
import hashlib
import re

import pytest

from chalicelib.page import render
from tests.served import Serve, Served

POLICY = "Content-Security-Policy"


def page(app: Served, **headers: str) -> str:
    response = app.call("GET", "/", None, b"", **headers)
    assert response.status_code == 200
    return response.body.decode()


def test_page__without_token__is_served_and_holds_no_data(serve: Serve) -> None:
    app = serve()
    document = page(app)
    assert "<!doctype html>" in document
    assert app.world.calls == []
    assert app.world.settings.databases[0].id not in document


def test_policy__page__allows_its_own_script_and_style_only(serve: Serve) -> None:
    app = serve()
    document, policy = page(app), app.call("GET", "/", role=None).headers[POLICY]
    parts = {name: rest for name, _, rest in (part.partition(" ") for part in policy.split("; "))}
    assert parts.pop("default-src") == parts.pop("base-uri") == parts.pop("form-action") == "'none'"
    assert parts.pop("frame-ancestors") == "'none'"
    assert parts.pop("connect-src") == "'self'"
    assert parts.pop("img-src") == "data:"
    assert (parts.pop("require-trusted-types-for"), parts.pop("trusted-types")) == ("'script'", "'none'")
    for name, found in (
        ("script-src", re.findall(r"<script type=\"module\">(.*?)</script>", document, re.DOTALL)),
        ("style-src", re.findall(r"<style>(.*?)</style>", document, re.DOTALL)),
    ):
        digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        assert parts.pop(name) == f"'sha256-{digest}'"
        assert len(found) == 1
    assert parts == {}
    assert re.findall(r"\son\w+=|\sstyle=|javascript:|https?://(?!www\.w3\.org/2000/svg)", document) == []


def test_page__etag_known__returns_304(serve: Serve) -> None:
    app = serve()
    first = app.call("GET", "/", role=None)
    assert first.headers["Cache-Control"] == "no-cache"
    for known in (first.headers["ETag"], f"W/{first.headers['ETag']}", f'"older", {first.headers["ETag"]}', "*"):
        again = app.call("GET", "/", None, b"", **{"If-None-Match": known})
        assert (again.status_code, again.body) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        assert again.headers[POLICY] == first.headers[POLICY]
        assert again.headers["X-Content-Type-Options"] == "nosniff"
        assert again.headers["Referrer-Policy"] == "no-referrer"
        assert again.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert app.call("GET", "/", None, b"", **{"If-None-Match": '"older"'}).status_code == 200


def test_dashboard_url__with_markup__is_escaped(serve: Serve) -> None:
    app = serve(DASHBOARD_URL="https://dashboard.example.com/?a=1&b='2'")
    assert '<meta name="dashboard" content="https://dashboard.example.com/?a=1&amp;b=&#x27;2&#x27;">' in page(app)


def test_page__settings_invalid__is_served_without_dashboard(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    app = serve()
    monkeypatch.setenv("DASHBOARD_URL", "javascript:alert(1)")
    monkeypatch.setenv("IDLE_MINUTES", "soon")
    assert '<meta name="dashboard" content="">' in page(app)


def test_render__same_dashboard__is_cached() -> None:
    assert render("https://dashboard.example.com/") is render("https://dashboard.example.com/")


def test_page__size__is_below_70_kb() -> None:
    assert len(render(None).html.encode()) < 70_000
