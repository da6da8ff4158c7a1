"""The functions that are no routes: the check, events, the direct function, the warm-up, the authorizer."""

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from chalice.test import Client
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from chalicelib.service.lifecycle import CheckFailed
from chalicelib.settings import SettingsError
from dev.local.aws import create_database
from dev.table import ensure_table
from tests.served import ROOT, TOKENS, Serve, load_app
from tests.support import ANALYTICS, NOW, PROD, STOP_MINUTES

OPERATIONS = [
    ("GET", "/databases", {"viewer", "reporter", "operator"}),
    ("GET", "/databases/ss-financial-prod", {"viewer", "reporter", "operator"}),
    ("GET", "/databases/ss-financial-prod/history", {"viewer", "reporter", "operator"}),
    ("POST", "/databases/ss-financial-prod/activity", {"reporter", "operator"}),
    ("POST", "/databases/ss-financial-prod/restart", {"operator"}),
    ("PUT", "/databases/ss-financial-prod/hold", {"operator"}),
    ("DELETE", "/databases/ss-financial-prod/hold", {"operator"}),
]


class TestAccess:
    """Section 5 of the contract, through the authorizer as Chalice enforces it."""

    @pytest.mark.parametrize(("method", "path", "allowed"), OPERATIONS)
    @pytest.mark.parametrize("role", ["viewer", "reporter", "operator", "stranger", None])
    def test_each_role_may_do_its_part(
        self, serve: Serve, method: str, path: str, allowed: set[str], role: str | None
    ) -> None:
        app = serve(status="available")
        body = b'{"hours": 1}' if method == "PUT" else b""
        response = app.call(method, path, role=role, body=body)
        expected = 401 if role is None else 200 if role in allowed else 403
        assert response.status_code == expected
        if expected != 200:
            assert app.world.record().revision == 0
            assert "UpdateItem" not in app.world.calls

    def test_the_answer_holds_for_every_route_while_it_is_cached(self, serve: Serve) -> None:
        app = serve()
        answers = []
        for method, path in (("GET", "/databases"), ("POST", "/databases/ss-financial-prod/restart")):
            arn = f"arn:aws:execute-api:us-east-1:123456789012:abc/api/{method}{path}"
            event = {"type": "TOKEN", "authorizationToken": "Bearer reporter", "methodArn": arn}
            answers.append(app.invoke("authorize", event))
        assert answers[0] == answers[1]
        assert answers[0]["principalId"] == "reporter-name"
        assert answers[0]["context"] == {"role": "reporter"}
        base = "arn:aws:execute-api:us-east-1:123456789012:abc/api/"
        assert answers[0]["policyDocument"]["Statement"][0]["Resource"] == [
            f"{base}GET/databases",
            f"{base}GET/databases/*",
            f"{base}POST/databases/*/activity",
        ]

    def test_no_tokens_set_means_that_everybody_is_refused(self, serve: Serve) -> None:
        assert serve(ACCESS_TOKENS="").call("GET", "/databases", role="viewer").status_code == 403

    def test_wrong_settings_refuse_and_do_not_raise(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        app = serve()
        monkeypatch.setenv("IDLE_MINUTES", "soon")
        assert app.call("GET", "/databases").status_code == 403

    def test_no_header_makes_the_authorizer_raise(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASES", "ss-financial-prod")
        monkeypatch.setenv("ACCESS_TOKENS", TOKENS)
        authorize = load_app().app.handler_map["authorize"]

        @given(st.text() | st.sampled_from(["Bearer viewer", "Bearer \udcff", "Bearer " + "x" * 10_000]))
        def holds(header: str) -> None:
            event = {"type": "TOKEN", "authorizationToken": header, "methodArn": "arn:aws:execute-api:r:1:a/s/GET/x"}
            answer = authorize(event, None)
            assert bool(answer["policyDocument"]["Statement"][0]["Resource"]) is (header == "Bearer viewer")

        holds()


class TestCheck:
    """Section 10 of the contract."""

    def test_one_entry_for_each_database(self, serve: Serve) -> None:
        app = serve(status="available", databases="ss-financial-prod,cluster:analytics")
        app.world.queried(NOW - timedelta(minutes=61))
        app.world.queried(NOW, ANALYTICS)
        assert json.loads(json.dumps(app.tick())) == {
            "results": [
                {
                    "database": "ss-financial-prod",
                    "state": "running",
                    "action": "stop",
                    "reason": "idle",
                    "detail": "Idle for 1 h 1 min: the last query was at 2026-03-02T07:59:00Z; the idle window is 1 h.",
                },
                {
                    "database": "analytics",
                    "state": "running",
                    "action": "none",
                    "reason": "recent-activity",
                    "detail": "In use: the last query was at 2026-03-02T09:00:00Z, within the idle window of 1 h.",
                },
            ]
        }

    def test_a_failure_is_raised_for_lambda_to_count(self, serve: Serve) -> None:
        app = serve(status="available")
        app.world.activity_item({"S": "garbage"})
        with pytest.raises(CheckFailed, match="1 of 1 databases could not be looked after"):
            app.tick()

    def test_wrong_settings_are_raised_in_full(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        app = serve()
        monkeypatch.setenv("IDLE_MINUTES", "soon")
        with pytest.raises(SettingsError, match="IDLE_MINUTES: found 'soon'"):
            app.tick()


class TestEvents:
    """An event is a hint to look, and nothing more."""

    def test_only_the_database_that_it_names_is_looked_at(self, serve: Serve) -> None:
        app = serve(status="available", databases="ss-financial-prod,cluster:analytics")
        app.world.queried(NOW - timedelta(hours=2), PROD)
        app.world.queried(NOW - timedelta(hours=2), ANALYTICS)
        app.event("analytics", kind="Cluster")
        assert (app.world.status(ANALYTICS), app.world.status(PROD)) == ("stopping", "available")

    def test_what_it_claims_is_not_believed(self, serve: Serve) -> None:
        app = serve(status="available")
        app.world.queried()
        app.event("ss-financial-prod")
        assert app.world.status() == "available"

    @pytest.mark.parametrize("source", ["somebody-elses", "", None, 3])
    def test_of_a_database_that_is_not_minded_it_is_ignored(self, serve: Serve, source: Any) -> None:
        app = serve()
        app.world.calls.clear()
        app.event(source)
        assert app.world.calls == []

    def test_the_stop_that_ends_starts_what_was_asked_for(self, serve: Serve) -> None:
        app = serve(status="available")
        app.world.queried(NOW - timedelta(hours=2))
        app.tick()
        app.call("POST", "/databases/ss-financial-prod/restart")
        app.world.wait(STOP_MINUTES)
        app.event("ss-financial-prod")
        assert app.world.status() == "starting"

    def test_the_rule_listens_to_the_minded_databases_only(self, serve: Serve) -> None:
        app = serve(databases="ss-financial-prod,cluster:analytics")
        [rule] = [source for source in app.module.app.event_sources if source.name == "database_event"]
        assert rule.event_pattern == {
            "source": ["aws.rds"],
            "detail-type": ["RDS DB Instance Event", "RDS DB Cluster Event"],
            "detail": {"SourceIdentifier": ["ss-financial-prod", "analytics"]},
        }


class TestStartDatabase:
    """The restart route for callers inside AWS."""

    def test_the_default_database_and_a_named_one(self, serve: Serve) -> None:
        app = serve(databases="ss-financial-prod,cluster:analytics")
        answer = app.invoke("start_database", {})
        assert set(answer) == {"statusCode", "headers", "body"}
        assert answer["statusCode"] == 202
        assert answer["headers"]["Location"] == "/databases/ss-financial-prod"
        assert json.loads(answer["body"])["message"] == "RDS instance starting"
        answer = app.invoke("start_database", {"database": "analytics"})
        assert json.loads(answer["body"])["message"] == "RDS cluster starting"
        assert app.invoke("start_database", None)["statusCode"] == 202

    def test_the_same_body_as_the_route(self, serve: Serve) -> None:
        app = serve(status="available")
        route = app.call("POST", "/databases/ss-financial-prod/restart")
        answer = app.invoke("start_database", {})
        assert answer["statusCode"] == route.status_code == 200
        assert json.loads(answer["body"]) == route.json_body

    def test_its_errors_are_answers_too(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        app = serve()
        answer = app.invoke("start_database", {"database": "nope"})
        assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (404, "application/problem+json")
        assert json.loads(answer["body"])["type"] == "urn:rds-lifecycle:unknown-database"
        assert app.invoke("start_database", {"database": 3})["statusCode"] == 400
        monkeypatch.setenv("IDLE_MINUTES", "soon")
        assert app.invoke("start_database", {})["statusCode"] == 500

    def test_a_fault_in_our_own_code_is_an_answer_without_its_text(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = serve()

        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError("secret")

        monkeypatch.setattr(app.world.lifecycle, "restart", broken)
        answer = app.invoke("start_database", {})
        assert (answer["statusCode"], "secret" in answer["body"]) == (500, False)
        assert json.loads(answer["body"])["type"] == "urn:rds-lifecycle:internal-error"


def test_the_schedules_are_those_of_the_settings(serve: Serve) -> None:
    app = serve(CHECK_INTERVAL_MINUTES="1", WARM_UP_SCHEDULE="cron(0 7 ? * MON-FRI *)")
    rates = {
        source.name: getattr(source.schedule_expression, "to_string", lambda s=source: s.schedule_expression)()
        for source in app.module.app.event_sources
        if hasattr(source, "schedule_expression")
    }
    assert rates == {"inactivity_check": "rate(1 minute)", "warm_up": "cron(0 7 ? * MON-FRI *)"}
    event = app.client.events.generate_cw_event("aws.events", "Scheduled Event", {}, [])
    assert app.invoke("warm_up", event)["results"][0]["detail"] == "RDS instance starting"
    assert app.world.status() == "starting"


def test_on_plain_moto_with_real_clients_and_the_real_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASES", "ss-financial-prod")
    monkeypatch.setenv("ACCESS_TOKENS", TOKENS)
    monkeypatch.setenv("ACTIVITY_METRIC", "DatabaseConnections>0")
    with mock_aws():
        ensure_table(boto3.client("dynamodb"), "system-metadata")
        create_database(boto3.client("rds"), PROD)
        client = Client(load_app().app, stage_name="a-stage-of-tests", project_dir=str(ROOT))
        tick = client.events.generate_cw_event("aws.events", "Scheduled Event", {}, [])
        headers = {"Authorization": "Bearer operator"}
        boto3.client("dynamodb").put_item(
            TableName="system-metadata",
            Item={"key": {"S": "last_rds_query_time"}, "value": {"S": "2026-01-01T00:00:00Z"}},
        )
        [result] = client.lambda_.invoke("inactivity_check", tick).payload["results"]
        assert (result["action"], result["reason"]) == ("none", "metric-unknown")
        monkeypatch.delenv("ACTIVITY_METRIC")
        [result] = client.lambda_.invoke("inactivity_check", tick).payload["results"]
        assert (result["action"], result["reason"]) == ("stop", "idle")
        assert client.http.post("/databases/ss-financial-prod/restart", headers=headers).status_code == 202
        [result] = client.lambda_.invoke("inactivity_check", tick).payload["results"]
        assert (result["action"], result["reason"]) == ("none", "recent-activity")
        assert client.http.post("/databases/ss-financial-prod/restart", headers=headers).status_code == 200
