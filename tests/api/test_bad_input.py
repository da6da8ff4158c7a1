"""Requests of any kind: each gets a documented response without internals, and a refused one changes nothing."""

import base64
import json
import string
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.settings import Role
from tests.openapi import OPERATIONS, Operation, operation_of
from tests.probe import Probe
from tests.served import Serve
from tests.support import PROD

STATUSES = ["stopped", "starting", "available", "stopping", "backing-up", "storage-full", "a-later-status"]
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "get", ""]
MEGABYTES = 2 * 1024 * 1024


def mostly(usual: Any, *others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The usual value in three of four cases, so that what comes after a check is reached as well."""
    return st.integers(0, 3).flatmap(lambda choice: st.just(usual) if choice else st.one_of(*others))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
numbers = st.integers() | st.floats() | st.sampled_from([0, -1, 1, 168, 169, 1e-12, 1e308, True])
times = st.text() | st.datetimes().map(lambda at: at.isoformat()) | numbers.map(str)
holds = st.one_of(
    st.fixed_dictionaries({"hours": numbers | anything}),
    st.fixed_dictionaries({"until": times | anything}),
    st.fixed_dictionaries({"hours": numbers, "until": times}),
)
bodies = st.none() | st.binary() | (holds | anything).map(lambda value: json.dumps(value).encode())

ids = st.one_of(
    st.sampled_from(["", ".", "..", "*", "%", "%00", "%2F", "%C0%AF", "nope", PROD.id.upper(), f"{PROD.id}%2Frestart"]),
    st.text().map(lambda text: quote(text, safe="", errors="replace")),
    st.text(st.characters(min_codepoint=33, exclude_characters="/?#", exclude_categories=["Cs"]), max_size=20),
    st.integers(1, 9000).map(lambda length: "é" * length),
)
queries = st.one_of(
    st.text(string.printable).map(lambda text: f"?{text}"),
    st.text().map(lambda text: f"?{quote(text, errors='replace')}"),
)
values = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=200)
headers = st.dictionaries(st.text(string.ascii_letters + "-", min_size=1, max_size=20), values, max_size=4) | st.builds(
    lambda name, value: {name: value},
    st.sampled_from(["Accept", "Accept-Encoding", "Host", "Content-Length", "X-HTTP-Method-Override", "Origin"]),
    values,
)
content_types = mostly(
    "application/json",
    st.sampled_from(["application/json; charset=latin-1", "text/json", "*/*", "", "image/png, application/json"]),
    values,
)
roles = mostly(Role.OPERATOR, st.sampled_from([Role.VIEWER, Role.REPORTER, "stranger", None]))


def is_allowed(role: object, operation: Operation) -> bool:
    """Whether docs/openapi.json allows it to the role."""
    known = list(Role)
    if operation.minimum_role is None:
        return True
    return role in known and known.index(operation.minimum_role) <= known.index(Role(str(role)))


@pytest.fixture
def probe(serve: Serve) -> Probe:
    return Probe(serve())


@settings(max_examples=120)
@given(data=st.data())
def test_request__of_any_kind__gets_a_documented_response(probe: Probe, data: st.DataObject) -> None:
    probe.reset(data.draw(st.sampled_from(STATUSES)))
    wanted = data.draw(st.sampled_from(OPERATIONS))
    method = data.draw(mostly(wanted.method, st.sampled_from(METHODS)))
    path = wanted.path.replace("{id}", data.draw(mostly(PROD.id, ids))) + data.draw(mostly("", queries))
    role = data.draw(roles)
    given_headers = {**data.draw(mostly({}, headers)), "Content-Type": data.draw(content_types)}
    if role is not None:
        given_headers["Authorization"] = f"Bearer {role}"
    response = probe.request(method, path, given_headers, data.draw(bodies))
    if response.by_app and response.status < 400:
        operation = operation_of(method, path)
        assert operation is not None
        assert is_allowed(role, operation)


@settings(max_examples=100)
@given(path=st.text(), method=st.sampled_from(METHODS), token=st.none() | st.text(string.printable))
def test_request__to_any_path__gets_a_documented_response(
    probe: Probe, path: str, method: str, token: str | None
) -> None:
    probe.request(method, path, {} if token is None else {"Authorization": token}, None)


def event_of(operation: Operation, **parts: Any) -> Mapping[str, Any]:
    """What API Gateway sends to the app, after the authorizer has allowed an operator."""
    path = operation.path.replace("{id}", "{database_id}")
    context = {
        "httpMethod": operation.method,
        "resourcePath": path,
        "path": f"/api{path.replace('{database_id}', PROD.id)}",
        "authorizer": {"principalId": "ops", "role": "operator"},
        "identity": {"sourceIp": "203.0.113.1"},
    }
    return {
        "resource": path,
        "path": context["path"],
        "httpMethod": operation.method,
        "requestContext": context,
        "headers": None,
        "multiValueHeaders": None,
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"database_id": PROD.id} if "{id}" in operation.path else None,
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
        **parts,
    }


@settings(max_examples=120)
@given(data=st.data())
def test_event__of_any_kind__gets_a_documented_response(probe: Probe, data: st.DataObject) -> None:
    """Whatever a header, a parameter or a body can hold in an event of API Gateway, or null."""
    probe.reset(data.draw(st.sampled_from(STATUSES)))
    operation = data.draw(st.sampled_from(OPERATIONS))
    surrogates = st.text(st.characters(), max_size=20) | st.sampled_from(["\ud800", "\0", "a" * 5000])
    many = st.none() | st.dictionaries(st.text(max_size=10), st.lists(st.text(), max_size=3), max_size=3)
    encoded = st.binary().map(lambda raw: base64.b64encode(raw).decode())
    parts = {
        "headers": data.draw(mostly(None, headers, content_types.map(lambda value: {"cOnTeNt-TyPe": value}))),
        "multiValueHeaders": data.draw(many),
        "multiValueQueryStringParameters": data.draw(many),
        "queryStringParameters": data.draw(st.none() | st.dictionaries(st.text(), st.text(), max_size=2)),
        "body": data.draw(st.none() | surrogates | encoded | holds.map(json.dumps)),
        "isBase64Encoded": data.draw(st.booleans()),
        "stageVariables": data.draw(st.none() | st.just({"a": "b"})),
    }
    if "{id}" in operation.path:
        parts["pathParameters"] = {"database_id": data.draw(mostly(PROD.id, surrogates))}
    probe.deliver(event_of(operation, **parts))


HOLD = next(operation for operation in OPERATIONS if operation.method == "PUT")
RESTART = next(operation for operation in OPERATIONS if operation.path.endswith("/restart"))
HUGE = {
    "only brackets": "[" * MEGABYTES,
    "objects within objects": '{"hours":' * (MEGABYTES // 9),
    "a whole number": '{"hours":' + "1" * MEGABYTES + "}",
    "a fraction": '{"hours":1000.' + "1" * MEGABYTES + "}",
    "seconds since 1970": '{"until":"' + "1" * MEGABYTES + '"}',
    "a fraction of a second": '{"until":"1.' + "1" * MEGABYTES + '"}',
    "blanks before a time": '{"until":"' + " " * MEGABYTES + 'x"}',
    "a time with a tail": '{"until":"2026-03-02T18:00:00' + "0" * MEGABYTES + '"}',
    "not JSON": "é" * (MEGABYTES // 2),
}


@pytest.mark.parametrize("body", HUGE.values(), ids=HUGE)
def test_hold__body_of_megabytes__is_refused_in_linear_time(probe: Probe, body: str) -> None:
    probe.reset("available")
    headers = {"Authorization": "Bearer operator", "Content-Type": "application/json"}
    began = time.process_time()
    response = probe.request("PUT", f"/databases/{PROD.id}/hold", headers, body.encode())
    assert (response.status, response.json["type"]) == (400, "urn:rds-lifecycle:bad-request")
    encoded = base64.b64encode(body.encode()).decode()
    assert probe.deliver(event_of(HOLD, body=encoded, isBase64Encoded=True)).status == 400
    # Work that grows with the square of the length takes minutes.
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    ("body", "encoded"), [("%%%a", True), ("é", True), ("\ud800", False)], ids=["half", "not ASCII", "not Unicode"]
)
def test_hold__body_cannot_be_decoded__is_a_bad_request(probe: Probe, body: str, encoded: bool) -> None:
    response = probe.deliver(event_of(HOLD, body=body, isBase64Encoded=encoded))
    assert (response.status, response.json["type"]) == (400, "urn:rds-lifecycle:bad-request")
    assert response.json["detail"].startswith("The body cannot be decoded.")


def test_response__to_a_refused_request__repeats_nothing_of_it(probe: Probe) -> None:
    word = "arn:aws:rds:eu-central-1:1:db:ZeroDivisionError"
    headers = {"Authorization": "Bearer operator", "Content-Type": word, word: word}
    for method in ("PUT", word):
        response = probe.request(method, f"/databases/{PROD.id}/hold?{word}={word}", headers, word.encode())
        assert response.status in (405, 415)
        assert word not in str(response)


def test_request__internal_error_before_the_route__is_a_problem(serve: Serve) -> None:
    app = serve()
    context = type("Context", (), {"aws_request_id": "11111111-2222-3333-4444-555555555555"})
    response = app.module.app(event_of(HOLD, headers={"Content-Type": None}), context)
    assert response["headers"] == {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
    assert json.loads(response["body"])["type"] == "urn:rds-lifecycle:internal-error"


@pytest.mark.parametrize("written", ["%73s-financial-prod/restart", f"{PROD.id}/restart/", f"{PROD.id}/restart;x=1"])
def test_restart__path_written_differently__location_is_that_of_the_database(probe: Probe, written: str) -> None:
    event = event_of(RESTART)
    event["requestContext"]["path"] = f"/api/databases/{written}"
    response = probe.deliver(event)
    assert (response.status, response.headers["Location"]) == (202, f"/api/databases/{PROD.id}")
