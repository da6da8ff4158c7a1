"""The decision: each rule, the order of the rules, and what holds for every decision."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings

from chalicelib.domain.activity import (
    Activity,
    ActivitySource,
    InvalidActivity,
    LastQuery,
    Metric,
    MetricActive,
    MetricIdle,
    MetricRule,
    MetricUnknown,
    NoActivity,
)
from chalicelib.domain.decision import MAX_CLOCK_SKEW, decide, is_restart_expired
from chalicelib.domain.errors import AwsUnavailable
from chalicelib.domain.model import (
    AcceptedStart,
    Action,
    DatabaseRecord,
    Description,
    Hold,
    Observation,
    PendingRestart,
    Policy,
    Reason,
    StopIntent,
)
from chalicelib.domain.statuses import STOP_INTENT_TTL
from tests.support import NOW, PROD
from tests.unit.strategies import DECISION_RECORDS, OBSERVATIONS, POLICIES

HOUR = timedelta(hours=1)
POLICY = Policy(idle_timeout=HOUR, restart_ttl=HOUR)
WITH_METRIC = replace(POLICY, activity_rule=MetricRule("DatabaseConnections", 0))
YESTERDAY = LastQuery(NOW - timedelta(days=1))
INVALID = InvalidActivity("it is text, but not an ISO 8601 time")
NO_RECORD = DatabaseRecord()


def minutes_ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def observed(status: str, activity: Activity = YESTERDAY, metric: Metric | None = None) -> Observation:
    return Observation(PROD, NOW, Description(PROD, status), NO_RECORD, activity, metric)


def restart_requested(minutes: float, last_requested: float | None = None) -> DatabaseRecord:
    """A pending restart, requested this number of minutes ago, and perhaps once more since."""
    again = minutes if last_requested is None else last_requested
    return DatabaseRecord(
        pending_restart=PendingRestart(minutes_ago(minutes), "ops"), last_restart_requested_at=minutes_ago(again)
    )


PENDING = restart_requested(5)
HELD = DatabaseRecord(hold=Hold(NOW + HOUR, "ops"))


@pytest.mark.parametrize(
    ("observation", "record", "action", "reason"),
    [
        pytest.param(observed("storage-full"), PENDING, Action.NONE, Reason.FAILED, id="failed, restart pending"),
        pytest.param(observed("incompatible-network"), HELD, Action.NONE, Reason.FAILED, id="failed, held"),
        pytest.param(observed("starting"), PENDING, Action.NONE, Reason.STARTING, id="starting"),
        pytest.param(observed("stopping"), PENDING, Action.NONE, Reason.STOPPING, id="stopping, restart pending"),
        pytest.param(observed("backing-up"), NO_RECORD, Action.NONE, Reason.BUSY, id="busy and ready"),
        pytest.param(observed("rebooting"), PENDING, Action.NONE, Reason.BUSY, id="busy and not ready"),
        pytest.param(observed("status-of-a-later-version"), NO_RECORD, Action.NONE, Reason.BUSY, id="unknown status"),
        pytest.param(
            observed("stopped"), PENDING, Action.START, Reason.RESTART_REQUESTED, id="stopped, restart pending"
        ),
        pytest.param(
            observed("stopped", INVALID),
            PENDING,
            Action.START,
            Reason.RESTART_REQUESTED,
            id="stopped, restart pending, activity item invalid",
        ),
        pytest.param(observed("stopped"), NO_RECORD, Action.NONE, Reason.STOPPED, id="stopped"),
        pytest.param(observed("stopped"), HELD, Action.NONE, Reason.STOPPED, id="stopped, held"),
    ],
)
def test_decide__not_running__depends_on_status_and_pending_restart(
    observation: Observation, record: DatabaseRecord, action: Action, reason: Reason
) -> None:
    decision = decide(observation, record, POLICY, NOW)
    assert (decision.action, decision.reason) == (action, reason)


@pytest.mark.parametrize("activity", [pytest.param(YESTERDAY, id="idle"), pytest.param(INVALID, id="item invalid")])
def test_decide__held__does_not_stop(activity: Activity) -> None:
    decision = decide(observed("available", activity), HELD, POLICY, NOW)
    assert (decision.action, decision.reason) == (Action.NONE, Reason.HELD)


def test_decide__hold_ends_now_and_idle__stops() -> None:
    record = DatabaseRecord(hold=Hold(NOW, "ops"))
    assert decide(observed("available"), record, POLICY, NOW).action is Action.STOP


@pytest.mark.parametrize(
    "activity",
    [
        pytest.param(INVALID, id="not a time"),
        pytest.param(LastQuery(NOW + MAX_CLOCK_SKEW + timedelta(seconds=1)), id="further ahead than clocks differ"),
    ],
)
def test_decide__activity_unreadable__does_not_stop(activity: Activity) -> None:
    decision = decide(observed("available", activity), NO_RECORD, POLICY, NOW)
    assert (decision.action, decision.reason) == (Action.NONE, Reason.ACTIVITY_UNREADABLE)


@pytest.mark.parametrize(
    ("activity", "record"),
    [
        pytest.param(LastQuery(NOW + MAX_CLOCK_SKEW), NO_RECORD, id="query, by a clock that is ahead"),
        pytest.param(LastQuery(minutes_ago(59)), NO_RECORD, id="query within the timeout"),
        pytest.param(LastQuery(minutes_ago(60)), NO_RECORD, id="query as long ago as the timeout"),
        pytest.param(
            YESTERDAY, DatabaseRecord(last_restart_requested_at=minutes_ago(60)), id="restart as long ago as it"
        ),
        pytest.param(YESTERDAY, DatabaseRecord(available_since=minutes_ago(60)), id="available for as long as it"),
        pytest.param(NoActivity(), DatabaseRecord(last_restart_requested_at=NOW), id="no item, restart requested"),
        pytest.param(
            NoActivity(),
            DatabaseRecord(available_since=NOW, started_on_request=True),
            id="no item, available after a restart",
        ),
    ],
)
def test_decide__active_within_the_idle_timeout__does_not_stop(activity: Activity, record: DatabaseRecord) -> None:
    decision = decide(observed("available", activity), record, POLICY, NOW)
    assert (decision.action, decision.reason) == (Action.NONE, Reason.RECENT_ACTIVITY)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(DatabaseRecord(available_since=NOW), id="available now"),
        pytest.param(DatabaseRecord(first_observed_at=NOW), id="first observed now"),
    ],
)
def test_decide__no_activity_item_and_just_started__is_no_activity_data(record: DatabaseRecord) -> None:
    decision = decide(observed("available", NoActivity()), record, POLICY, NOW)
    assert (decision.action, decision.reason) == (Action.NONE, Reason.NO_ACTIVITY_DATA)


@pytest.mark.parametrize(
    ("metric", "action", "reason"),
    [
        pytest.param(MetricActive(minutes_ago(3)), Action.NONE, Reason.METRIC_ACTIVE, id="active"),
        pytest.param(MetricActive(minutes_ago(60)), Action.NONE, Reason.METRIC_ACTIVE, id="active at the timeout"),
        pytest.param(MetricActive(minutes_ago(61)), Action.STOP, Reason.IDLE, id="active before the timeout"),
        pytest.param(MetricIdle(), Action.STOP, Reason.IDLE, id="idle"),
        pytest.param(MetricUnknown("no datapoints"), Action.NONE, Reason.METRIC_UNKNOWN, id="unknown"),
        pytest.param(None, Action.NONE, Reason.METRIC_UNKNOWN, id="not read"),
    ],
)
def test_decide__idle_with_a_metric_rule__stops_only_if_the_metric_is_idle(
    metric: Metric | None, action: Action, reason: Reason
) -> None:
    decision = decide(observed("available", metric=metric), NO_RECORD, WITH_METRIC, NOW)
    assert (decision.action, decision.reason) == (action, reason)


def test_decide__queried_recently_and_metric_unknown__is_recent_activity() -> None:
    observation = observed("available", LastQuery(minutes_ago(2)), MetricUnknown("no datapoints"))
    assert decide(observation, NO_RECORD, WITH_METRIC, NOW).reason is Reason.RECENT_ACTIVITY


@pytest.mark.parametrize(
    ("activity", "record"),
    [
        pytest.param(LastQuery(minutes_ago(60.1)), NO_RECORD, id="query before the timeout"),
        pytest.param(YESTERDAY, DatabaseRecord(last_restart_requested_at=minutes_ago(61)), id="restart before it"),
        pytest.param(YESTERDAY, DatabaseRecord(available_since=minutes_ago(61)), id="available for longer than it"),
        pytest.param(YESTERDAY, DatabaseRecord(first_observed_at=NOW), id="first observed now, but queried before"),
        pytest.param(
            NoActivity(), DatabaseRecord(first_observed_at=minutes_ago(61)), id="no item, first observed before it"
        ),
        pytest.param(NoActivity(), NO_RECORD, id="nothing is known"),
    ],
)
def test_decide__idle_for_longer_than_the_timeout__stops(activity: Activity, record: DatabaseRecord) -> None:
    decision = decide(observed("available", activity), record, POLICY, NOW)
    assert (decision.action, decision.reason) == (Action.STOP, Reason.IDLE)


def test_decide__restart_expires__no_longer_starts() -> None:
    record = restart_requested(60)
    later = NOW + timedelta(seconds=1)
    assert not is_restart_expired(record, POLICY, NOW)
    assert decide(observed("stopped"), record, POLICY, NOW).action is Action.START
    assert is_restart_expired(record, POLICY, later)
    assert decide(observed("stopped"), record, POLICY, later).action is Action.NONE


def test_decide__restart_requested_again__starts_although_the_first_request_is_old() -> None:
    record = restart_requested(70, last_requested=1)
    assert decide(observed("stopped"), record, POLICY, NOW).action is Action.START


def test_is_restart_expired__none_pending__is_false() -> None:
    assert not is_restart_expired(DatabaseRecord(last_restart_requested_at=minutes_ago(600)), POLICY, NOW)


def test_decide__stop_intent_set__ready_database_is_stopping_until_the_intent_expires() -> None:
    record = DatabaseRecord(stop_intent=StopIntent(NOW, "Idle."))
    assert decide(observed("available"), record, POLICY, NOW).reason is Reason.STOPPING
    assert decide(observed("backing-up"), record, POLICY, NOW).reason is Reason.STOPPING
    assert decide(observed("rebooting"), record, POLICY, NOW).reason is Reason.BUSY
    assert decide(observed("available"), record, POLICY, NOW + STOP_INTENT_TTL).reason is Reason.IDLE


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


@pytest.mark.parametrize(
    ("query", "at", "source"),
    [
        pytest.param(10, 10, ActivitySource.QUERY, id="query after the restart"),
        pytest.param(16, 15, ActivitySource.RESTART, id="query before it became available"),
    ],
)
def test_last_activity__several_are_known__is_the_latest(query: float, at: float, source: ActivitySource) -> None:
    record = DatabaseRecord(
        last_restart_requested_at=minutes_ago(20), available_since=minutes_ago(15), started_on_request=True
    )
    last = decide(observed("available", LastQuery(minutes_ago(query))), record, POLICY, NOW).last_activity
    assert last is not None
    assert (last.at, last.source) == (minutes_ago(at), source)


def test_last_activity__query_in_the_same_second_as_a_restart__is_the_query_at_the_later_time() -> None:
    record = DatabaseRecord(last_restart_requested_at=NOW + timedelta(milliseconds=900))
    last = decide(observed("available", LastQuery(NOW)), record, POLICY, NOW).last_activity
    assert last is not None
    assert (last.at, last.source) == (record.last_restart_requested_at, ActivitySource.QUERY)


def test_last_activity__metric_active__is_the_metric() -> None:
    observation = observed("available", metric=MetricActive(minutes_ago(3)))
    last = decide(observation, NO_RECORD, WITH_METRIC, NOW).last_activity
    assert last is not None
    assert (last.at, last.source) == (minutes_ago(3), ActivitySource.METRIC)


@pytest.mark.parametrize(
    ("observation", "record", "detail"),
    [
        pytest.param(
            observed("available", LastQuery(minutes_ago(75))),
            NO_RECORD,
            "Idle for 1 h 15 min: the last query was at 2026-03-02T07:45:00Z; the idle timeout is 1 h.",
            id="idle since a query",
        ),
        pytest.param(
            observed("available"),
            DatabaseRecord(started_by_aws=True),
            "AWS started it automatically after seven days. "
            "Idle for 24 h: the last query was at 2026-03-01T09:00:00Z; the idle timeout is 1 h.",
            id="idle, started by AWS",
        ),
        pytest.param(
            observed("available", NoActivity()), NO_RECORD, "No activity is known.", id="idle, nothing is known"
        ),
        pytest.param(
            observed("available", NoActivity()),
            DatabaseRecord(available_since=minutes_ago(1)),
            "There is no activity item. The idle timeout of 1 h runs from 2026-03-02T08:59:00Z, "
            "when it became available.",
            id="no activity item",
        ),
        pytest.param(observed("available"), HELD, "ops keeps it available until 2026-03-02T10:00:00Z.", id="held"),
        pytest.param(
            observed("available", INVALID),
            NO_RECORD,
            "The time of the last query is unknown, because the activity item is not valid: it is text, but not an "
            "ISO 8601 time. It is not stopped until the item is fixed.",
            id="activity item invalid",
        ),
        pytest.param(
            observed("storage-full"),
            NO_RECORD,
            "RDS reports storage-full. Action required: Allocate more storage in the RDS console.",
            id="failed",
        ),
        pytest.param(observed("stopped"), PENDING, "ops requested a restart at 2026-03-02T08:55:00Z.", id="restart"),
    ],
)
def test_decide__each_reason__has_a_sentence_for_people(
    observation: Observation, record: DatabaseRecord, detail: str
) -> None:
    assert decide(observation, record, POLICY, NOW).detail == detail


def test_decide__time_without_a_time_zone__raises_value_error() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        decide(observed("available"), NO_RECORD, POLICY, NOW.replace(tzinfo=None))


def test_decide__rds_did_not_describe_the_database__raises_the_problem() -> None:
    observation = replace(observed("available"), description=AwsUnavailable("RDS does not respond."))
    with pytest.raises(AwsUnavailable, match="RDS does not respond"):
        decide(observation, NO_RECORD, POLICY, NOW)


@settings(max_examples=300)
@given(OBSERVATIONS, DECISION_RECORDS, POLICIES)
def test_decide__any_input__acts_only_where_that_is_safe_and_explains_it(
    observation: Observation, record: DatabaseRecord, policy: Policy
) -> None:
    decision = decide(observation, record, policy, NOW)
    if decision.action is Action.STOP:
        assert_may_stop(observation, record, policy)
    elif decision.action is Action.START:
        assert observation.described.status == "stopped"
        assert record.pending_restart is not None
        assert not is_restart_expired(record, policy, NOW)
    assert isinstance(decision.reason, Reason)
    assert decision.detail.endswith(".")
    assert decision.detail[0].isupper() or decision.detail.startswith("ops ")


def assert_may_stop(observation: Observation, record: DatabaseRecord, policy: Policy) -> None:
    assert observation.described.status == "available"
    assert not isinstance(observation.activity, InvalidActivity)
    assert record.hold is None or record.hold.until <= NOW
    assert record.stop_intent is None or abs(NOW - record.stop_intent.set_at) >= STOP_INTENT_TTL
    activity = [record.available_since, record.last_restart_requested_at]
    if isinstance(observation.activity, LastQuery):
        activity.append(observation.activity.at)
    if policy.activity_rule is not None:
        assert isinstance(observation.metric, MetricActive | MetricIdle)
        if isinstance(observation.metric, MetricActive):
            activity.append(observation.metric.at)
    assert all(NOW - at > policy.idle_timeout for at in activity if at is not None)
