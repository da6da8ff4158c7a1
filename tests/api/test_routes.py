"""The routes, as the contract has them."""

import json
from datetime import timedelta

import pytest
from chalice.config import Config
from chalice.local import LocalGateway

from tests.served import Serve, load_app
from tests.support import ANALYTICS, NOW, PROD, START_MINUTES, failing

URL = "/databases/ss-financial-prod"

DATABASE_FIELDS = {
    "id", "kind", "status", "state", "ready", "reason", "detail", "last_activity_at", "last_activity_source",
    "idle_minutes", "stops_at", "hold_until", "restart_requested_at", "estimated_ready_at", "automatic_restart_at",
}  # fmt: skip


def test_a_stopped_database(serve: Serve) -> None:
    app = serve()
    app.world.queried(NOW - timedelta(minutes=90))
    response = app.call("GET", URL, role="viewer")
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json_body == {
        "id": "ss-financial-prod",
        "kind": "instance",
        "status": "stopped",
        "state": "stopped",
        "ready": False,
        "reason": "stopped",
        "detail": "It is stopped, and nobody has asked for a restart.",
        "last_activity_at": "2026-03-02T07:30:00Z",
        "last_activity_source": "query",
        "idle_minutes": 90.0,
        "stops_at": None,
        "hold_until": None,
        "restart_requested_at": None,
        "estimated_ready_at": None,
        "automatic_restart_at": "2026-03-09T09:00:00Z",
    }


def test_a_running_database(serve: Serve) -> None:
    app = serve(status="available")
    app.world.queried(NOW - timedelta(minutes=12))
    shown = app.call("GET", URL, role="viewer").json_body
    assert set(shown) == DATABASE_FIELDS
    assert (shown["status"], shown["state"], shown["ready"]) == ("available", "running", True)
    assert (shown["reason"], shown["idle_minutes"]) == ("recent-activity", 12.0)
    assert (shown["last_activity_at"], shown["stops_at"]) == ("2026-03-02T08:48:00Z", "2026-03-02T09:48:00Z")


def test_restart_through_its_whole_table(serve: Serve) -> None:
    app = serve()
    first = app.call("POST", f"{URL}/restart")
    assert first.status_code == 202
    assert first.headers["Location"] == URL
    assert 2 <= int(first.headers["Retry-After"]) <= 30
    assert first.json_body["message"] == "RDS instance starting"
    assert first.json_body["instance_id"] == "ss-financial-prod"
    assert set(first.json_body["database"]) == DATABASE_FIELDS
    assert first.json_body["database"]["state"] == "starting"
    assert first.json_body["database"]["estimated_ready_at"] == "2026-03-02T09:05:00Z"

    again = app.call("POST", f"{URL}/restart")
    assert (again.status_code, again.json_body["message"]) == (202, "RDS already starting")
    assert again.headers["Location"] == URL

    app.world.wait(START_MINUTES)
    app.event("ss-financial-prod")
    up = app.call("POST", f"{URL}/restart")
    assert (up.status_code, up.json_body["message"]) == (200, "RDS already available")
    assert "Location" not in up.headers
    assert up.json_body["database"]["last_activity_source"] == "restart"
    assert up.json_body["database"]["stops_at"] == "2026-03-02T10:04:00Z"

    app.world.wait(61)
    app.tick()
    stopping = app.call("POST", f"{URL}/restart")
    assert stopping.status_code == 202
    assert stopping.json_body["message"] == "RDS stopping; it will start as soon as it has stopped"
    assert stopping.json_body["database"]["restart_requested_at"] == "2026-03-02T10:05:00Z"
    assert stopping.json_body["database"]["estimated_ready_at"] == "2026-03-02T10:09:00Z", "its starts take 4 min"


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        ("backing-up", 200, "RDS already backing-up"),
        ("modifying", 200, "RDS already modifying"),
        ("rebooting", 202, "RDS already rebooting"),
        ("a-status-of-tomorrow", 202, "RDS already a-status-of-tomorrow"),
    ],
)
def test_restart_of_a_busy_database(serve: Serve, status: str, code: int, message: str) -> None:
    response = serve(status=status).call("POST", f"{URL}/restart")
    assert (response.status_code, response.json_body["message"]) == (code, message)
    assert ("Location" in response.headers) is (code == 202)


def test_restart_of_a_failed_database(serve: Serve) -> None:
    response = serve(status="storage-full").call("POST", f"{URL}/restart")
    assert response.status_code == 409
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json_body["type"] == "urn:rds-lifecycle:cannot-start"
    assert response.json_body["detail"].endswith("Give it more storage in the RDS console.")


