"""The table of decisions, row by row, and what must hold for every one of them."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from chalicelib.domain.decision import MAX_CLOCK_SKEW, decide, is_expired
from chalicelib.domain.model import (
    AcceptedStart,
    Action,
    DatabaseRecord,
    Description,
    Hold,
    Observation,
    PendingRestart,
    Reason,
    StopIntent,
)
from chalicelib.domain.statuses import _TABLE, CONSISTENCY_WINDOW, STOP_INTENT_TTL, ignore_stale_description
from chalicelib.settings import Settings
from tests.support import NOW, PROD

SETTINGS = Settings((PROD,))
WITH_METRIC = replace(SETTINGS, activity_metric=MetricRule("DatabaseConnections", 0))
YESTERDAY = LastQuery(NOW - timedelta(days=1))


def minutes_ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def seen(status: str, activity: Activity = YESTERDAY, metric: Metric | None = None) -> Observation:
    return Observation(Description(PROD, status), activity, metric)


PENDING = DatabaseRecord(
    pending_restart=PendingRestart(minutes_ago(5), "ops"), last_restart_requested_at=minutes_ago(5)
)
HELD = DatabaseRecord(hold=Hold(NOW + timedelta(hours=1), "ops"))

ROWS = [
    # row 1: failed
    (seen("storage-full"), PENDING, SETTINGS, Action.NONE, Reason.FAILED),
    (seen("incompatible-network"), HELD, SETTINGS, Action.NONE, Reason.FAILED),
    # row 2: on the move
    (seen("starting"), PENDING, SETTINGS, Action.NONE, Reason.STARTING),
    (seen("stopping"), PENDING, SETTINGS, Action.NONE, Reason.STOPPING),
    (seen("backing-up"), DatabaseRecord(), SETTINGS, Action.NONE, Reason.BUSY),
    (seen("rebooting"), PENDING, SETTINGS, Action.NONE, Reason.BUSY),
    (seen("a-status-of-tomorrow"), DatabaseRecord(), SETTINGS, Action.NONE, Reason.BUSY),
    # rows 3 and 4: stopped
    (seen("stopped"), PENDING, SETTINGS, Action.START, Reason.RESTART_REQUESTED),
    (seen("stopped"), DatabaseRecord(), SETTINGS, Action.NONE, Reason.STOPPED),
    (seen("stopped"), HELD, SETTINGS, Action.NONE, Reason.STOPPED),
    (seen("stopped", InvalidActivity("?")), PENDING, SETTINGS, Action.START, Reason.RESTART_REQUESTED),
    # row 5: held
    (seen("available"), HELD, SETTINGS, Action.NONE, Reason.HELD),
    (seen("available", InvalidActivity("?")), HELD, SETTINGS, Action.NONE, Reason.HELD),
    (seen("available"), DatabaseRecord(hold=Hold(NOW, "ops")), SETTINGS, Action.STOP, Reason.IDLE),
    # row 6: unreadable
    (seen("available", InvalidActivity("?")), DatabaseRecord(), SETTINGS, Action.NONE, Reason.ACTIVITY_UNREADABLE),
    (
        seen("available", LastQuery(NOW + MAX_CLOCK_SKEW + timedelta(seconds=1))),
        DatabaseRecord(),
        SETTINGS,
        Action.NONE,
        Reason.ACTIVITY_UNREADABLE,
    ),
    (
        seen("available", LastQuery(NOW + MAX_CLOCK_SKEW)),
        DatabaseRecord(),
        SETTINGS,
        Action.NONE,
        Reason.RECENT_ACTIVITY,
    ),
    # row 7: used lately
    (seen("available", LastQuery(minutes_ago(59))), DatabaseRecord(), SETTINGS, Action.NONE, Reason.RECENT_ACTIVITY),
    (seen("available", LastQuery(minutes_ago(60))), DatabaseRecord(), SETTINGS, Action.NONE, Reason.RECENT_ACTIVITY),
    (
        seen("available"),
        DatabaseRecord(last_restart_requested_at=minutes_ago(60)),
        SETTINGS,
        Action.NONE,
        Reason.RECENT_ACTIVITY,
    ),
    (seen("available"), DatabaseRecord(available_since=minutes_ago(60)), SETTINGS, Action.NONE, Reason.RECENT_ACTIVITY),
    (
        seen("available", NoActivity()),
        DatabaseRecord(available_since=NOW),
        SETTINGS,
        Action.NONE,
        Reason.NO_ACTIVITY_DATA,
    ),
    (
        seen("available", NoActivity()),
        DatabaseRecord(first_observed_at=NOW),
        SETTINGS,
        Action.NONE,
        Reason.NO_ACTIVITY_DATA,
    ),
    (
        seen("available", NoActivity()),
        DatabaseRecord(last_restart_requested_at=NOW),
        SETTINGS,
        Action.NONE,
        Reason.RECENT_ACTIVITY,
    ),
    # rows 8 and 9: the second opinion
    (
        seen("available", metric=MetricActive(minutes_ago(3))),
        DatabaseRecord(),
        WITH_METRIC,
        Action.NONE,
        Reason.METRIC_ACTIVE,
    ),
    (
        seen("available", metric=MetricActive(minutes_ago(60))),
        DatabaseRecord(),
        WITH_METRIC,
        Action.NONE,
        Reason.METRIC_ACTIVE,
    ),
    (seen("available", metric=MetricUnknown("no")), DatabaseRecord(), WITH_METRIC, Action.NONE, Reason.METRIC_UNKNOWN),
    (seen("available", metric=None), DatabaseRecord(), WITH_METRIC, Action.NONE, Reason.METRIC_UNKNOWN),
    (
        seen("available", LastQuery(minutes_ago(2)), MetricUnknown("no")),
        DatabaseRecord(),
        WITH_METRIC,
        Action.NONE,
        Reason.RECENT_ACTIVITY,
    ),
    # row 10: idle
    (seen("available", LastQuery(minutes_ago(60.1))), DatabaseRecord(), SETTINGS, Action.STOP, Reason.IDLE),
    (seen("available"), DatabaseRecord(last_restart_requested_at=minutes_ago(61)), SETTINGS, Action.STOP, Reason.IDLE),
    (seen("available"), DatabaseRecord(available_since=minutes_ago(61)), SETTINGS, Action.STOP, Reason.IDLE),
    (seen("available"), DatabaseRecord(first_observed_at=NOW), SETTINGS, Action.STOP, Reason.IDLE),
    (
        seen("available", NoActivity()),
        DatabaseRecord(first_observed_at=minutes_ago(61)),
        SETTINGS,
        Action.STOP,
        Reason.IDLE,
    ),
    (seen("available", NoActivity()), DatabaseRecord(), SETTINGS, Action.STOP, Reason.IDLE),
    (seen("available", metric=MetricIdle()), DatabaseRecord(), WITH_METRIC, Action.STOP, Reason.IDLE),
    (seen("available", metric=MetricActive(minutes_ago(61))), DatabaseRecord(), WITH_METRIC, Action.STOP, Reason.IDLE),
]


@pytest.mark.parametrize(("observation", "record", "settings", "action", "reason"), ROWS)
def test_the_first_row_that_applies_decides(
    observation: Observation, record: DatabaseRecord, settings: Settings, action: Action, reason: Reason
) -> None:
    decision = decide(observation, record, settings, NOW)
    assert (decision.action, decision.reason) == (action, reason)


def test_a_restart_stays_pending_for_the_idle_window_but_at_least_30_minutes_and_two_checks() -> None:
    short = replace(SETTINGS, idle=timedelta(minutes=2))
    long = replace(SETTINGS, idle=timedelta(minutes=90))
    seldom = replace(SETTINGS, check_interval=timedelta(minutes=50))
    for settings, lasts in ((short, 30), (long, 90), (seldom, 100)):
        asked_at = minutes_ago(lasts)
        record = DatabaseRecord(pending_restart=PendingRestart(asked_at, "ops"), last_restart_requested_at=asked_at)
        assert decide(seen("stopped"), record, settings, NOW).action is Action.START
        later = NOW + timedelta(seconds=1)
        assert is_expired(record, settings, later)
        assert decide(seen("stopped"), record, settings, later).action is Action.NONE


def test_what_is_not_pending_does_not_expire() -> None:
    assert not is_expired(DatabaseRecord(last_restart_requested_at=minutes_ago(600)), SETTINGS, NOW)


def test_asking_again_keeps_a_pending_restart_alive() -> None:
    record = DatabaseRecord(
        pending_restart=PendingRestart(minutes_ago(70), "ops"), last_restart_requested_at=minutes_ago(1)
    )
    assert decide(seen("stopped"), record, SETTINGS, NOW).action is Action.START


def test_while_a_stop_is_under_way_available_means_stopping_until_the_fence_lapses() -> None:
    record = DatabaseRecord(stop_intent=StopIntent(NOW, "idle"))
    assert decide(seen("available"), record, SETTINGS, NOW).reason is Reason.STOPPING
    assert decide(seen("available"), record, SETTINGS, NOW + STOP_INTENT_TTL).reason is Reason.IDLE
    assert decide(seen("backing-up"), record, SETTINGS, NOW).reason is Reason.STOPPING
    assert decide(seen("rebooting"), record, SETTINGS, NOW).reason is Reason.BUSY


def test_times_at_the_edge_of_the_calendar_break_nothing() -> None:
    last_day = datetime(9999, 12, 31, 23, 59, 59, tzinfo=NOW.tzinfo)
    for at in (last_day, datetime(1, 1, 1, tzinfo=NOW.tzinfo)):
        record = DatabaseRecord(
            stop_intent=StopIntent(at, "idle"),
            accepted_start=AcceptedStart(at, "ops", at),
            pending_restart=PendingRestart(at, "ops"),
            last_restart_requested_at=at,
            available_since=at,
        )
        for status in ("available", "stopped", "backing-up"):
            assert decide(seen(status, LastQuery(at)), record, SETTINGS, NOW).detail


ROUND = ("stopped", "starting", "available", "stopping")


@pytest.mark.parametrize("step", range(4))
def test_shortly_after_a_change_only_the_next_step_of_the_round_is_news(step: int) -> None:
    known, ahead, far_behind, behind = (ROUND[(step + n) % 4] for n in range(4))
    restart_at = NOW + timedelta(days=7) if known == "stopped" else None
    record = DatabaseRecord(status=known, status_changed_at=NOW, automatic_restart_at=NOW + timedelta(days=7))
    for status in (behind, far_behind):
        old = Description(PROD, status, NOW)
        assert ignore_stale_description(old, record, NOW + CONSISTENCY_WINDOW / 2) == Description(
            PROD, known, restart_at
        )
        assert ignore_stale_description(old, record, NOW + CONSISTENCY_WINDOW) == old
    for status in (known, ahead):
        assert ignore_stale_description(Description(PROD, status), record, NOW) == Description(PROD, status)


def test_backing_up_is_a_way_of_being_up() -> None:
    record = DatabaseRecord(status="backing-up", status_changed_at=NOW)
    assert ignore_stale_description(Description(PROD, "starting"), record, NOW).status == "backing-up"
    assert ignore_stale_description(Description(PROD, "available"), record, NOW).status == "available"
    assert (
        ignore_stale_description(
            Description(PROD, "modifying"), DatabaseRecord(status="stopping", status_changed_at=NOW), NOW
        ).status
        == "stopping"
    )


def test_a_failure_or_a_status_never_heard_of_is_always_news() -> None:
    for status in ROUND:
        for news in ("storage-full", "never-heard-of", "rebooting"):
            assert (
                ignore_stale_description(
                    Description(PROD, news), DatabaseRecord(status=status, status_changed_at=NOW), NOW
                ).status
                == news
            )
            assert (
                ignore_stale_description(
                    Description(PROD, status), DatabaseRecord(status=news, status_changed_at=NOW), NOW
                ).status
                == status
            )
        assert ignore_stale_description(Description(PROD, status), DatabaseRecord(), NOW).status == status


def test_idle_time_runs_from_the_latest_sign_of_use() -> None:
    record = DatabaseRecord(
        last_restart_requested_at=minutes_ago(20), available_since=minutes_ago(15), started_on_request=True
    )
    decision = decide(seen("available", LastQuery(minutes_ago(10))), record, SETTINGS, NOW)
    assert decision.last_activity is not None
    assert (decision.last_activity.at, decision.last_activity.source) == (minutes_ago(10), ActivitySource.QUERY)
    decision = decide(seen("available", LastQuery(minutes_ago(16))), record, SETTINGS, NOW)
    assert decision.last_activity is not None
    assert (decision.last_activity.at, decision.last_activity.source) == (minutes_ago(15), ActivitySource.RESTART)


def test_a_query_in_the_same_second_as_a_restart_is_the_one_named() -> None:
    record = DatabaseRecord(last_restart_requested_at=NOW + timedelta(milliseconds=900))
    decision = decide(seen("available", LastQuery(NOW)), record, SETTINGS, NOW)
    assert decision.last_activity is not None
    assert decision.last_activity.source is ActivitySource.QUERY
    assert decision.last_activity.at == record.last_restart_requested_at


def test_the_sentences_say_what_a_person_wants_to_know() -> None:
    idle = decide(seen("available", LastQuery(minutes_ago(75))), DatabaseRecord(), SETTINGS, NOW).detail
    assert idle == "Idle for 1 h 15 min: the last query was at 2026-03-02T07:45:00Z; the idle window is 1 h."
    by_aws = decide(seen("available"), DatabaseRecord(started_by_aws=True), SETTINGS, NOW).detail
    assert by_aws.startswith("AWS started it by itself after seven days. Idle for 24 h")
    held = decide(seen("available"), HELD, SETTINGS, NOW).detail
    assert held == "ops holds it awake until 2026-03-02T10:00:00Z."
    full = decide(seen("storage-full"), DatabaseRecord(), SETTINGS, NOW).detail
    assert full == "RDS reports storage-full. A person has to mend it: Give it more storage in the RDS console."


def test_naive_times_are_refused_at_the_door() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        decide(seen("available"), DatabaseRecord(), SETTINGS, NOW.replace(tzinfo=None))


TIMES = st.integers(-3 * 86400, 600).map(lambda seconds: NOW + timedelta(seconds=seconds))
MAYBE_TIMES = st.none() | TIMES
STATUSES = st.just("available") | st.just("stopped") | st.sampled_from([*_TABLE, "a-status-of-tomorrow"])
ACTIVITIES = TIMES.map(LastQuery) | st.just(NoActivity()) | st.just(InvalidActivity("garbage"))
METRICS = st.none() | TIMES.map(MetricActive) | st.just(MetricIdle()) | st.just(MetricUnknown("no answer"))
RECORDS = st.builds(
    DatabaseRecord,
    available_since=MAYBE_TIMES,
    first_observed_at=MAYBE_TIMES,
    last_restart_requested_at=MAYBE_TIMES,
    pending_restart=st.none() | st.builds(PendingRestart, TIMES, st.just("ops")),
    hold=st.none() | st.builds(Hold, TIMES, st.just("ops")),
    stop_intent=st.none() | st.builds(StopIntent, TIMES, st.just("idle")),
    accepted_start=st.none() | st.builds(AcceptedStart, TIMES, st.just("ops"), TIMES),
    started_by_aws=st.booleans(),
)
ALL_SETTINGS = st.builds(
    Settings,
    databases=st.just((PROD,)),
    idle=st.integers(1, 200_000).map(lambda seconds: timedelta(seconds=seconds)),
    activity_metric=st.none() | st.just(MetricRule("DBLoad", 0.05)),
)
OBSERVATIONS = st.builds(Observation, STATUSES.map(lambda status: Description(PROD, status)), ACTIVITIES, METRICS)


@given(OBSERVATIONS, RECORDS, ALL_SETTINGS)
def test_never_stops_within_the_idle_window_of_any_use(
    observation: Observation, record: DatabaseRecord, settings: Settings
) -> None:
    decision = decide(observation, record, settings, NOW)
    if decision.action is not Action.STOP:
        return
    uses = [record.available_since, record.last_restart_requested_at]
    if isinstance(observation.activity, LastQuery):
        uses.append(observation.activity.at)
    if settings.activity_metric is not None and isinstance(observation.metric, MetricActive):
        uses.append(observation.metric.at)
    assert all(NOW - at > settings.idle_timeout for at in uses if at is not None)


@given(OBSERVATIONS, RECORDS, ALL_SETTINGS)
def test_stops_only_what_is_available_readable_neither_held_nor_fenced(
    observation: Observation, record: DatabaseRecord, settings: Settings
) -> None:
    if decide(observation, record, settings, NOW).action is not Action.STOP:
        return
    assert observation.sighting.status == "available"
    assert not isinstance(observation.activity, InvalidActivity)
    assert record.hold is None or record.hold.until <= NOW
    assert record.stop_intent is None or abs(NOW - record.stop_intent.raised_at) >= STOP_INTENT_TTL
    if settings.activity_metric is not None:
        assert isinstance(observation.metric, MetricActive | MetricIdle)


@given(OBSERVATIONS, RECORDS, ALL_SETTINGS)
def test_never_starts_without_a_pending_restart(
    observation: Observation, record: DatabaseRecord, settings: Settings
) -> None:
    if decide(observation, record, settings, NOW).action is Action.START:
        assert observation.sighting.status == "stopped"
        assert record.pending_restart is not None
        assert not is_expired(record, settings, NOW)


@given(OBSERVATIONS, RECORDS, ALL_SETTINGS)
def test_every_decision_has_a_reason_and_a_sentence(
    observation: Observation, record: DatabaseRecord, settings: Settings
) -> None:
    decision = decide(observation, record, settings, NOW)
    assert isinstance(decision.reason, Reason)
    assert decision.detail.endswith(".")
    assert decision.detail[0].isupper() or decision.detail.startswith("ops ")
