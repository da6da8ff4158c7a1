"""The functions that are not routes: the check, RDS events and the warm-up; and the app on moto with real clients."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from chalice.test import Client
from moto import mock_aws

from chalicelib.service.lifecycle import CheckFailed
from chalicelib.settings import SettingsError
from dev.local.aws import create_database
from dev.table import ensure_table
from tests.served import ROOT, TOKENS, Serve, load_app
from tests.support import ANALYTICS, NOW, PROD, STOP_MINUTES


def test_inactivity_check__two_databases__returns_a_result_for_each(serve: Serve) -> None:
    app = serve(status="available", databases="ss-financial-prod,cluster:analytics")
    app.world.report_query(NOW)
    app.run_check()
    app.world.clock.advance(61)
    app.world.report_query(ref=ANALYTICS)
    assert json.loads(json.dumps(app.run_check())) == {
        "results": [
            {
                "database": "ss-financial-prod",
                "state": "running",
                "action": "stop",
                "reason": "idle",
                "detail": "Idle for 1 h 1 min: the last query was at 2026-03-02T09:00:00Z; the idle timeout is 1 h.",
            },
            {
                "database": "analytics",
                "state": "running",
                "action": "none",
                "reason": "recent-activity",
                "detail": "In use: the last query was at 2026-03-02T10:01:00Z, within the idle timeout of 1 h.",
            },
        ]
    }


def test_inactivity_check__one_database_fails__raises(serve: Serve) -> None:
    app = serve(status="available")
    app.world.put_activity_item({"S": "garbage"})
    with pytest.raises(CheckFailed, match="The check of 1 of 1 databases failed"):
        app.run_check()


def test_inactivity_check__settings_are_wrong__raises_all_errors(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    app = serve()
    monkeypatch.setenv("IDLE_MINUTES", "soon")
    with pytest.raises(SettingsError, match="IDLE_MINUTES: found 'soon'"):
        app.run_check()


def test_database_event__of_one_database__reconciles_only_this_one(serve: Serve) -> None:
    app = serve(status="available", databases="ss-financial-prod,cluster:analytics")
    app.run_check()
    app.world.clock.advance(61)
    app.send_event("analytics", kind="Cluster")
    assert (app.world.status(ANALYTICS), app.world.status(PROD)) == ("stopping", "available")


def test_database_event__database_in_use__stops_nothing(serve: Serve) -> None:
    app = serve(status="available")
    app.world.report_query()
    app.send_event("ss-financial-prod")
    assert app.world.status() == "available"


@pytest.mark.parametrize("source", ["another-database", "", None, 3], ids=["other id", "empty", "null", "number"])
def test_database_event__not_a_managed_database__makes_no_call_and_no_log_line(
    serve: Serve, source: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = serve()
    connected: list[Any] = []
    monkeypatch.setattr(app.module, "connect", connected.append)
    app.world.calls.clear()
    app.send_event(source)
    assert (app.world.calls, connected, capsys.readouterr().out) == ([], [], "")


def test_database_event__stopped_with_a_pending_restart__starts_it(serve: Serve) -> None:
    app = serve(status="available")
    app.run_check()
    app.world.clock.advance(61)
    app.run_check()
    app.call("POST", "/databases/ss-financial-prod/restart")
    app.world.wait(STOP_MINUTES)
    app.send_event("ss-financial-prod")
    assert app.world.status() == "starting"


def test_database_event__event_pattern__is_the_same_for_any_number_of_databases(serve: Serve) -> None:
    for databases in ("ss-financial-prod", ",".join(f"database-{number:017}" for number in range(70))):
        app = serve(databases=databases)
        [rule] = [source for source in app.module.app.event_sources if source.name == "database_event"]
        assert rule.event_pattern == {
            "source": ["aws.rds"],
            "detail-type": ["RDS DB Instance Event", "RDS DB Cluster Event"],
        }


def test_schedules__from_settings__invoke_the_check_and_the_warm_up(serve: Serve) -> None:
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


def test_app__on_moto_with_real_clients_and_the_real_clock__stops_and_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASES", "ss-financial-prod")
    monkeypatch.setenv("ACCESS_TOKENS", TOKENS)
    # Six milliseconds: any later check finds the database idle.
    monkeypatch.setenv("IDLE_MINUTES", "0.0001")
    with mock_aws():
        ensure_table(boto3.client("dynamodb"), "system-metadata", sleep=lambda _: None)
        create_database(boto3.client("rds"), PROD)
        client = Client(load_app().app, stage_name="a-stage-of-tests", project_dir=str(ROOT))
        scheduled = client.events.generate_cw_event("aws.events", "Scheduled Event", {}, [])
        headers = {"Authorization": "Bearer operator"}
        client.lambda_.invoke("inactivity_check", scheduled)
        [result] = client.lambda_.invoke("inactivity_check", scheduled).payload["results"]
        assert (result["action"], result["reason"]) == ("none", "metric-unknown")
        boto3.client("cloudwatch").put_metric_data(
            Namespace="AWS/RDS",
            MetricData=[
                {
                    "MetricName": "DatabaseConnections",
                    "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": PROD.id}],
                    "Timestamp": datetime.now(UTC) - timedelta(minutes=2),
                    "Value": 0,
                }
            ],
        )
        [result] = client.lambda_.invoke("inactivity_check", scheduled).payload["results"]
        assert (result["action"], result["reason"]) == ("stop", "idle")
        monkeypatch.delenv("IDLE_MINUTES")
        assert client.http.post("/databases/ss-financial-prod/restart", headers=headers).status_code == 202
        [result] = client.lambda_.invoke("inactivity_check", scheduled).payload["results"]
        assert (result["action"], result["reason"]) == ("none", "recent-activity")
        assert client.http.post("/databases/ss-financial-prod/restart", headers=headers).status_code == 200
