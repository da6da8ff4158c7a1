"""The decision: each rule, the order of the rules, and what holds for every decision."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.activity import (
    Activity,
    LastQuery,
    NoActivity,
)
from chalicelib.domain.decision import MAX_CLOCK_SKEW, decide
from chalicelib.domain.errors import AwsUnavailable
from chalicelib.domain.model import Action, Observation, Reason
from chalicelib.domain.record import DatabaseRecord, Hold, PendingRestart, StopIntent
from chalicelib.domain.statuses import STOP_INTENT_TTL
from tests.support import NOW
from tests.unit.domain.examples import HOUR, INVALID, NO_RECORD, POLICY, YESTERDAY, minutes_ago, observed

PENDING = DatabaseRecord(
    pending_restart=PendingRestart(minutes_ago(5), "ops"), last_restart_requested_at=minutes_ago(5)
)
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
        pytest.param(
            observed("incompatible-network"),
            PENDING,
            Action.START,
            Reason.RESTART_REQUESTED,
            id="failed but startable, restart pending",
        ),
        pytest.param(
            observed("inaccessible-encryption-credentials-recoverable"),
            PENDING,
            Action.START,
            Reason.RESTART_REQUESTED,
            id="key inaccessible but startable, restart pending",
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
def test_decide__activity_unreadable__does_not_stop_and_fails_the_check(activity: Activity) -> None:
    decision = decide(observed("available", activity), NO_RECORD, POLICY, NOW)
    assert (decision.action, decision.reason) == (Action.NONE, Reason.ACTIVITY_UNREADABLE)
    assert decision.check_fails


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
    ("activity", "record", "reason"),
    [
        pytest.param(
            NoActivity(), DatabaseRecord(first_observed_at=NOW), Reason.NO_ACTIVITY_DATA, id="first observed, no item"
        ),
        pytest.param(
            YESTERDAY, DatabaseRecord(first_observed_at=NOW), Reason.NO_ACTIVITY_DATA, id="first observed, old item"
        ),
        pytest.param(
            NoActivity(),
            DatabaseRecord(first_observed_at=NOW, available_since=NOW),
            Reason.NO_ACTIVITY_DATA,
            id="first observed as available",
        ),
        pytest.param(
            NoActivity(),
            DatabaseRecord(first_observed_at=minutes_ago(60)),
            Reason.NO_ACTIVITY_DATA,
            id="first observed as long ago as the timeout",
        ),
        pytest.param(
            NoActivity(),
            DatabaseRecord(first_observed_at=minutes_ago(9), available_since=minutes_ago(5)),
            Reason.RECENT_ACTIVITY,
            id="available after the first observation",
        ),
        pytest.param(
            LastQuery(minutes_ago(5)),
            DatabaseRecord(first_observed_at=minutes_ago(9)),
            Reason.RECENT_ACTIVITY,
            id="queried after the first observation",
        ),
        pytest.param(
            NoActivity(),
            DatabaseRecord(first_observed_at=minutes_ago(9), last_restart_requested_at=minutes_ago(5)),
            Reason.RECENT_ACTIVITY,
            id="restarted after the first observation",
        ),
    ],
)
def test_decide__within_the_timeout__is_no_activity_data_only_from_the_first_observation(
    activity: Activity, record: DatabaseRecord, reason: Reason
) -> None:
    decision = decide(observed("available", activity), record, POLICY, NOW)
    assert (decision.action, decision.reason) == (Action.NONE, reason)


@pytest.mark.parametrize(
    ("activity", "record"),
    [
        pytest.param(LastQuery(minutes_ago(60.1)), NO_RECORD, id="query before the timeout"),
        pytest.param(YESTERDAY, DatabaseRecord(last_restart_requested_at=minutes_ago(61)), id="restart before it"),
        pytest.param(YESTERDAY, DatabaseRecord(available_since=minutes_ago(61)), id="available for longer than it"),
        pytest.param(YESTERDAY, DatabaseRecord(first_observed_at=minutes_ago(61)), id="first observed before it"),
        pytest.param(
            NoActivity(), DatabaseRecord(first_observed_at=minutes_ago(61)), id="no item, first observed before it"
        ),
        pytest.param(NoActivity(), NO_RECORD, id="nothing is known"),
    ],
)
def test_decide__idle_for_longer_than_the_timeout__stops(activity: Activity, record: DatabaseRecord) -> None:
    decision = decide(observed("available", activity), record, POLICY, NOW)
    assert (decision.action, decision.reason) == (Action.STOP, Reason.IDLE)


def test_decide__stop_intent_set__ready_database_is_stopping_until_the_intent_expires() -> None:
    record = DatabaseRecord(stop_intent=StopIntent(NOW, "Idle."))
    assert decide(observed("available"), record, POLICY, NOW).reason is Reason.STOPPING
    assert decide(observed("backing-up"), record, POLICY, NOW).reason is Reason.STOPPING
    assert decide(observed("rebooting"), record, POLICY, NOW).reason is Reason.BUSY
    assert decide(observed("available"), record, POLICY, NOW + STOP_INTENT_TTL).reason is Reason.IDLE


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
            DatabaseRecord(first_observed_at=minutes_ago(1)),
            "No activity since then is known, so the idle timeout of 1 h runs from 2026-03-02T08:59:00Z, "
            "when rds-lifecycle first observed it.",
            id="first observed",
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
