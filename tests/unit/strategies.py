"""Hypothesis strategies of records, observations and policies."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from chalicelib.domain.activity import (
    InvalidActivity,
    LastQuery,
    MetricActive,
    MetricIdle,
    MetricRule,
    MetricUnknown,
    NoActivity,
)
from chalicelib.domain.model import (
    AcceptedStart,
    DatabaseRecord,
    Description,
    Hold,
    Observation,
    PendingRestart,
    Policy,
    StopIntent,
)
from tests.support import NOW, PROD
from tests.unit.domain.test_statuses import STATUSES_BY_MEANING

STATUSES = [status for statuses in STATUSES_BY_MEANING.values() for status in statuses.split()]
"""Every status that the contract names."""

TIMES = st.integers(-3 * 86400, 600).map(lambda seconds: NOW + timedelta(seconds=seconds))
MAYBE_TIMES = st.none() | TIMES
RESTARTS = st.builds(PendingRestart, TIMES, st.just("ops"))
DECISION_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "available_since": MAYBE_TIMES,
    "started_on_request": st.booleans(),
    "first_observed_at": MAYBE_TIMES,
    "last_restart_requested_at": MAYBE_TIMES,
    "pending_restart": st.none() | RESTARTS,
    "hold": st.none() | st.builds(Hold, TIMES, st.just("ops")),
    "stop_intent": st.none() | st.builds(StopIntent, TIMES, st.just("Idle.")),
    "started_by_aws": st.booleans(),
}
DECISION_RECORDS = st.builds(DatabaseRecord, **DECISION_FIELDS)
"""Records that differ in the fields that a decision depends on."""

RECORDS = st.builds(
    DatabaseRecord,
    **DECISION_FIELDS,
    status=st.none() | st.sampled_from(STATUSES),
    status_changed_at=MAYBE_TIMES,
    accepted_start=st.none() | st.builds(AcceptedStart, TIMES, RESTARTS, st.booleans()),
    start_durations=st.lists(st.integers(0, 3600), max_size=3).map(tuple),
    automatic_restart_at=MAYBE_TIMES,
    last_error=st.none() | st.just("AwsError"),
    last_daily_status_on=st.none() | st.just(NOW.date()),
)
POLICIES = st.builds(
    Policy,
    idle_timeout=st.integers(1, 200_000).map(lambda seconds: timedelta(seconds=seconds)),
    restart_ttl=st.integers(1800, 200_000).map(lambda seconds: timedelta(seconds=seconds)),
    activity_rule=st.none() | st.just(MetricRule("DBLoad", 0.05)),
)
# The two statuses in which the app acts are drawn as often as all the others together.
DESCRIPTIONS = st.builds(
    Description,
    st.just(PROD),
    st.just("available") | st.just("stopped") | st.sampled_from([*STATUSES, "status-of-a-later-version"]),
    st.none() | TIMES,
)
OBSERVATIONS = st.builds(
    Observation,
    ref=st.just(PROD),
    at=st.just(NOW),
    description=DESCRIPTIONS,
    record=st.just(DatabaseRecord()),
    activity=TIMES.map(LastQuery) | st.just(NoActivity()) | st.just(InvalidActivity("it is not a time")),
    metric=st.none() | TIMES.map(MetricActive) | st.just(MetricIdle()) | st.just(MetricUnknown("no datapoints")),
)
