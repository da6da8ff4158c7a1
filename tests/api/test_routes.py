"""The routes: statuses, headers and bodies of their responses."""

import pytest
from chalice.config import Config
from chalice.local import LocalGateway

from tests.served import Serve, load_app
from tests.support import ANALYTICS, START_MINUTES, failing

URL = "/databases/ss-financial-prod"

DATABASE_FIELDS = {
    "id", "kind", "status", "state", "ready", "reason", "detail", "last_activity_at", "last_activity_source",
    "idle_minutes", "stops_at", "hold_until", "restart_requested_at", "estimated_ready_at", "automatic_restart_at",
}  # fmt: skip


def test_get_database__stopped__shows_every_field(serve: Serve) -> None:
    app = serve()
    app.world.report_query()
    app.run_check()
    app.world.clock.advance(90)
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
        "detail": "It is stopped, and no restart is requested.",
        "last_activity_at": "2026-03-02T09:00:00Z",
        "last_activity_source": "query",
        "idle_minutes": 90.0,
        "stops_at": None,
        "hold_until": None,
        "restart_requested_at": None,
        "estimated_ready_at": None,
        "automatic_restart_at": "2026-03-09T09:00:00Z",
    }


def test_get_database__running__shows_when_it_stops(serve: Serve) -> None:
    app = serve(status="available")
    app.run_check()
    app.world.clock.advance(10)
    app.world.report_query()
    app.world.clock.advance(12)
    shown = app.call("GET", URL, role="viewer").json_body
    assert set(shown) == DATABASE_FIELDS
    assert (shown["status"], shown["state"], shown["ready"]) == ("available", "running", True)
    assert (shown["reason"], shown["idle_minutes"]) == ("recent-activity", 12.0)
    assert (shown["last_activity_at"], shown["stops_at"]) == ("2026-03-02T09:10:00Z", "2026-03-02T10:10:00Z")


def test_get_database__connections_open_and_no_reports__shows_them_as_activity(serve: Serve) -> None:
    app = serve(status="available")
    app.world.set_connections(25)
    app.run_check()
    app.world.clock.advance(75)
    shown = app.call("GET", URL, role="viewer").json_body
    assert (shown["reason"], shown["last_activity_source"]) == ("unreported-connections", "metric")
    assert (shown["last_activity_at"], shown["stops_at"]) == ("2026-03-02T10:15:00Z", None)
    [listed] = app.call("GET", "/databases", role="viewer").json_body["databases"]
    assert listed == shown


def test_restart__in_each_state__responds_with_its_message(serve: Serve) -> None:
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
    app.send_event("ss-financial-prod")
    up = app.call("POST", f"{URL}/restart")
    assert (up.status_code, up.json_body["message"]) == (200, "RDS already available")
    assert "Location" not in up.headers
    assert up.json_body["database"]["last_activity_source"] == "restart"
    assert up.json_body["database"]["stops_at"] == "2026-03-02T10:04:00Z"

    app.world.wait(61)
    app.run_check()
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
        ("scaling-compute", 200, "RDS already scaling-compute"),
        ("preparing-data-migration", 202, "RDS already preparing-data-migration"),
        ("rebooting", 202, "RDS already rebooting"),
        ("a-later-status", 202, "RDS already a-later-status"),
    ],
    ids=["backing-up", "modifying", "scaling-compute", "preparing-data-migration", "rebooting", "unknown"],
)
def test_restart__busy__is_200_if_ready_and_202_otherwise(serve: Serve, status: str, code: int, message: str) -> None:
    response = serve(status=status).call("POST", f"{URL}/restart")
    assert (response.status_code, response.json_body["message"]) == (code, message)
    assert ("Location" in response.headers) is (code == 202)


def test_restart__failed__is_409_with_a_remedy(serve: Serve) -> None:
    response = serve(status="storage-full").call("POST", f"{URL}/restart")
    assert response.status_code == 409
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json_body["type"] == "urn:rds-lifecycle:cannot-start"
    assert response.json_body["detail"].endswith("Allocate more storage in the RDS console.")


STARTABLE = pytest.mark.parametrize(
    "status", ["incompatible-network", "inaccessible-encryption-credentials-recoverable"]
)


@STARTABLE
def test_restart__failed_and_the_cause_is_fixed__is_202(serve: Serve, status: str) -> None:
    response = serve(status=status).call("POST", f"{URL}/restart")
    assert (response.status_code, response.json_body["message"]) == (202, "RDS instance starting")
    assert response.json_body["database"]["state"] == "starting"


@STARTABLE
@pytest.mark.parametrize(
    ("code", "detail"),
    [
        pytest.param("InvalidDBInstanceState", "RDS reports {status} and refused to start it. ", id="state"),
        pytest.param("KMSKeyNotAccessibleFault", "RDS cannot start it: RDS cannot use its KMS key. ", id="KMS key"),
    ],
)
def test_restart__failed_and_rds_refuses__is_409_and_the_request_is_dropped(
    serve: Serve, status: str, code: str, detail: str
) -> None:
    app = serve(status=status)
    with failing(app.world.rds, "StartDBInstance", code):
        response = app.call("POST", f"{URL}/restart")
    assert (response.status_code, response.json_body["type"]) == (409, "urn:rds-lifecycle:cannot-start")
    assert response.json_body["detail"].startswith(detail.format(status=status))
    assert len(response.json_body["detail"]) > len(detail.format(status=status)), "it says what to do"
    assert app.call("GET", URL).json_body["restart_requested_at"] is None
    app.run_check()
    assert app.world.status() == status


