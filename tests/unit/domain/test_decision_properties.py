"""What holds for every decision."""

from datetime import datetime

import pytest
from hypothesis import given, settings

from chalicelib.domain.activity import InvalidActivity, LastQuery, MetricActive, MetricIdle, are_reports_trusted
from chalicelib.domain.decision import MAX_CLOCK_SKEW, decide
from chalicelib.domain.model import Action, Observation, Policy, Reason
from chalicelib.domain.record import AcceptedStart, DatabaseRecord, PendingRestart, StopIntent
from chalicelib.domain.restart_expiry import is_restart_expired
from chalicelib.domain.statuses import STOP_INTENT_TTL
from tests.support import NOW
from tests.unit.domain.examples import POLICY, observed
from tests.unit.strategies import (
    DECISION_RECORDS,
    IDLE_OBSERVATIONS,
    IDLE_POLICIES,
    IDLE_RECORDS,
    OBSERVATIONS,
    POLICIES,
)

STARTABLE = ("stopped", "inaccessible-encryption-credentials-recoverable", "incompatible-network")


@pytest.mark.parametrize("status", ["available", "stopped", "backing-up"])
@pytest.mark.parametrize(
    "at",
    [
        pytest.param(datetime(1, 1, 1, tzinfo=NOW.tzinfo), id="first day of the calendar"),
        pytest.param(datetime(9999, 12, 31, 23, 59, 59, tzinfo=NOW.tzinfo), id="last day of the calendar"),
    ],
)
def test_decide__times_at_the_limits_of_the_calendar__does_not_overflow(at: datetime, status: str) -> None:
    restart = PendingRestart(at, "ops")
    record = DatabaseRecord(
        stop_intent=StopIntent(at, "Idle."),
        accepted_start=AcceptedStart(at, restart),
        pending_restart=restart,
        last_restart_requested_at=at,
        available_since=at,
    )
    assert decide(observed(status, LastQuery(at)), record, POLICY, NOW).detail


@settings(max_examples=300)
@given(OBSERVATIONS, DECISION_RECORDS, POLICIES)
def test_decide__any_input__acts_only_where_that_is_safe_and_explains_it(
    observation: Observation, record: DatabaseRecord, policy: Policy
) -> None:
    decision = decide(observation, record, policy, NOW)
    if decision.action is Action.STOP:
        assert_may_stop(observation, record, policy)
    elif decision.action is Action.START:
        assert observation.described.status in STARTABLE
        assert record.pending_restart is not None
        assert not is_restart_expired(record, policy, NOW)
    assert isinstance(decision.reason, Reason)
    assert decision.detail.endswith(".")
    assert decision.detail[0].isupper() or decision.detail[0].isdigit() or decision.detail.startswith("ops ")


@settings(max_examples=500)
@given(IDLE_OBSERVATIONS, IDLE_RECORDS, IDLE_POLICIES)
def test_decide__any_running_database__stops_exactly_where_nothing_forbids_it(
    observation: Observation, record: DatabaseRecord, policy: Policy
) -> None:
    decision = decide(observation, record, policy, NOW)
    if decision.action is Action.STOP:
        assert_may_stop(observation, record, policy)
    else:
        with pytest.raises(AssertionError):
            assert_may_stop(observation, record, policy)


def assert_may_stop(observation: Observation, record: DatabaseRecord, policy: Policy) -> None:
    description, rule = observation.described, policy.activity_rule
    assert description.status == "available"
    assert description.stop_unsupported is None
    assert description.pending_modifications == ()
    assert record.last_error != "CannotStop"
    assert not isinstance(observation.activity, InvalidActivity)
    assert not isinstance(observation.activity, LastQuery) or observation.activity.at <= NOW + MAX_CLOCK_SKEW
    assert record.hold is None or record.hold.until <= NOW
    assert record.stop_intent is None or abs(NOW - record.stop_intent.set_at) >= STOP_INTENT_TTL
    activity = [record.first_observed_at, record.last_restart_requested_at]
    if not record.started_by_aws:
        activity.append(record.available_since)
    if isinstance(observation.activity, LastQuery):
        activity.append(observation.activity.at)
    if rule is not None:
        assert observation.metric is not None
    if rule is not None and not (rule.only_without_reports and are_reports_trusted(observation.activity, NOW)):
        assert isinstance(observation.metric, MetricActive | MetricIdle)
        if isinstance(observation.metric, MetricActive):
            activity.append(observation.metric.at)
    assert all(NOW - at > policy.idle_timeout for at in activity if at is not None)
