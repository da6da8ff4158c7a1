"""docs/openapi.json describes exactly what the app does: its routes, roles, fields, values and responses."""

import fnmatch
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from chalice.test import HTTPResponse

from chalicelib.api.auth import route_grants
from chalicelib.api.requests import MAX_DAYS
from chalicelib.api.responses import MAX_EVENTS
from chalicelib.domain.activity import ActivitySource
from chalicelib.domain.model import EventName, Kind, Reason, State
from chalicelib.service.lifecycle import MAX_HOLD
from chalicelib.settings import Role, SettingsError
from tests.openapi import DOCUMENT, OPERATIONS, PROTECTED, Operation, check_response, operation_of, resolve, validator
from tests.served import ROOT, Serve, Served, load_app
from tests.support import PROD, failing

SCHEMAS = DOCUMENT["components"]["schemas"]


def test_document__validated__is_openapi() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_document__version__is_that_of_the_project() -> None:
    assert DOCUMENT["info"]["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_document__routes__are_those_of_the_app() -> None:
    routes = {
        (method, path.replace("{database_id}", "{id}"), entry.view_function.__name__)
        for path, methods in load_app().app.routes.items()
        for method, entry in methods.items()
    }
    assert {(op.method, op.path, op.definition["operationId"]) for op in OPERATIONS} == routes


@pytest.mark.parametrize("role", Role)
def test_document__roles__are_those_that_the_authorizer_grants(role: Role) -> None:
    ranks = list(Role)
    documented = {op for op in PROTECTED if op.minimum_role and ranks.index(op.minimum_role) <= ranks.index(role)}
    granted = {
        op
        for op in OPERATIONS
        for grant in route_grants(role)
        if op.method in grant.methods and fnmatch.fnmatchcase(op.path.replace("{id}", PROD.id), grant.path)
    }
    assert documented == granted


def test_document__values__are_those_of_the_app() -> None:
    database = SCHEMAS["Database"]
    assert database["required"] == list(database["properties"]), "a response has every field"
    assert database["properties"]["kind"]["enum"] == list(Kind)
    assert database["properties"]["state"]["enum"] == list(State)
    assert database["properties"]["reason"]["enum"] == list(Reason)
    assert database["properties"]["last_activity_source"]["enum"] == [*ActivitySource, None]
    assert SCHEMAS["Event"]["properties"]["event"]["enum"] == [
        name for name in EventName if name is not EventName.DAILY_STATUS
    ]
    assert SCHEMAS["History"]["properties"]["periods"]["items"]["properties"]["state"]["enum"] == [*State, None]
    assert SCHEMAS["History"]["properties"]["events"]["maxItems"] == MAX_EVENTS
    [days] = DOCUMENT["paths"]["/databases/{id}/history"]["get"]["parameters"]
    assert days["schema"]["maximum"] == MAX_DAYS
    [by_hours, _] = SCHEMAS["Hold"]["oneOf"]
    assert by_hours["properties"]["hours"]["maximum"] == MAX_HOLD.total_seconds() / 3600


def examples() -> Iterator[tuple[Any, Any]]:
    """The schema of every body, with each of its examples."""
    bodies = [response for op in OPERATIONS for response in op.responses().values() if "content" in response]
    bodies += [op.definition["requestBody"] for op in OPERATIONS if "requestBody" in op.definition]
    for body in bodies:
        for media in body["content"].values():
            for example in media.get("examples", {}).values():
                yield media["schema"], resolve(example)["value"]


def test_document__examples__are_valid() -> None:
    found = list(examples())
    assert len(found) > 15
    for schema, value in found:
        assert [error.message for error in validator(schema).iter_errors(value)] == []


def test_check_response__not_documented__raises() -> None:
    operation = operation_of("GET", f"/databases/{PROD.id}?x=1")
    assert operation is not None
    body = b'{"type": "urn:rds-lifecycle:x", "title": "x", "status": 418, "detail": "x", "instance": "x"}'
    headers = {"Cache-Control": "no-store", "Content-Type": "application/problem+json"}
    for status in (418, 404, 200):
        with pytest.raises(AssertionError, match=r"docs/openapi\.json|is documented"):
            check_response(operation, status, headers, body)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda op: f"{op.method} {op.path}")
def test_operation__each_documented_response__occurs(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, operation: Operation
) -> None:
    documented = {
        (status, slug)
        for status, response in operation.responses().items()
        for media in response.get("content", {"": {"schema": {}}}).values()
        for slug in slugs_of(media["schema"])
    }
    found = {(r.status_code, type_of(r)) for r in all_responses(serve(), operation, monkeypatch)}
    assert found == documented


def type_of(response: HTTPResponse) -> str | None:
    """The type of a problem; None for any other response."""
    is_page = str(response.headers.get("Content-Type")).startswith("text/html") or response.body == b""
    return None if is_page else response.json_body.get("type")


def slugs_of(schema: Any) -> list[str | None]:
    """The types of problem that the schema allows; None where it is not that of a problem."""
    types = schema.get("properties", {}).get("type", {})
    return types.get("enum") or [types.get("const")]


def all_responses(app: Served, operation: Operation, monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPResponse]:
    """Every kind of response of the operation; ``call`` checks each against the document."""
    body = b'{"hours": 3}' if operation.method == "PUT" else b""
    path = operation.path.replace("{id}", PROD.id)

    def request(role: str | None = "operator", at: str = path, body: bytes = body) -> HTTPResponse:
        return app.call(operation.method, at, role=role, body=body)

    with failing(app.world.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
        yield request()
    yield request()
    yield request(role=None)
    yield request(role="stranger")
    yield app.call(operation.method, path, body=body, **{"Content-Type": "text/plain"})
    if operation.path == "/":
        yield app.call("GET", path, None, b"", **{"If-None-Match": request().headers["ETag"]})
    for code in ("Throttling", "AccessDenied", "SomethingNew"):
        with failing(app.world.dynamodb, "BatchGetItem", code):
            yield request()
    if operation.path.endswith("/history"):
        yield request(at=f"{path}?days=91")
    if operation.path.endswith("/restart"):
        for status in ("available", "storage-full"):
            app.world.simulated_rds.set_status(PROD.id, status)
            yield request()
    if body:
        yield request(body=b"{}")
    if "{id}" in operation.path:
        yield request(at=operation.path.replace("{id}", "nope"))
        app.world.rds.delete_db_instance(DBInstanceIdentifier=PROD.id, SkipFinalSnapshot=True)
        yield request()
    for error in (SettingsError(("IDLE_MINUTES",)), ZeroDivisionError("secret")):
        monkeypatch.setattr(app.module, "connect", raiser(error))
        yield request()


def raiser(error: Exception) -> Any:
    def broken(_: object) -> None:
        raise error

    return broken