def test_restart_of_a_cluster_says_cluster(serve: Serve) -> None:
    app = serve(databases="cluster:analytics")
    response = app.call("POST", "/databases/analytics/restart")
    assert (response.status_code, response.json_body["message"]) == (202, "RDS cluster starting")
    assert response.json_body["database"]["kind"] == "cluster"


def test_location_carries_the_stage_of_api_gateway(serve: Serve) -> None:
    app = serve()
    event = {
        "requestContext": {
            "httpMethod": "POST",
            "resourcePath": "/databases/{database_id}/restart",
            "path": "/api/databases/ss-financial-prod/restart",
            "authorizer": {"principalId": "ops", "role": "operator"},
            "identity": {"sourceIp": "203.0.113.1"},
        },
        "headers": {},
        "multiValueQueryStringParameters": None,
        "pathParameters": {"database_id": "ss-financial-prod"},
        "body": None,
        "isBase64Encoded": False,
        "stageVariables": None,
    }
    context = type("Context", (), {"aws_request_id": "11111111-2222-3333-4444-555555555555"})
    response = app.module.app(event, context)
    assert response["statusCode"] == 202
    assert response["headers"]["Location"] == "/api/databases/ss-financial-prod"
    assert app.world.record().accepted_start is not None
    assert app.world.record().accepted_start.by == "ops"  # type: ignore[union-attr]


def test_activity_moves_the_stop(serve: Serve) -> None:
    app = serve(status="available")
    app.world.queried(NOW - timedelta(minutes=12))
    response = app.call("POST", f"{URL}/activity", role="reporter")
    assert response.status_code == 200
    assert response.json_body["last_activity_source"] == "query"
    assert response.json_body["stops_at"] == "2026-03-02T10:00:00Z"


def test_a_hold_and_its_end(serve: Serve) -> None:
    app = serve(status="available")
    app.world.queried(NOW - timedelta(minutes=90))
    held = app.call("PUT", f"{URL}/hold", body=b'{"hours": 3}')
    assert held.status_code == 200
    assert (held.json_body["reason"], held.json_body["hold_until"]) == ("held", "2026-03-02T12:00:00Z")
    assert held.json_body["stops_at"] is None
    until = app.call("PUT", f"{URL}/hold", body=b'{"until": "2026-03-02T20:00:00+02:00"}')
    assert until.json_body["hold_until"] == "2026-03-02T18:00:00Z"
    assert "operator-name holds it awake" in until.json_body["detail"]
    ended = app.call("DELETE", f"{URL}/hold")
    assert (ended.json_body["reason"], ended.json_body["hold_until"]) == ("idle", None)
    assert ended.json_body["stops_at"] == "2026-03-02T08:30:00Z"


@pytest.mark.parametrize("body", [b"", b"no json", b'{"hours": 169}', b'{"until": "2020-01-01"}'])
def test_a_hold_that_makes_no_sense(serve: Serve, body: bytes) -> None:
    app = serve(status="available")
    response = app.call("PUT", f"{URL}/hold", body=body)
    assert response.status_code == 400
    assert response.json_body["type"] == "urn:rds-lifecycle:bad-request"
    assert app.world.record().revision == 0


def test_the_list_shows_all_even_where_rds_does_not_know_one(serve: Serve) -> None:
    app = serve(databases="ss-financial-prod,cluster:analytics")
    app.world.rds.delete_db_cluster(DBClusterIdentifier="analytics", SkipFinalSnapshot=True)
    response = app.call("GET", "/databases", role="viewer")
    assert response.status_code == 200
    known, unknown = response.json_body["databases"]
    assert (known["id"], known["status"]) == ("ss-financial-prod", "stopped")
    assert set(known) == set(unknown) == DATABASE_FIELDS
    assert (unknown["id"], unknown["status"], unknown["state"], unknown["ready"]) == (
        "analytics",
        None,
        "failed",
        False,
    )
    assert unknown["detail"].startswith("RDS knows no cluster of this id")


