"""The decision about a database that runs and has been idle for the idle timeout: what prevents the stop."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.activity import (
    AUTO,
    REPORTS_TRUSTED_FOR,
    Activity,
    ActivitySource,
    LastQuery,
    Metric,
    MetricActive,
    MetricIdle,
    MetricRule,
    MetricUnknown,
    NoActivity,
    are_reports_trusted,
)
from chalicelib.domain.decision import METRIC_GRACE, decide
from chalicelib.domain.model import Action, Decision, Policy, Reason
from chalicelib.domain.record import DatabaseRecord
from tests.support import NOW
from tests.unit.domain.examples import (
    HOUR,
    INVALID,
    NO_RECORD,
    POLICY,
    WITH_AUTO,
    WITH_RULE,
    YESTERDAY,
    minutes_ago,
    observed,
)

A_SECOND = timedelta(seconds=1)
MONTH = timedelta(days=30)
CONNECTED = MetricActive(minutes_ago(3), 4.0)
UNKNOWN = MetricUnknown("CloudWatch has no datapoint")
REPLICA = "it is a read replica"
CANNOT_STOP = DatabaseRecord(last_error="CannotStop")
"""RDS has refused to stop it, and will always refuse."""
PENDING = ("DBInstanceClass", "EngineVersion")


def result(decision: Decision) -> tuple[Action, Reason, bool]:
    return decision.action, decision.reason, decision.check_fails


@pytest.mark.parametrize(
    ("unsupported", "record", "fails"),
    [
        pytest.param(REPLICA, NO_RECORD, True, id="description says so, for the first time"),
        pytest.param(
            REPLICA, DatabaseRecord(last_error="StopUnsupported"), False, id="description says so, and it is recorded"
        ),
        pytest.param(
            REPLICA, DatabaseRecord(last_error="AwsError"), True, id="description says so, after another error"
        ),
        pytest.param(None, CANNOT_STOP, False, id="RDS has refused"),
    ],
)
@pytest.mark.parametrize("policy", [POLICY, WITH_AUTO, WITH_RULE], ids=["none", "auto", "rule"])
def test_cannot_stop__known__does_not_stop_and_fails_the_check_once(
    unsupported: str | None, record: DatabaseRecord, policy: Policy, *, fails: bool
) -> None:
    decision = decide(observed("available", stop_unsupported=unsupported), record, policy, NOW)
    assert result(decision) == (Action.NONE, Reason.CANNOT_STOP, fails)
    assert "Remove it from DATABASES" in decision.detail
    assert (unsupported or "refused") in decision.detail


@pytest.mark.parametrize(
    "error", ["InvalidState", "InvalidStateAgain", "AwsError", "AccessDenied", "StopUnsupported", None]
)
def test_cannot_stop__last_error_is_another__is_tried_again(error: str | None) -> None:
    assert decide(observed("available"), DatabaseRecord(last_error=error), POLICY, NOW).action is Action.STOP


@pytest.mark.parametrize(
    ("metric", "action", "reason"),
    [
        pytest.param(CONNECTED, Action.NONE, Reason.METRIC_ACTIVE, id="active"),
        pytest.param(MetricActive(minutes_ago(60), 0.0), Action.NONE, Reason.METRIC_ACTIVE, id="active at the timeout"),
        pytest.param(MetricActive(minutes_ago(60) - A_SECOND, 0.0), Action.STOP, Reason.IDLE, id="active before it"),
        pytest.param(MetricIdle(), Action.STOP, Reason.IDLE, id="idle"),
        pytest.param(UNKNOWN, Action.NONE, Reason.METRIC_UNKNOWN, id="unknown"),
        pytest.param(None, Action.NONE, Reason.METRIC_UNKNOWN, id="not read"),
    ],
)
@pytest.mark.parametrize("activity", [YESTERDAY, NoActivity()], ids=["reports trusted", "no reports"])
def test_rule__any_metric__stops_only_if_it_is_idle_whether_or_not_reports_are_trusted(
    activity: Activity, metric: Metric | None, action: Action, reason: Reason
) -> None:
    decision = decide(observed("available", activity, metric), NO_RECORD, WITH_RULE, NOW)
    assert result(decision) == (action, reason, False)


def test_metric_active__is_the_last_activity_and_names_the_rule() -> None:
    policy = replace(POLICY, activity_rule=MetricRule("DBLoad", 0.05))
    decision = decide(observed("available", metric=CONNECTED), NO_RECORD, policy, NOW)
    last = decision.last_activity
    assert last is not None
    assert (last.at, last.source) == (minutes_ago(3), ActivitySource.METRIC)
    assert "DBLoad was last above 0.05 at 2026-03-02T08:57:00Z" in decision.detail


@pytest.mark.parametrize(
    ("activity", "trusted"),
    [
        pytest.param(LastQuery(NOW), True, id="reported now"),
        pytest.param(LastQuery(NOW - MONTH), True, id="reported exactly 30 days ago"),
        pytest.param(LastQuery(NOW - MONTH - A_SECOND), False, id="reported a second more than 30 days ago"),
        pytest.param(LastQuery(NOW - timedelta(days=40)), False, id="reported 40 days ago"),
        pytest.param(NoActivity(), False, id="never reported"),
        pytest.param(INVALID, False, id="item invalid"),
    ],
)
def test_are_reports_trusted__last_report__must_be_within_thirty_days(activity: Activity, *, trusted: bool) -> None:
    assert REPORTS_TRUSTED_FOR == MONTH
    assert are_reports_trusted(activity, NOW) is trusted


@pytest.mark.parametrize(
    ("metric", "action", "reason"),
    [
        pytest.param(CONNECTED, Action.NONE, Reason.UNREPORTED_CONNECTIONS, id="connections open"),
        pytest.param(
            MetricActive(minutes_ago(60), 0.0), Action.NONE, Reason.UNREPORTED_CONNECTIONS, id="open until the timeout"
        ),
        pytest.param(
            MetricActive(minutes_ago(60) - A_SECOND, 0.0), Action.STOP, Reason.IDLE, id="open until before it"
        ),
        pytest.param(MetricIdle(), Action.STOP, Reason.IDLE, id="no connections"),
        pytest.param(UNKNOWN, Action.NONE, Reason.METRIC_UNKNOWN, id="unknown"),
        pytest.param(None, Action.NONE, Reason.METRIC_UNKNOWN, id="not read"),
    ],
)
@pytest.mark.parametrize(
    "activity",
    [
        pytest.param(NoActivity(), id="never reported"),
        pytest.param(LastQuery(NOW - MONTH - A_SECOND), id="reported a second more than 30 days ago"),
    ],
)
def test_auto__reports_not_trusted__open_connections_prevent_the_stop(
    activity: Activity, metric: Metric | None, action: Action, reason: Reason
) -> None:
    decision = decide(observed("available", activity, metric), NO_RECORD, WITH_AUTO, NOW)
    assert result(decision) == (action, reason, False)


@pytest.mark.parametrize(
    ("latest", "beginning"),
    [
        pytest.param(4, "4 connections are open, and nobody", id="open"),
        pytest.param(1, "1 connection is open, and nobody", id="one open"),
        pytest.param(0, "Connections were open until 2026-03-02T08:57:00Z, and nobody", id="closed"),
    ],
)
def test_unreported_connections__are_the_last_activity_and_the_detail_says_what_to_do(
    latest: float, beginning: str
) -> None:
    metric = MetricActive(minutes_ago(3), latest)
    decision = decide(observed("available", NoActivity(), metric), NO_RECORD, WITH_AUTO, NOW)
    last = decision.last_activity
    assert last is not None
    assert (last.at, last.source) == (minutes_ago(3), ActivitySource.METRIC)
    assert decision.detail.startswith(beginning)
    assert "it is stopped 1 h after the last of them is closed" in decision.detail
    assert decision.open_connections == (latest or None)


def test_idle__connections_closed_before_the_idle_timeout__is_idle_since_the_last_one() -> None:
    metric = MetricActive(minutes_ago(70), 0.0)
    decision = decide(observed("available", NoActivity(), metric), NO_RECORD, WITH_AUTO, NOW)
    assert decision.reason is Reason.IDLE
    assert decision.detail.startswith("Idle for 1 h 10 min: connections were last open at 2026-03-02T07:50:00Z")


def test_idle__no_connection_and_no_reports__says_so() -> None:
    decision = decide(observed("available", NoActivity(), MetricIdle()), NO_RECORD, WITH_AUTO, NOW)
    assert decision.detail.endswith("No connection was open in that time.")


@pytest.mark.parametrize(
    ("metric", "connections"),
    [
        pytest.param(CONNECTED, 4, id="four open"),
        pytest.param(MetricActive(NOW, 1.0), 1, id="one open"),
        pytest.param(MetricActive(minutes_ago(3), 0.0), None, id="closed three minutes ago"),
        pytest.param(MetricIdle(), None, id="none open"),
        pytest.param(UNKNOWN, None, id="unknown"),
    ],
)
@pytest.mark.parametrize(
    "activity", [YESTERDAY, LastQuery(NOW - MONTH)], ids=["reported yesterday", "reported exactly 30 days ago"]
)
def test_auto__reports_trusted__stops_and_records_the_open_connections(
    activity: Activity, metric: Metric, connections: int | None
) -> None:
    decision = decide(observed("available", activity, metric), NO_RECORD, WITH_AUTO, NOW)
    assert result(decision) == (Action.STOP, Reason.IDLE, False)
    assert decision.open_connections == connections
    assert ("open, which does not count, because queries are reported" in decision.detail) is (connections is not None)


def test_auto__reports_trusted_and_metric_not_read__reads_it_before_the_stop() -> None:
    assert decide(observed("available"), NO_RECORD, WITH_AUTO, NOW).reason is Reason.METRIC_UNKNOWN


@pytest.mark.parametrize("metric", [CONNECTED, UNKNOWN, None], ids=["open connections", "unknown", "not read"])
def test_auto__activity_item_invalid__does_not_stop_and_fails_the_check(metric: Metric | None) -> None:
    decision = decide(observed("available", INVALID, metric), NO_RECORD, WITH_AUTO, NOW)
    assert result(decision) == (Action.NONE, Reason.ACTIVITY_UNREADABLE, True)


def test_rule__stop_of_an_idle_database__does_not_count_connections() -> None:
    rule = replace(POLICY, activity_rule=MetricRule("DatabaseConnections", 10))
    decision = decide(observed("available", metric=MetricActive(minutes_ago(61), 9.0)), NO_RECORD, rule, NOW)
    assert (decision.action, decision.open_connections) == (Action.STOP, None)


@pytest.mark.parametrize(
    ("since", "fails"),
    [
        pytest.param(None, False, id="for the first time"),
        pytest.param(NOW - HOUR, False, id="for the idle timeout"),
        pytest.param(NOW - HOUR - timedelta(minutes=30), False, id="for the idle timeout and 30 minutes"),
        pytest.param(NOW - HOUR - timedelta(minutes=30) - A_SECOND, True, id="for a second more"),
        pytest.param(NOW - timedelta(hours=5), True, id="for five hours"),
    ],
)
@pytest.mark.parametrize("policy", [WITH_AUTO, WITH_RULE], ids=["auto", "rule"])
def test_metric_unknown__for_longer_than_the_timeout_and_thirty_minutes__fails_the_check(
    policy: Policy, since: datetime | None, *, fails: bool
) -> None:
    record = DatabaseRecord(metric_unknown_since=since)
    decision = decide(observed("available", NoActivity(), UNKNOWN), record, policy, NOW)
    assert timedelta(minutes=30) == METRIC_GRACE
    assert result(decision) == (Action.NONE, Reason.METRIC_UNKNOWN, fails)
    assert "CloudWatch has no datapoint" in decision.detail
    assert ("Action required" in decision.detail) is fails


@pytest.mark.parametrize("policy", [POLICY, WITH_AUTO, WITH_RULE], ids=["none", "auto", "rule"])
def test_pending_modifications__idle__does_not_stop_and_names_them(policy: Policy) -> None:
    observation = observed("available", metric=MetricIdle(), pending_modifications=PENDING)
    decision = decide(observation, NO_RECORD, policy, NOW)
    assert result(decision) == (Action.NONE, Reason.PENDING_MODIFICATIONS, False)
    assert "DBInstanceClass, EngineVersion" in decision.detail


def test_no_rule__no_metric__stops() -> None:
    decision = decide(observed("available", NoActivity()), NO_RECORD, POLICY, NOW)
    assert result(decision) == (Action.STOP, Reason.IDLE, False)


@pytest.mark.parametrize("status", ["stopped", "starting", "stopping", "rebooting", "storage-full"])
def test_decide__not_running__is_not_about_the_stop(status: str) -> None:
    observation = observed(status, NoActivity(), CONNECTED, stop_unsupported=REPLICA, pending_modifications=PENDING)
    decision = decide(observation, NO_RECORD, WITH_AUTO, NOW)
    assert decision.reason not in (
        Reason.CANNOT_STOP,
        Reason.UNREPORTED_CONNECTIONS,
        Reason.METRIC_UNKNOWN,
        Reason.PENDING_MODIFICATIONS,
    )
    assert (decision.action, decision.check_fails) == (Action.NONE, False)


def test_auto__is_open_connections_where_reports_are_not_trusted() -> None:
    assert MetricRule("DatabaseConnections", 0.0, only_without_reports=True) == AUTO
