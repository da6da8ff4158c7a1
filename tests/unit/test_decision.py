"""The table of decisions, row by row, and what must hold for every one of them."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.decision import CLOCKS_DIFFER, FENCE_LASTS, RDS_LAGS, decide, is_expired, newest
from chalicelib.model import (
    Action,
    Activity,
    Fence,
    Hold,
    LastQuery,
    Launch,
    Metric,
    MetricAbove,
    MetricQuiet,
    MetricSilent,
    NoActivity,
    Observation,
    PendingRestart,
    Reason,
    Record,
    Sighting,
    Source,
    UnreadableActivity,
)
from chalicelib.settings import MetricRule, Settings
from chalicelib.statuses import _TABLE
from tests.support import NOW, PROD

SETTINGS = Settings((PROD,))
WITH_METRIC = replace(SETTINGS, activity_metric=MetricRule("DatabaseConnections", 0))
YESTERDAY = LastQuery(NOW - timedelta(days=1))


def minutes_ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def seen(status: str, activity: Activity = YESTERDAY, metric: Metric | None = None) -> Observation:
    return Observation(Sighting(PROD, status), activity, metric)


PENDING = Record(restart=PendingRestart(minutes_ago(5), "ops"), restart_asked_at=minutes_ago(5))
HELD = Record(hold=Hold(NOW + timedelta(hours=1), "ops"))

ROWS = [
    # row 1: failed
    (seen("storage-full"), PENDING, SETTINGS, Action.NONE, Reason.FAILED),
    (seen("incompatible-network"), HELD, SETTINGS, Action.NONE, Reason.FAILED),
    # row 2: on the move
    (seen("starting"), PENDING, SETTINGS, Action.NONE, Reason.STARTING),
    (seen("stopping"), PENDING, SETTINGS, Action.NONE, Reason.STOPPING),
    (seen("backing-up"), Record(), SETTINGS, Action.NONE, Reason.BUSY),
    (seen("rebooting"), PENDING, SETTINGS, Action.NONE, Reason.BUSY),
    (seen("a-status-of-tomorrow"), Record(), SETTINGS, Action.NONE, Reason.BUSY),
    # rows 3 and 4: stopped
    (seen("stopped"), PENDING, SETTINGS, Action.START, Reason.RESTART_REQUESTED),
    (seen("stopped"), Record(), SETTINGS, Action.NONE, Reason.STOPPED),
    (seen("stopped"), HELD, SETTINGS, Action.NONE, Reason.STOPPED),
    (seen("stopped", UnreadableActivity("?")), PENDING, SETTINGS, Action.START, Reason.RESTART_REQUESTED),
    # row 5: held
    (seen("available"), HELD, SETTINGS, Action.NONE, Reason.HELD),
    (seen("available", UnreadableActivity("?")), HELD, SETTINGS, Action.NONE, Reason.HELD),
    (seen("available"), Record(hold=Hold(NOW, "ops")), SETTINGS, Action.STOP, Reason.IDLE),
    # row 6: unreadable
    (seen("available", UnreadableActivity("?")), Record(), SETTINGS, Action.NONE, Reason.ACTIVITY_UNREADABLE),
    (
        seen("available", LastQuery(NOW + CLOCKS_DIFFER + timedelta(seconds=1))),
        Record(),
        SETTINGS,
        Action.NONE,
        Reason.ACTIVITY_UNREADABLE,
    ),
    (seen("available", LastQuery(NOW + CLOCKS_DIFFER)), Record(), SETTINGS, Action.NONE, Reason.RECENT_ACTIVITY),
    # row 7: used lately
    (seen("available", LastQuery(minutes_ago(59))), Record(), SETTINGS, Action.NONE, Reason.RECENT_ACTIVITY),
    (seen("available", LastQuery(minutes_ago(60))), Record(), SETTINGS, Action.NONE, Reason.RECENT_ACTIVITY),
    (seen("available"), Record(restart_asked_at=minutes_ago(60)), SETTINGS, Action.NONE, Reason.RECENT_ACTIVITY),
    (seen("available"), Record(up_since=minutes_ago(60)), SETTINGS, Action.NONE, Reason.RECENT_ACTIVITY),
    (seen("available", NoActivity()), Record(up_since=NOW), SETTINGS, Action.NONE, Reason.NO_ACTIVITY_DATA),
    (seen("available", NoActivity()), Record(first_seen_at=NOW), SETTINGS, Action.NONE, Reason.NO_ACTIVITY_DATA),
    (seen("available", NoActivity()), Record(restart_asked_at=NOW), SETTINGS, Action.NONE, Reason.RECENT_ACTIVITY),
    # rows 8 and 9: the second opinion
    (seen("available", metric=MetricAbove(minutes_ago(3))), Record(), WITH_METRIC, Action.NONE, Reason.METRIC_ACTIVE),
    (seen("available", metric=MetricAbove(minutes_ago(60))), Record(), WITH_METRIC, Action.NONE, Reason.METRIC_ACTIVE),
    (seen("available", metric=MetricSilent("no")), Record(), WITH_METRIC, Action.NONE, Reason.METRIC_UNKNOWN),
    (seen("available", metric=None), Record(), WITH_METRIC, Action.NONE, Reason.METRIC_UNKNOWN),
    (
        seen("available", LastQuery(minutes_ago(2)), MetricSilent("no")),
        Record(),
        WITH_METRIC,
        Action.NONE,
        Reason.RECENT_ACTIVITY,
    ),
    # row 10: idle
    (seen("available", LastQuery(minutes_ago(60.1))), Record(), SETTINGS, Action.STOP, Reason.IDLE),
    (seen("available"), Record(restart_asked_at=minutes_ago(61)), SETTINGS, Action.STOP, Reason.IDLE),
    (seen("available"), Record(up_since=minutes_ago(61)), SETTINGS, Action.STOP, Reason.IDLE),
    (seen("available"), Record(first_seen_at=NOW), SETTINGS, Action.STOP, Reason.IDLE),
    (seen("available", NoActivity()), Record(first_seen_at=minutes_ago(61)), SETTINGS, Action.STOP, Reason.IDLE),
    (seen("available", NoActivity()), Record(), SETTINGS, Action.STOP, Reason.IDLE),
    (seen("available", metric=MetricQuiet()), Record(), WITH_METRIC, Action.STOP, Reason.IDLE),
    (seen("available", metric=MetricAbove(minutes_ago(61))), Record(), WITH_METRIC, Action.STOP, Reason.IDLE),
]


@pytest.mark.parametrize(("observation", "record", "settings", "action", "reason"), ROWS)
def test_the_first_row_that_applies_decides(
    observation: Observation, record: Record, settings: Settings, action: Action, reason: Reason
) -> None:
    decision = decide(observation, record, settings, NOW)
    assert (decision.action, decision.reason) == (action, reason)


def test_a_restart_stays_pending_for_the_idle_window_but_at_least_30_minutes_and_two_checks() -> None:
    short = replace(SETTINGS, idle=timedelta(minutes=2))
    long = replace(SETTINGS, idle=timedelta(minutes=90))
    seldom = replace(SETTINGS, check_interval=timedelta(minutes=50))
    for settings, lasts in ((short, 30), (long, 90), (seldom, 100)):
        asked_at = minutes_ago(lasts)
        record = Record(restart=PendingRestart(asked_at, "ops"), restart_asked_at=asked_at)
        assert decide(seen("stopped"), record, settings, NOW).action is Action.START
        later = NOW + timedelta(seconds=1)
        assert is_expired(record, settings, later)
        assert decide(seen("stopped"), record, settings, later).action is Action.NONE


def test_what_is_not_pending_does_not_expire() -> None:
    assert not is_expired(Record(restart_asked_at=minutes_ago(600)), SETTINGS, NOW)


def test_asking_again_keeps_a_pending_restart_alive() -> None:
    record = Record(restart=PendingRestart(minutes_ago(70), "ops"), restart_asked_at=minutes_ago(1))
    assert decide(seen("stopped"), record, SETTINGS, NOW).action is Action.START


def test_while_a_stop_is_under_way_available_means_stopping_until_the_fence_lapses() -> None:
    record = Record(fence=Fence(NOW, "idle"))
    assert decide(seen("available"), record, SETTINGS, NOW).reason is Reason.STOPPING
    assert decide(seen("available"), record, SETTINGS, NOW + FENCE_LASTS).reason is Reason.IDLE
    assert decide(seen("backing-up"), record, SETTINGS, NOW).reason is Reason.STOPPING
    assert decide(seen("rebooting"), record, SETTINGS, NOW).reason is Reason.BUSY


def test_times_at_the_edge_of_the_calendar_break_nothing() -> None:
    last_day = datetime(9999, 12, 31, 23, 59, 59, tzinfo=NOW.tzinfo)
    for at in (last_day, datetime(1, 1, 1, tzinfo=NOW.tzinfo)):
        record = Record(
            fence=Fence(at, "idle"),
            launch=Launch(at, "ops", at),
            restart=PendingRestart(at, "ops"),
            restart_asked_at=at,
            up_since=at,
        )
        for status in ("available", "stopped", "backing-up"):
            assert decide(seen(status, LastQuery(at)), record, SETTINGS, NOW).detail


ROUND = ("stopped", "starting", "available", "stopping")


@pytest.mark.parametrize("step", range(4))
def test_shortly_after_a_change_only_the_next_step_of_the_round_is_news(step: int) -> None:
    known, ahead, far_behind, behind = (ROUND[(step + n) % 4] for n in range(4))
    restart_at = NOW + timedelta(days=7) if known == "stopped" else None
    record = Record(status=known, since=NOW, automatic_restart_at=NOW + timedelta(days=7))
    for status in (behind, far_behind):
        old = Sighting(PROD, status, NOW)
        assert newest(old, record, NOW + RDS_LAGS / 2) == Sighting(PROD, known, restart_at)
        assert newest(old, record, NOW + RDS_LAGS) == old
    for status in (known, ahead):
        assert newest(Sighting(PROD, status), record, NOW) == Sighting(PROD, status)


def test_backing_up_is_a_way_of_being_up() -> None:
    record = Record(status="backing-up", since=NOW)
    assert newest(Sighting(PROD, "starting"), record, NOW).status == "backing-up"
    assert newest(Sighting(PROD, "available"), record, NOW).status == "available"
    assert newest(Sighting(PROD, "modifying"), Record(status="stopping", since=NOW), NOW).status == "stopping"


def test_a_failure_or_a_status_never_heard_of_is_always_news() -> None:
    for status in ROUND:
        for news in ("storage-full", "never-heard-of", "rebooting"):
            assert newest(Sighting(PROD, news), Record(status=status, since=NOW), NOW).status == news
            assert newest(Sighting(PROD, status), Record(status=news, since=NOW), NOW).status == status
        assert newest(Sighting(PROD, status), Record(), NOW).status == status


def test_idle_time_runs_from_the_latest_sign_of_use() -> None:
    record = Record(restart_asked_at=minutes_ago(20), up_since=minutes_ago(15), up_as_asked=True)
    decision = decide(seen("available", LastQuery(minutes_ago(10))), record, SETTINGS, NOW)
    assert decision.last_use is not None
    assert (decision.last_use.at, decision.last_use.source) == (minutes_ago(10), Source.QUERY)
    decision = decide(seen("available", LastQuery(minutes_ago(16))), record, SETTINGS, NOW)
    assert decision.last_use is not None
    assert (decision.last_use.at, decision.last_use.source) == (minutes_ago(15), Source.RESTART)


def test_a_query_in_the_same_second_as_a_restart_is_the_one_named() -> None:
    record = Record(restart_asked_at=NOW + timedelta(milliseconds=900))
    decision = decide(seen("available", LastQuery(NOW)), record, SETTINGS, NOW)
    assert decision.last_use is not None
    assert decision.last_use.source is Source.QUERY
    assert decision.last_use.at == record.restart_asked_at


def test_the_sentences_say_what_a_person_wants_to_know() -> None:
    idle = decide(seen("available", LastQuery(minutes_ago(75))), Record(), SETTINGS, NOW).detail
    assert idle == "Idle for 1 h 15 min: the last query was at 2026-03-02T07:45:00Z; the idle window is 1 h."
    by_aws = decide(seen("available"), Record(started_by_aws=True), SETTINGS, NOW).detail
    assert by_aws.startswith("AWS started it by itself after seven days. Idle for 24 h")
    held = decide(seen("available"), HELD, SETTINGS, NOW).detail
    assert held == "ops holds it awake until 2026-03-02T10:00:00Z."
    full = decide(seen("storage-full"), Record(), SETTINGS, NOW).detail
    assert full == "RDS reports storage-full. A person has to mend it: Give it more storage in the RDS console."


def test_naive_times_are_refused_at_the_door() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        decide(seen("available"), Record(), SETTINGS, NOW.replace(tzinfo=None))


TIMES = st.integers(-3 * 86400, 600).map(lambda seconds: NOW + timedelta(seconds=seconds))
MAYBE_TIMES = st.none() | TIMES
STATUSES = st.just("available") | st.just("stopped") | st.sampled_from([*_TABLE, "a-status-of-tomorrow"])
ACTIVITIES = TIMES.map(LastQuery) | st.just(NoActivity()) | st.just(UnreadableActivity("garbage"))
METRICS = st.none() | TIMES.map(MetricAbove) | st.just(MetricQuiet()) | st.just(MetricSilent("no answer"))
RECORDS = st.builds(
    Record,
    up_since=MAYBE_TIMES,
    first_seen_at=MAYBE_TIMES,
    restart_asked_at=MAYBE_TIMES,
    restart=st.none() | st.builds(PendingRestart, TIMES, st.just("ops")),
    hold=st.none() | st.builds(Hold, TIMES, st.just("ops")),
    fence=st.none() | st.builds(Fence, TIMES, st.just("idle")),
    launch=st.none() | st.builds(Launch, TIMES, st.just("ops"), TIMES),
    started_by_aws=st.booleans(),
)
ALL_SETTINGS = st.builds(
    Settings,
    databases=st.just((PROD,)),
    idle=st.integers(1, 200_000).map(lambda seconds: timedelta(seconds=seconds)),
    activity_metric=st.none() | st.just(MetricRule("DBLoad", 0.05)),
)
OBSERVATIONS = st.builds(Observation, STATUSES.map(lambda status: Sighting(PROD, status)), ACTIVITIES, METRICS)


@given(OBSERVATIONS, RECORDS, ALL_SETTINGS)
def test_never_stops_within_the_idle_window_of_any_use(
    observation: Observation, record: Record, settings: Settings
) -> None:
    decision = decide(observation, record, settings, NOW)
    if decision.action is not Action.STOP:
        return
    uses = [record.up_since, record.restart_asked_at]
    if isinstance(observation.activity, LastQuery):
        uses.append(observation.activity.at)
    if settings.activity_metric is not None and isinstance(observation.metric, MetricAbove):
        uses.append(observation.metric.at)
    assert all(NOW - at > settings.idle for at in uses if at is not None)


@given(OBSERVATIONS, RECORDS, ALL_SETTINGS)
def test_stops_only_what_is_available_readable_neither_held_nor_fenced(
    observation: Observation, record: Record, settings: Settings
) -> None:
    if decide(observation, record, settings, NOW).action is not Action.STOP:
        return
    assert observation.sighting.status == "available"
    assert not isinstance(observation.activity, UnreadableActivity)
    assert record.hold is None or record.hold.until <= NOW
    assert record.fence is None or abs(NOW - record.fence.raised_at) >= FENCE_LASTS
    if settings.activity_metric is not None:
        assert isinstance(observation.metric, MetricAbove | MetricQuiet)


@given(OBSERVATIONS, RECORDS, ALL_SETTINGS)
def test_never_starts_without_a_pending_restart(observation: Observation, record: Record, settings: Settings) -> None:
    if decide(observation, record, settings, NOW).action is Action.START:
        assert observation.sighting.status == "stopped"
        assert record.restart is not None
        assert not is_expired(record, settings, NOW)


@given(OBSERVATIONS, RECORDS, ALL_SETTINGS)
def test_every_decision_has_a_reason_and_a_sentence(
    observation: Observation, record: Record, settings: Settings
) -> None:
    decision = decide(observation, record, settings, NOW)
    assert isinstance(decision.reason, Reason)
    assert decision.detail.endswith(".")
    assert decision.detail[0].isupper() or decision.detail.startswith("ops ")
