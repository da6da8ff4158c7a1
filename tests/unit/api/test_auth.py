"""Access tokens, and the routes that each role may call."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.api.auth import authenticate, route_grants
from chalicelib.settings import AccessToken, Role


def entry(name: str, token: str, role: Role = Role.VIEWER) -> AccessToken:
    return AccessToken(name, role, hashlib.sha256(token.encode()).hexdigest())


TOKENS = (entry("one", "s3cret"), entry("two", "an0ther", Role.OPERATOR))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("Bearer s3cret", id="as clients send it"),
        pytest.param("bearer s3cret", id="scheme in lowercase"),
        pytest.param("  BEARER   s3cret  ", id="more spaces"),
        pytest.param("\tBearer \ts3cret\t", id="tabs"),
    ],
)
def test_authenticate__known_token__is_its_entry(header: str) -> None:
    assert authenticate(header, TOKENS) == TOKENS[0]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("", id="empty"),
        pytest.param("Bearer", id="scheme only"),
        pytest.param("Bearer ", id="scheme and a space"),
        pytest.param("s3cret", id="token only"),
        pytest.param("Basic s3cret", id="another scheme"),
        pytest.param("Bearer S3CRET", id="token in uppercase"),
        pytest.param("Bearer s3cret x", id="a word after the token"),
        pytest.param("Bearer \udcff", id="half of a surrogate pair"),
        pytest.param("Bearer s3cret\xa0", id="no-break space after the token"),
        pytest.param("Bearer \u2003s3cret", id="em space before the token"),
        pytest.param("Bearer s3cret\n", id="line feed after the token"),
        pytest.param("\x0bBearer s3cret", id="vertical tab before the scheme"),
    ],
)
def test_authenticate__any_other_header__is_none(header: str) -> None:
    assert authenticate(header, TOKENS) is None
    assert authenticate(header, ()) is None


@settings(max_examples=100)
@given(st.text())
def test_authenticate__arbitrary_text__does_not_raise(header: str) -> None:
    assert authenticate(header, TOKENS) in (None, *TOKENS)
    assert authenticate(f"Bearer {header}", TOKENS) in (None, *TOKENS)


def test_authenticate__first_token_matches__compares_every_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(known: str, given: str) -> bool:
        compared.append(known)
        return known == given

    monkeypatch.setattr("chalicelib.api.auth.hmac.compare_digest", compare)
    authenticate("Bearer s3cret", TOKENS)
    assert compared == [token.digest for token in TOKENS]


READ = {("/databases", "GET"), ("/databases/*", "GET")}


@pytest.mark.parametrize(
    ("role", "granted"),
    [
        pytest.param(Role.VIEWER, READ, id="viewer"),
        pytest.param(Role.REPORTER, READ | {("/databases/*/activity", "POST")}, id="reporter"),
        pytest.param(
            Role.OPERATOR, READ | {("/databases/*", method) for method in ("POST", "PUT", "DELETE")}, id="operator"
        ),
    ],
)
def test_route_grants__each_role__has_the_documented_routes(role: Role, granted: set[tuple[str, str]]) -> None:
    assert {(grant.path, method) for grant in route_grants(role) for method in grant.methods} == granted
