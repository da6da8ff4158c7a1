"""Tokens and roles."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.auth import bearer, grants
from chalicelib.settings import AccessToken, Role


def entry(name: str, token: str, role: Role = Role.VIEWER) -> AccessToken:
    return AccessToken(name, role, hashlib.sha256(token.encode()).hexdigest())


TOKENS = (entry("one", "s3cret"), entry("two", "an0ther", Role.OPERATOR))


@pytest.mark.parametrize("header", ["Bearer s3cret", "bearer s3cret", "  BEARER   s3cret  "])
def test_the_bearer_is_known_by_the_digest_of_the_token(header: str) -> None:
    assert bearer(header, TOKENS) == TOKENS[0]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "s3cret",
        "Basic s3cret",
        "Bearer S3CRET",
        "Bearer s3cret x",
        "Bearer \udcff",
        "Bearer s3cret\xa0",
        "Bearer \u2003s3cret",
        "Bearer s3cret\n",
        "\x0bBearer s3cret",
    ],
)
def test_anything_else_is_nobody(header: str) -> None:
    assert bearer(header, TOKENS) is None
    assert bearer(header, ()) is None


@given(st.text())
def test_no_header_raises(header: str) -> None:
    assert bearer(header, TOKENS) in (None, *TOKENS)
    assert bearer(f"Bearer {header}", TOKENS) in (None, *TOKENS)


def test_every_digest_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(known: str, given: str) -> bool:
        compared.append(known)
        return known == given

    monkeypatch.setattr("chalicelib.api.auth.hmac.compare_digest", compare)
    bearer("Bearer s3cret", TOKENS)
    assert compared == [token.digest for token in TOKENS]


def test_each_role_may_do_what_the_contract_says() -> None:
    allowed = {role: {(grant.path, method) for grant in grants(role) for method in grant.methods} for role in Role}
    assert allowed[Role.VIEWER] == {("/databases", "GET"), ("/databases/*", "GET")}
    assert allowed[Role.REPORTER] == allowed[Role.VIEWER] | {("/databases/*/activity", "POST")}
    assert allowed[Role.OPERATOR] == allowed[Role.VIEWER] | {
        ("/databases/*", method) for method in ("POST", "PUT", "DELETE")
    }
