"""The authorizer: which role may call which route, whatever the header and the settings hold."""

import hashlib
import json
import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.settings import Role
from tests.openapi import OPERATIONS
from tests.served import TOKENS, Serve, load_app
from tests.support import PROD

BASE = "arn:aws:execute-api:eu-central-1:123456789012:abcdef/api"
Authorize = Callable[..., dict[str, Any]]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=8,
)
odd_headers = st.sampled_from(
    [
        "Bearer " + "x" * 1_000_000,
        " " * 1_000_000,
        "Bearer \0",
        "Bearer \udcff",
        "Bearer 日本語",
        "Bearer viewer,operator",
    ]
)
similar_headers = st.builds(
    lambda scheme, gap, token, tail: f"{scheme}{gap}{token}{tail}",
    st.sampled_from(["Bearer", "bearer", "BEARER", "Basic", "Bearer:", "", "Digest", "\u0392earer"]),
    st.text(string.whitespace + "\xa0\u2003\u200b", max_size=3),
    st.sampled_from([*Role, "Viewer", "operato", "operatoR", ""]),
    st.text(string.whitespace + "\xa0\u2003\u200bs,;", max_size=3),
)


@pytest.fixture
def authorize(monkeypatch: pytest.MonkeyPatch) -> Authorize:
    """The authorizer as API Gateway calls it: with a header, for a method and a path."""
    monkeypatch.setenv("DATABASES", PROD.id)
    monkeypatch.setenv("ACCESS_TOKENS", TOKENS)
    handler = load_app().app.handler_map["authorize"]

    def call(header: object, method_and_path: str = f"POST/databases/{PROD.id}/restart") -> dict[str, Any]:
        event = {"type": "TOKEN", "authorizationToken": header, "methodArn": f"{BASE}/{method_and_path}"}
        response: dict[str, Any] = handler(event, None)
        return response

    return call


def allowed(response: dict[str, Any]) -> list[str]:
    """The resources that the policy allows, in the only form that API Gateway accepts."""
    assert set(response) == {"principalId", "policyDocument", "context"}
    json.dumps(response)
    [statement] = response["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")
    resources: list[str] = statement["Resource"]
    return resources


def role_of(header: object) -> Role | None:
    """The role of the header's token by RFC 6750: one scheme, blanks, one token and nothing else."""
    if not isinstance(header, str):
        return None
    scheme, *rest = header.strip(" \t").split(" ")
    words = [word for word in " ".join(rest).split(" ") if word.strip("\t")]
    is_bearer = scheme.lower() == "bearer" and len(words) == 1
    return next((role for role in Role if is_bearer and words[0].strip("\t") == role), None)


@pytest.mark.parametrize(
    ("method", "path", "roles"),
    [
        pytest.param(method, path, roles, id=f"{method} {path}")
        for method, path, roles in (
            ("GET", "/databases", {"viewer", "reporter", "operator"}),
            ("GET", "/databases/ss-financial-prod", {"viewer", "reporter", "operator"}),
            ("GET", "/databases/ss-financial-prod/history", {"viewer", "reporter", "operator"}),
            ("POST", "/databases/ss-financial-prod/activity", {"reporter", "operator"}),
            ("POST", "/databases/ss-financial-prod/restart", {"operator"}),
            ("PUT", "/databases/ss-financial-prod/hold", {"operator"}),
            ("DELETE", "/databases/ss-financial-prod/hold", {"operator"}),
        )
    ],
)
@pytest.mark.parametrize("role", ["viewer", "reporter", "operator", "stranger", None])
def test_route__token_of_any_role__is_allowed_to_its_roles_only(
    serve: Serve, method: str, path: str, roles: set[str], role: str | None
) -> None:
    app = serve(status="available")
    response = app.call(method, path, role=role, body=b'{"hours": 1}' if method == "PUT" else b"")
    assert response.status_code == (401 if role is None else 200 if role in roles else 403)
    if response.status_code != 200:
        assert app.world.record().revision == 0
        assert "UpdateItem" not in app.world.calls


def test_authorize__reporter__allows_what_a_cached_response_needs(authorize: Authorize) -> None:
    response = authorize("Bearer reporter")
    assert response["principalId"] == "reporter-name"
    assert response["context"] == {"role": "reporter"}
    assert allowed(response) == [
        f"{BASE}/GET/databases",
        f"{BASE}/GET/databases/*",
        f"{BASE}/POST/databases/*/activity",
    ]


@pytest.mark.parametrize("header", [*(f"Bearer {role}" for role in Role), "Bearer stranger"])
def test_authorize__any_route__responds_the_same(authorize: Authorize, header: str) -> None:
    responses = [authorize(header, f"{op.method}{op.path.replace('{id}', PROD.id)}") for op in OPERATIONS]
    assert responses == [responses[0]] * len(OPERATIONS)


@settings(max_examples=100)
@given(method=st.sampled_from(["GET", "POST", "OPTIONS"]), path=st.text(st.characters(exclude_characters="?")))
def test_authorize__any_path__responds_the_same(authorize: Authorize, method: str, path: str) -> None:
    assert authorize("Bearer viewer", f"{method}/{path}") == authorize("Bearer viewer", "GET/databases")


@settings(max_examples=300)
@given(header=st.text(st.characters()) | similar_headers | odd_headers | json_values | st.binary())
def test_authorize__any_header__allows_only_the_role_of_its_token(authorize: Authorize, header: object) -> None:
    role = role_of(header)
    response = authorize(header, "GET/databases")
    assert response["principalId"] == ("nobody" if role is None else f"{role}-name")
    assert response["context"] == ({} if role is None else {"role": role})
    assert bool(allowed(response)) is (role is not None)


@pytest.mark.parametrize("name", ["DATABASES", "ACCESS_TOKENS", "IDLE_MINUTES", "METADATA_TABLE", "CORS_ORIGIN"])
@settings(max_examples=40)
@given(
    value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
    | st.sampled_from(["", ",", "a:b:c"])
)
@example(value=TOKENS.replace("operator:", "admin:"))
@example(value=f"{TOKENS},")
def test_authorize__any_setting__allows_only_configured_tokens(
    authorize: Authorize, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    resources = allowed(authorize("Bearer operator"))
    assert name != "ACCESS_TOKENS" or resources == []


def test_authorize__half_a_surrogate_pair__is_not_the_text_that_represents_it(
    authorize: Authorize, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(rb"\udcff").hexdigest()
    monkeypatch.setenv("ACCESS_TOKENS", f"odd:viewer:{digest}")
    assert allowed(authorize(r"Bearer \udcff")) != []
    assert allowed(authorize("Bearer \udcff")) == []


def test_route__no_tokens_configured__is_refused(serve: Serve) -> None:
    assert serve(ACCESS_TOKENS="").call("GET", "/databases", role="viewer").status_code == 403


def test_route__settings_are_wrong__is_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    app = serve()
    monkeypatch.setenv("IDLE_MINUTES", "soon")
    assert app.call("GET", "/databases").status_code == 403
