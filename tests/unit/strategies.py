"""Hypothesis strategies of records, observations and policies."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from chalicelib.domain.activity import (
    AUTO,
    InvalidActivity,
    LastQuery,
    MetricActive,
    MetricIdle,
    MetricRule,
    MetricUnknown,
    NoActivity,
)
from chalicelib.domain.model import Description, Observation, Policy
from chalicelib.domain.record import AcceptedStart, DatabaseRecord, Hold, PendingRestart, StopIntent
from tests.support import NOW, PROD
from tests.unit.domain.test_statuses import MEANING_OF_STATUSES

STATUSES = list(MEANING_OF_STATUSES)
"""Every documented status."""

TIMES = st.integers(-3 * 86400, 600).map(lambda seconds: NOW + timedelta(seconds=seconds))
ITEM_TIMES = TIMES | st.integers(-60, 0).map(lambda days: NOW + timedelta(days=days))
"""Times in activity items: some are so old that reports are not trusted."""
MAYBE_TIMES = st.none() | TIMES
RESOURCE_IDS = st.none() | st.sampled_from(["db-FIRST", "db-SECOND"])
RESTARTS = st.builds(PendingRestart, TIMES, st.just("ops"))
DECISION_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "available_since": MAYBE_TIMES,
    "started_on_request": st.booleans(),
    "first_observed_at": MAYBE_TIMES,
    "last_restart_requested_at": MAYBE_TIMES,
    "pending_restart": st.none() | RESTARTS,
    "hold": st.none() | st.builds(Hold, TIMES, st.just("ops")),
    "stop_intent": st.none() | st.builds(StopIntent, TIMES, st.just("Idle."), st.none() | st.integers(0, 99)),
    "started_by_aws": st.booleans(),
    "automatic_start_announced_at": MAYBE_TIMES,
    "start_prevented_at": MAYBE_TIMES,
    "metric_unknown_since": MAYBE_TIMES,
    "last_error": st.none() | st.sampled_from(["AwsError", "CannotStop", "InvalidState", "InvalidStateAgain"]),
    "status": st.none() | st.sampled_from(STATUSES),
    "status_changed_at": MAYBE_TIMES,
}
DECISION_RECORDS = st.builds(DatabaseRecord, **DECISION_FIELDS)
"""Records that differ in the fields that a decision depends on."""

RECORDS = st.builds(
    DatabaseRecord,
    **DECISION_FIELDS,
    resource_id=RESOURCE_IDS,
    accepted_start=st.none() | st.builds(AcceptedStart, TIMES, RESTARTS, st.booleans()),
    start_durations=st.lists(st.integers(0, 3600), max_size=3).map(tuple),
    automatic_restart_at=MAYBE_TIMES,
    last_daily_status_on=st.none() | st.just(NOW.date()),
)
POLICIES = st.builds(
    Policy,
    idle_timeout=st.integers(1, 200_000).map(lambda seconds: timedelta(seconds=seconds)),
    restart_ttl=st.integers(1800, 200_000).map(lambda seconds: timedelta(seconds=seconds)),
    activity_rule=st.sampled_from([None, AUTO, MetricRule("DBLoad", 0.05)]),
)
# The two statuses in which the app acts are drawn as often as all the others together.
DESCRIPTIONS = st.builds(
    Description,
    st.just(PROD),
    st.just("available") | st.just("stopped") | st.sampled_from([*STATUSES, "status-of-a-later-version"]),
    MAYBE_TIMES,
    RESOURCE_IDS,
    stop_unsupported=st.none() | st.just("it is a read replica"),
    pending_modifications=st.just(()) | st.just(("DBInstanceClass",)),
    automatic_start_announced=st.booleans(),
)
OBSERVATIONS = st.builds(
    Observation,
    ref=st.just(PROD),
    at=st.just(NOW),
    description=DESCRIPTIONS,
    record=st.just(DatabaseRecord()),
    activity=ITEM_TIMES.map(LastQuery) | st.just(NoActivity()) | st.just(InvalidActivity("it is not a time")),
    metric=st.none()
    | st.builds(MetricActive, TIMES, st.integers(0, 9).map(float))
    | st.just(MetricIdle())
    | st.just(MetricUnknown("no datapoints")),
)

IDLE_OBSERVATIONS = st.builds(
    lambda observation, unsupported, pending: replace(
        observation,
        description=Description(PROD, "available", stop_unsupported=unsupported, pending_modifications=pending),
    ),
    OBSERVATIONS,
    st.sampled_from([None, None, None, "it is a read replica"]),
    st.sampled_from([(), (), (), ("DBInstanceClass",)]),
)
"""Observations of a database that runs; most of them allow a stop."""

IDLE_RECORDS = st.builds(lambda record: replace(record, hold=None, stop_intent=None, last_error=None), DECISION_RECORDS)
IDLE_POLICIES = st.builds(
    lambda policy, minutes: replace(policy, idle_timeout=timedelta(minutes=minutes)), POLICIES, st.integers(1, 120)
)
"""Idle timeouts that are short compared with the times in records and activity items."""
