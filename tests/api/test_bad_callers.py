"""The authorizer and start_database under whatever they can be called with."""

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
from tests.probe import Probe
from tests.served import TOKENS, Serve, load_app
from tests.support import PROD

BASE = "arn:aws:execute-api:eu-central-1:123456789012:abcdef/api"
Authorize = Callable[..., dict[str, Any]]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=8,
)
odd_tokens = st.sampled_from(
    [
        "Bearer " + "x" * 1_000_000,
        " " * 1_000_000,
        "Bearer \0",
        "Bearer \udcff",
        "Bearer 日本語",
        "Bearer viewer,operator",
    ]
)
near_tokens = st.builds(
    lambda scheme, gap, token, tail: f"{scheme}{gap}{token}{tail}",
    st.sampled_from(["Bearer", "bearer", "BEARER", "Basic", "Bearer:", "", "Digest", "\u0392earer"]),
    st.text(string.whitespace + "\xa0\u2003\u200b", max_size=3),
    st.sampled_from([*Role, "Viewer", "operato", "operatoR", ""]),
    st.text(string.whitespace + "\xa0\u2003\u200bs,;", max_size=3),
)


@pytest.fixture
def authorize(monkeypatch: pytest.MonkeyPatch) -> Authorize:
    """The authorizer as API Gateway calls it: with a token, for a method and a path."""
    monkeypatch.setenv("DATABASES", PROD.id)
    monkeypatch.setenv("ACCESS_TOKENS", TOKENS)
    handler = load_app().app.handler_map["authorize"]

    def call(token: object, what: str = f"POST/databases/{PROD.id}/restart") -> dict[str, Any]:
        event = {"type": "TOKEN", "authorizationToken": token, "methodArn": f"{BASE}/{what}"}
        answer: dict[str, Any] = handler(event, None)
        return answer

    return call


def granted(answer: dict[str, Any]) -> list[str]:
    """What the policy allows. API Gateway takes this form only."""
    assert set(answer) == {"principalId", "policyDocument", "context"}
    json.dumps(answer)
    [statement] = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")
    resources: list[str] = statement["Resource"]
    return resources


def owner_of(header: object) -> Role | None:
    """Whose token the header carries, by RFC 6750: one scheme, blanks, one token and nothing else."""
    if not isinstance(header, str):
        return None
    scheme, *rest = header.strip(" \t").split(" ")
    words = [word for word in " ".join(rest).split(" ") if word.strip("\t")]
    fits = scheme.lower() == "bearer" and len(words) == 1
    return next((role for role in Role if fits and words[0].strip("\t") == role), None)


def test_no_header_makes_the_authorizer_raise_or_grant_too_much(authorize: Authorize) -> None:
    @settings(max_examples=1000)
    @given(st.text(st.characters()) | near_tokens | odd_tokens | json_values | st.binary())
    def holds(header: object) -> None:
        owner = owner_of(header)
        answer = authorize(header, "GET/databases")
        assert answer["principalId"] == ("nobody" if owner is None else f"{owner}-name")
        assert answer["context"] == ({} if owner is None else {"role": owner})
        assert bool(granted(answer)) is (owner is not None)

    holds()


def test_its_answer_is_the_same_for_every_route(authorize: Authorize) -> None:
    for token in (*(f"Bearer {role}" for role in Role), "Bearer stranger"):
        answers = [authorize(token, f"{op.method}{op.path.replace('{id}', PROD.id)}") for op in OPERATIONS]
        assert answers == [answers[0]] * len(OPERATIONS)

    @settings(max_examples=100)
    @given(method=st.sampled_from(["GET", "POST", "OPTIONS"]), path=st.text(st.characters(exclude_characters="?")))
    def holds(method: str, path: str) -> None:
        assert authorize("Bearer viewer", f"{method}/{path}") == authorize("Bearer viewer", "GET/databases")

    holds()


@pytest.mark.parametrize("name", ["DATABASES", "ACCESS_TOKENS", "IDLE_MINUTES", "METADATA_TABLE", "CORS_ORIGIN"])
def test_no_setting_makes_it_raise_or_grant_what_is_not_set(
    authorize: Authorize, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    @settings(max_examples=60)
    @given(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.sampled_from(["", ",", "a:b:c"])
    )
    @example(TOKENS.replace("operator:", "admin:"))
    @example(f"{TOKENS},")
    def holds(value: str) -> None:
        monkeypatch.setenv(name, value)
        resources = granted(authorize("Bearer operator"))
        assert name != "ACCESS_TOKENS" or resources == []

    holds()


def test_half_a_surrogate_pair_is_not_taken_for_the_text_that_stands_for_it(
    authorize: Authorize, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(rb"\udcff").hexdigest()
    monkeypatch.setenv("ACCESS_TOKENS", f"odd:viewer:{digest}")
    assert granted(authorize(r"Bearer \udcff")) != []
    assert granted(authorize("Bearer \udcff")) == []


def test_no_payload_makes_start_database_fail(serve: Serve) -> None:
    probe = Probe(serve())
    named = st.fixed_dictionaries({"database": json_values | st.sampled_from([PROD.id, "nope", "", "\ud800"])})

    @settings(max_examples=200)
    @given(json_values | named)
    def holds(payload: Any) -> None:
        probe.begin("stopped")
        wanted = payload.get("database", PROD.id) if isinstance(payload, dict) else PROD.id
        answer = probe.invoke(payload)
        assert answer.status == (202 if wanted == PROD.id else 404 if isinstance(wanted, str) else 400)

    holds()


def test_an_id_that_is_no_unicode_is_logged_all_the_same(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = serve()
    assert Probe(app).invoke({"database": "\ud800"}).status == 404
    [line] = [app.module.logger.handlers[0].format(record).encode() for record in caplog.records]
    assert json.loads(line)["message"].endswith(r"['\ud800']")


def test_a_payload_nested_as_deep_as_json_goes_is_no_fault(serve: Serve) -> None:
    nested: Any = PROD.id
    for _ in range(900):
        nested = {"database": [nested]}
    assert Probe(serve()).invoke(nested).status == 400
