"""The order of the rules: the first one that applies decides."""

from datetime import timedelta

import pytest

from chalicelib.domain.activity import Activity, InvalidActivity, LastQuery, Metric, MetricActive, MetricUnknown
from chalicelib.domain.decision import decide
from chalicelib.domain.model import Policy, Reason
from chalicelib.domain.record import DatabaseRecord, Hold
from tests.support import NOW
from tests.unit.domain.examples import (
    HOUR,
    INVALID,
    NO_RECORD,
    WITH_AUTO,
    WITH_RULE,
    YESTERDAY,
    minutes_ago,
    observed,
)

CONNECTED = MetricActive(minutes_ago(3), 4.0)
UNKNOWN = MetricUnknown("CloudWatch has no datapoint")
REPLICA = "it is a read replica"
PENDING = ("DBInstanceClass",)
HELD = DatabaseRecord(hold=Hold(NOW + HOUR, "ops"))
FUTURE = LastQuery(NOW + HOUR)
RECENT = LastQuery(minutes_ago(5))
UNTRUSTED = LastQuery(NOW - timedelta(days=40))


@pytest.mark.parametrize(
    ("record", "activity", "unsupported", "policy", "metric", "pending", "reason"),
    [
        pytest.param(HELD, INVALID, REPLICA, WITH_RULE, CONNECTED, PENDING, Reason.HELD, id="held first"),
        pytest.param(
            NO_RECORD, FUTURE, REPLICA, WITH_RULE, CONNECTED, PENDING, Reason.ACTIVITY_UNREADABLE, id="then unreadable"
        ),
        pytest.param(
            DatabaseRecord(first_observed_at=NOW),
            InvalidActivity("it has no value"),
            None,
            WITH_AUTO,
            CONNECTED,
            (),
            Reason.ACTIVITY_UNREADABLE,
            id="unreadable before the first observation",
        ),
        pytest.param(
            NO_RECORD, RECENT, REPLICA, WITH_RULE, CONNECTED, PENDING, Reason.RECENT_ACTIVITY, id="then recent activity"
        ),
        pytest.param(
            NO_RECORD, YESTERDAY, REPLICA, WITH_RULE, CONNECTED, PENDING, Reason.CANNOT_STOP, id="then cannot stop"
        ),
        pytest.param(
            NO_RECORD, YESTERDAY, REPLICA, WITH_RULE, UNKNOWN, PENDING, Reason.CANNOT_STOP, id="cannot stop, unknown"
        ),
        pytest.param(
            NO_RECORD, UNTRUSTED, None, WITH_RULE, CONNECTED, PENDING, Reason.METRIC_ACTIVE, id="then metric active"
        ),
        pytest.param(
            NO_RECORD,
            UNTRUSTED,
            None,
            WITH_AUTO,
            CONNECTED,
            PENDING,
            Reason.UNREPORTED_CONNECTIONS,
            id="then unreported connections",
        ),
        pytest.param(
            NO_RECORD, UNTRUSTED, None, WITH_AUTO, UNKNOWN, PENDING, Reason.METRIC_UNKNOWN, id="then metric unknown"
        ),
        pytest.param(
            NO_RECORD,
            YESTERDAY,
            None,
            WITH_AUTO,
            UNKNOWN,
            PENDING,
            Reason.PENDING_MODIFICATIONS,
            id="then pending modifications",
        ),
        pytest.param(NO_RECORD, YESTERDAY, None, WITH_AUTO, UNKNOWN, (), Reason.IDLE, id="then idle"),
    ],
)
def test_decide__several_rows_apply__the_first_decides(
    record: DatabaseRecord,
    activity: Activity,
    unsupported: str | None,
    policy: Policy,
    metric: Metric,
    pending: tuple[str, ...],
    reason: Reason,
) -> None:
    observation = observed("available", activity, metric, stop_unsupported=unsupported, pending_modifications=pending)
    assert decide(observation, record, policy, NOW).reason is reason