class TestProblems:
    """Every error has the same form and tells what to do, and nothing that only the operator may see."""

    def test_an_unknown_id(self, serve: Serve) -> None:
        app = serve()
        for method, path in (("GET", ""), ("POST", "/restart"), ("POST", "/activity"), ("DELETE", "/hold")):
            response = app.call(method, f"/databases/nope{path}")
            assert response.status_code == 404
            assert response.headers["Content-Type"] == "application/problem+json"
            assert set(response.json_body) == {"type", "title", "status", "detail", "instance"}
            assert response.json_body["type"] == "urn:rds-lifecycle:unknown-database"
            assert response.json_body["status"] == 404
            assert response.json_body["instance"].startswith("urn:uuid:")

    def test_a_database_that_rds_does_not_know(self, serve: Serve) -> None:
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
    )
    def test_aws_fails(
        self,
        serve: Serve,
        capsys: pytest.CaptureFixture[str],
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
        assert b"own words, account" not in response.body
        if code == "AccessDenied":
            assert "rds:DescribeDBInstances" in response.json_body["detail"]

    def test_what_the_operator_needs_is_in_the_log_under_the_request_id(
        self, serve: Serve, caplog: pytest.LogCaptureFixture
    ) -> None:
        app = serve()
        with failing(app.world.rds, "DescribeDBInstances", "SomethingNew"):
            response = app.call("GET", URL)
        request_id = response.json_body["instance"].removeprefix("urn:uuid:")
        [line] = [record for record in caplog.records if "AWS's own words" in record.getMessage()]
        assert line.name == "rds-lifecycle"
        formatted = json.loads(app.module.logger.handlers[0].format(line))
        assert formatted["request_id"] == request_id

    def test_no_capacity(self, serve: Serve) -> None:
        app = serve()
        with failing(app.world.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
            response = app.call("POST", f"{URL}/restart")
        assert (response.status_code, response.json_body["type"]) == (503, "urn:rds-lifecycle:insufficient-capacity")
        assert response.headers["Retry-After"] == "300"
        assert app.call("GET", URL).json_body["restart_requested_at"] == "2026-03-02T09:00:00Z"

    def test_a_body_of_another_kind(self, serve: Serve) -> None:
        response = serve().call("PUT", f"{URL}/hold", body=b"hours=3", **{"Content-Type": "text/plain"})
        assert response.status_code == 415
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json_body["type"] == "urn:rds-lifecycle:unsupported-media-type"

    def test_a_method_that_is_not_there(self, serve: Serve) -> None:
        response = serve().call("PATCH", URL)
        assert response.status_code == 405
        assert response.json_body["type"] == "urn:rds-lifecycle:method-not-allowed"
        assert response.headers["Allow"] == "GET"

    def test_a_fault_in_our_own_code(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        app = serve()

        def broken(_: object) -> None:
            raise ZeroDivisionError("secret")

        monkeypatch.setattr(app.world.lifecycle, "describe", broken)
        response = app.call("GET", URL)
        assert (response.status_code, response.json_body["type"]) == (500, "urn:rds-lifecycle:internal-error")
        assert b"secret" not in response.body
        assert b"ZeroDivision" not in response.body

    def test_settings_that_are_wrong(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_no_cors_where_no_origin_is_set(serve: Serve) -> None:
    assert "Access-Control-Allow-Origin" not in serve().call("GET", URL).headers


def test_cors_for_the_origin_that_is_set(serve: Serve) -> None:
    app = serve(CORS_ORIGIN="https://dashboard.example.com")
    for response in (app.call("GET", URL), app.call("GET", "/databases/nope")):
        assert response.headers["Access-Control-Allow-Origin"] == "https://dashboard.example.com"
        assert response.headers["Access-Control-Expose-Headers"] == "Location,Retry-After"
    preflight = LocalGateway(app.module.app, Config.create()).handle_request("OPTIONS", f"{URL}/hold", {}, None)
    assert "PUT" in preflight["headers"]["Access-Control-Allow-Methods"]
    assert "Authorization" in preflight["headers"]["Access-Control-Allow-Headers"]


def test_importing_the_app_needs_no_settings() -> None:
    module = load_app()
    assert {source.name for source in module.app.event_sources} == {"inactivity_check", "database_event"}
    assert [function.name for function in module.app.pure_lambda_functions] == ["start_database"]
    assert {(path, method) for path, methods in module.app.routes.items() for method in methods} == {
        ("/", "GET"),
        ("/databases", "GET"),
        ("/databases/{database_id}", "GET"),
        ("/databases/{database_id}/history", "GET"),
        ("/databases/{database_id}/restart", "POST"),
        ("/databases/{database_id}/activity", "POST"),
        ("/databases/{database_id}/hold", "PUT"),
        ("/databases/{database_id}/hold", "DELETE"),
    }
    assert ANALYTICS.id not in str(module.app.event_sources[1].event_pattern)
