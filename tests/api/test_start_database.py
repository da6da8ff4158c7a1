"""start_database: the restart route for callers inside AWS."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.test_authorizer import json_values
from tests.probe import Probe
from tests.served import Serve
from tests.support import PROD

named = st.fixed_dictionaries({"database": json_values | st.sampled_from([PROD.id, "nope", "", "\ud800"])})


@pytest.fixture
def probe(serve: Serve) -> Probe:
    return Probe(serve())


def test_start_database__default_or_named__starts_it(serve: Serve) -> None:
    app = serve(databases="ss-financial-prod,cluster:analytics")
    response = app.invoke("start_database", {})
    assert set(response) == {"statusCode", "headers", "body"}
    assert response["statusCode"] == 202
    assert response["headers"]["Location"] == "/databases/ss-financial-prod"
    assert json.loads(response["body"])["message"] == "RDS instance starting"
    response = app.invoke("start_database", {"database": "analytics"})
    assert json.loads(response["body"])["message"] == "RDS cluster starting"
    assert app.invoke("start_database", None)["statusCode"] == 202


def test_start_database__available__responds_like_the_route(serve: Serve) -> None:
    app = serve(status="available")
    route = app.call("POST", "/databases/ss-financial-prod/restart")
    response = app.invoke("start_database", {})
    assert response["statusCode"] == route.status_code == 200
    assert json.loads(response["body"]) == route.json_body


def test_start_database__error__responds_with_a_problem(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    app = serve()
    response = app.invoke("start_database", {"database": "nope"})
    assert (response["statusCode"], response["headers"]["Content-Type"]) == (404, "application/problem+json")
    assert json.loads(response["body"])["type"] == "urn:rds-lifecycle:unknown-database"
    assert app.invoke("start_database", {"database": 3})["statusCode"] == 400
    monkeypatch.setenv("IDLE_MINUTES", "soon")
    assert app.invoke("start_database", {})["statusCode"] == 500


def test_start_database__internal_error__responds_without_its_text(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = serve()

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(app.world.lifecycle, "restart", broken)
    response = app.invoke("start_database", {})
    assert (response["statusCode"], "secret" in response["body"]) == (500, False)
    assert json.loads(response["body"])["type"] == "urn:rds-lifecycle:internal-error"


@settings(max_examples=80)
@given(payload=json_values | named)
def test_start_database__any_payload__responds_with_202_404_or_400(probe: Probe, payload: Any) -> None:
    probe.reset("stopped")
    wanted = payload.get("database", PROD.id) if isinstance(payload, dict) else PROD.id
    response = probe.invoke(payload)
    assert response.status == (202 if wanted == PROD.id else 404 if isinstance(wanted, str) else 400)


def test_start_database__id_is_not_unicode__is_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = serve()
    assert Probe(app).invoke({"database": "\ud800"}).status == 404
    [line] = [app.module.logger.handlers[0].format(record).encode() for record in caplog.records]
    assert json.loads(line)["message"].endswith(r"['\ud800']")


def test_start_database__deeply_nested_payload__is_a_bad_request(probe: Probe) -> None:
    nested: Any = PROD.id
    for _ in range(900):
        nested = {"database": [nested]}
    assert probe.invoke(nested).status == 400