@STARTABLE
@pytest.mark.parametrize("operation", ["DescribeDBInstances", "StartDBInstance"])
def test_restart__failed_and_aws_does_not_answer__is_503_and_carried_out_later(
    serve: Serve, status: str, operation: str
) -> None:
    app = serve(status=status)
    app.run_check()
    with failing(app.world.rds, operation, "Throttling"):
        response = app.call("POST", f"{URL}/restart")
    assert (response.status_code, response.json_body["type"]) == (503, "urn:rds-lifecycle:aws-unavailable")
    assert "The request is saved and will be carried out" in response.json_body["detail"]
    assert app.call("GET", URL).json_body["restart_requested_at"] == "2026-03-02T09:00:00Z"
    app.run_check()
    assert app.world.status() == "starting"


def test_restart__cluster__message_contains_cluster(serve: Serve) -> None:
    app = serve(databases="cluster:analytics")
    response = app.call("POST", "/databases/analytics/restart")
    assert (response.status_code, response.json_body["message"]) == (202, "RDS cluster starting")
    assert response.json_body["database"]["kind"] == "cluster"


def test_restart__behind_api_gateway__location_has_its_stage(serve: Serve) -> None:
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
    start = app.world.record().accepted_start
    assert start is not None
    assert start.restart.by == "ops"


def test_activity__running__extends_the_idle_timer(serve: Serve) -> None:
    app = serve(status="available")
    app.run_check()
    app.world.clock.advance(12)
    response = app.call("POST", f"{URL}/activity", role="reporter")
    assert response.status_code == 200
    assert response.json_body["last_activity_source"] == "query"
    assert response.json_body["stops_at"] == "2026-03-02T10:12:00Z"


def test_hold__set_and_ended__changes_when_it_stops(serve: Serve) -> None:
    app = serve(status="available")
    app.run_check()
    app.world.clock.advance(90)
    held = app.call("PUT", f"{URL}/hold", body=b'{"hours": 3}')
    assert held.status_code == 200
    assert (held.json_body["reason"], held.json_body["hold_until"]) == ("held", "2026-03-02T13:30:00Z")
    assert held.json_body["stops_at"] is None
    until = app.call("PUT", f"{URL}/hold", body=b'{"until": "2026-03-02T20:00:00+02:00"}')
    assert until.json_body["hold_until"] == "2026-03-02T18:00:00Z"
    assert until.json_body["detail"] == "operator-name keeps it available until 2026-03-02T18:00:00Z."
    ended = app.call("DELETE", f"{URL}/hold")
    assert (ended.json_body["reason"], ended.json_body["hold_until"]) == ("idle", None)
    assert ended.json_body["stops_at"] == "2026-03-02T10:00:00Z"


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b'{"hours": 169}', b'{"until": "2020-01-01"}'],
    ids=["empty", "not JSON", "too long", "past"],
)
def test_hold__invalid_body__is_400(serve: Serve, body: bytes) -> None:
    app = serve(status="available")
    response = app.call("PUT", f"{URL}/hold", body=body)
    assert response.status_code == 400
    assert response.json_body["type"] == "urn:rds-lifecycle:bad-request"
    assert app.world.record().revision == 0


def test_list__one_unknown_to_rds__shows_all(serve: Serve) -> None:
    app = serve(databases="ss-financial-prod,cluster:analytics")
    app.world.rds.delete_db_instance(DBInstanceIdentifier="ss-financial-prod", SkipFinalSnapshot=True)
    response = app.call("GET", "/databases", role="viewer")
    assert response.status_code == 200
    unknown, known = response.json_body["databases"]
    assert (known["id"], known["status"]) == ("analytics", "stopped")
    assert set(known) == set(unknown) == DATABASE_FIELDS
    assert (unknown["id"], unknown["status"], unknown["state"], unknown["ready"]) == (
        "ss-financial-prod",
        None,
        "failed",
        False,
    )
    assert unknown["detail"].startswith("RDS has no instance with this id")


def test_cors__no_origin_set__sends_no_headers(serve: Serve) -> None:
    assert "Access-Control-Allow-Origin" not in serve().call("GET", URL).headers


def test_cors__origin_set__allows_it(serve: Serve) -> None:
    app = serve(CORS_ORIGIN="https://dashboard.example.com")
    for response in (app.call("GET", URL), app.call("GET", "/databases/nope")):
        assert response.headers["Access-Control-Allow-Origin"] == "https://dashboard.example.com"
        assert response.headers["Access-Control-Expose-Headers"] == "Location,Retry-After"
    preflight = LocalGateway(app.module.app, Config.create()).handle_request("OPTIONS", f"{URL}/hold", {}, None)
    assert "PUT" in preflight["headers"]["Access-Control-Allow-Methods"]
    assert "Authorization" in preflight["headers"]["Access-Control-Allow-Headers"]


def test_app__imported_without_settings__declares_its_functions_and_routes() -> None:
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
