"""Ids in DATABASES that are not in lower case: callers may use any spelling, responses have that of RDS."""

import json

import pytest

from tests.served import Serve, Served

DATABASES = "Orders-DB,Billing"
SPELLINGS = ["Orders-DB", "orders-db", "ORDERS-DB"]


@pytest.fixture
def app(serve: Serve) -> Served:
    return serve(databases=DATABASES)


def test_list__ids_in_capitals__shows_lower_case(app: Served) -> None:
    databases = app.call("GET", "/databases", role="viewer").json_body["databases"]
    assert [database["id"] for database in databases] == ["orders-db", "billing"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_routes__id_in_any_spelling__are_those_of_the_database(app: Served, spelling: str) -> None:
    url = f"/databases/{spelling}"
    assert app.call("GET", url, role="viewer").json_body["id"] == "orders-db"
    restart = app.call("POST", f"{url}/restart")
    assert (restart.status_code, restart.json_body["instance_id"]) == (202, "orders-db")
    assert restart.json_body["database"]["id"] == "orders-db"
    assert restart.headers["Location"] == "/databases/orders-db"
    assert app.call("GET", restart.headers["Location"]).json_body["state"] == "starting"
    assert app.call("POST", f"{url}/activity", role="reporter").json_body["id"] == "orders-db"
    held = app.call("PUT", f"{url}/hold", body=b'{"hours": 3}').json_body
    assert (held["id"], held["hold_until"]) == ("orders-db", "2026-03-02T12:00:00Z")
    assert app.call("DELETE", f"{url}/hold").json_body["hold_until"] is None
    events = app.call("GET", f"{url}/history", role="viewer").json_body["events"]
    assert [event["event"] for event in events] == [
        "first-seen", "restart-requested", "starting", "hold-set", "hold-ended"
    ]  # fmt: skip


@pytest.mark.parametrize("spelling", ["Billing", "billing", "BILLING"])
def test_start_database__id_in_any_spelling__starts_it(app: Served, spelling: str) -> None:
    response = app.invoke("start_database", {"database": spelling})
    body = json.loads(response["body"])
    assert (response["statusCode"], body["instance_id"]) == (202, "billing")
    assert response["headers"]["Location"] == "/databases/billing"


@pytest.mark.parametrize("spelling", ["billing", "Billing"])
def test_database_event__id_in_any_spelling__reconciles_the_database(app: Served, spelling: str) -> None:
    app.send_event(spelling)
    history = app.call("GET", "/databases/Billing/history", role="viewer").json_body["events"]
    assert [event["event"] for event in history] == ["first-seen"]
    assert app.call("GET", "/databases/Orders-DB/history", role="viewer").json_body["events"] == []


def test_inactivity_check__ids_in_capitals__returns_lower_case(app: Served) -> None:
    assert [result["database"] for result in app.run_check()["results"]] == ["orders-db", "billing"]


def test_report_activity__id_in_capitals__is_read_back(serve: Serve) -> None:
    app = serve(databases=DATABASES, status="available")
    app.run_check()
    for _ in range(8):
        app.world.clock.advance(15)
        app.call("POST", "/databases/Billing/activity", role="reporter")
        app.run_check()
    states = {d["id"]: d["state"] for d in app.call("GET", "/databases").json_body["databases"]}
    assert states == {"orders-db": "stopped", "billing": "running"}
