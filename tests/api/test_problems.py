"""Errors: all have the same form, describe what to do, and contain nothing that is for the operator only."""

import json

import pytest

from tests.served import Serve
from tests.support import PROD, failing

URL = "/databases/ss-financial-prod"


def test_route__unknown_id__is_404(serve: Serve) -> None:
    app = serve()
    for method, path in (("GET", ""), ("POST", "/restart"), ("POST", "/activity"), ("DELETE", "/hold")):
        response = app.call(method, f"/databases/nope{path}")
        assert response.status_code == 404
        assert response.headers["Content-Type"] == "application/problem+json"
        assert set(response.json_body) == {"type", "title", "status", "detail", "instance"}
        assert response.json_body["type"] == "urn:rds-lifecycle:unknown-database"
        assert response.json_body["status"] == 404
        assert response.json_body["instance"].startswith("urn:uuid:")


def test_route__unknown_to_rds__is_404(serve: Serve) -> None:
    app = serve()
    app.world.rds.delete_db_instance(DBInstanceIdentifier=PROD.id, SkipFinalSnapshot=True)
    response = app.call("GET", URL)
    assert (response.status_code, response.json_body["type"]) == (404, "urn:rds-lifecycle:database-not-found")


@pytest.mark.parametrize(
    ("code", "status", "slug", "retry_after"),
    [
        ("Throttling", 503, "aws-unavailable", "15"),
        ("AccessDenied", 502, "missing-permission", None),
        ("SomethingNew", 502, "aws-refused", None),
    ],
    ids=["throttled", "denied", "unknown error"],
)
def test_route__aws_fails__is_502_or_503_without_its_message(
    serve: Serve,
    code: str,
    status: int,
    slug: str,
    retry_after: str | None,
) -> None:
    app = serve()
    with failing(app.world.rds, "DescribeDBInstances", code):
        response = app.call("GET", URL)
    assert (response.status_code, response.json_body["type"]) == (status, f"urn:rds-lifecycle:{slug}")
    assert response.headers.get("Retry-After") == retry_after
    assert b"123456789012" not in response.body
    assert b"own message, account" not in response.body
    if code == "AccessDenied":
        assert "rds:DescribeDBInstances" in response.json_body["detail"]


def test_route__aws_fails__logs_its_message_with_the_request_id(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    app = serve()
    with failing(app.world.rds, "DescribeDBInstances", "SomethingNew"):
        response = app.call("GET", URL)
    request_id = response.json_body["instance"].removeprefix("urn:uuid:")
    [line] = [record for record in caplog.records if "AWS's own message" in record.getMessage()]
    assert line.name == "rds-lifecycle"
    formatted = json.loads(app.module.logger.handlers[0].format(line))
    assert formatted["request_id"] == request_id


def test_restart__no_capacity__is_503_and_stays_pending(serve: Serve) -> None:
    app = serve()
    with failing(app.world.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
        response = app.call("POST", f"{URL}/restart")
    assert (response.status_code, response.json_body["type"]) == (503, "urn:rds-lifecycle:insufficient-capacity")
    assert response.headers["Retry-After"] == "300"
    assert app.call("GET", URL).json_body["restart_requested_at"] == "2026-03-02T09:00:00Z"


def test_hold__content_type_is_not_json__is_415(serve: Serve) -> None:
    response = serve().call("PUT", f"{URL}/hold", body=b"hours=3", **{"Content-Type": "text/plain"})
    assert response.status_code == 415
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json_body["type"] == "urn:rds-lifecycle:unsupported-media-type"


def test_route__unknown_method__is_405(serve: Serve) -> None:
    response = serve().call("PATCH", URL)
    assert response.status_code == 405
    assert response.json_body["type"] == "urn:rds-lifecycle:method-not-allowed"
    assert response.headers["Allow"] == "GET"


def test_route__internal_error__is_500_without_its_text(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    app = serve()

    def broken(_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(app.world.lifecycle, "describe", broken)
    response = app.call("GET", URL)
    assert (response.status_code, response.json_body["type"]) == (500, "urn:rds-lifecycle:internal-error")
    assert b"secret" not in response.body
    assert b"ZeroDivision" not in response.body


def test_route__settings_are_wrong__is_500_without_their_values(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    app = serve()
    monkeypatch.setattr(app.module, "authorize", None)
    monkeypatch.setenv("IDLE_MINUTES", "soon")
    response = app.module.app(
        {
            "requestContext": {"httpMethod": "GET", "resourcePath": "/databases", "path": "/databases"},
            "headers": {},
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "body": None,
            "stageVariables": None,
        },
        type("Context", (), {"aws_request_id": "x"}),
    )
    assert response["statusCode"] == 500
    assert json.loads(response["body"])["type"] == "urn:rds-lifecycle:invalid-settings"
    assert "soon" not in response["body"]
