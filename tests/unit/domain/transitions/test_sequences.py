"""What holds for the idle timer after any sequence of observations."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.activity import NoActivity
from chalicelib.domain.idle_timer import last_activity
from chalicelib.domain.model import Description, Observation
from chalicelib.domain.record import DatabaseRecord
from chalicelib.domain.transitions.observations import apply_observation
from tests.support import NOW, PROD
from tests.unit.domain.transitions.examples import POLICY

WEEK = timedelta(days=7)
READY = ("available", "backing-up", "scaling-compute")


@dataclass(frozen=True)
class Step:
    """An observation, some time after the one before; ``announced``: with an event that AWS starts the database."""

    status: str
    minutes: int
    announced: bool


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(
            ["stopped", "starting", "available", "available", "stopping", *READY, "rebooting", "storage-full", "new"]
        ),
        st.sampled_from([5, 30, 90, 7 * 24 * 60 + 10]),
        st.booleans(),
    ),
    min_size=1,
    max_size=10,
)


@dataclass
class Expected:
    """When the idle timer has to start, and when it may start, inferred from the statuses alone."""

    must_start: datetime | None = None
    may_start: datetime | None = None
    resumed_at: datetime = NOW
    restart_at: datetime | None = None
    announced: bool = False
    _was: str = "first seen"
    _was_last: str = ""
    _last_at: datetime = NOW

    def observe(self, step: Step, at: datetime) -> None:
        """A start that is announced and due since the last observed stop is that of AWS."""
        if step.announced and self.restart_at is not None and at >= self.restart_at:
            self.announced = True
        if step.status == "stopped" and self._was_last != "stopped":
            self.restart_at, self.announced = at + WEEK, False
        if step.status in ("stopped", "starting", "stopping"):
            self._was = step.status
        elif step.status in READY and self._was:
            self.must_start = at if self._was != "stopping" else self.must_start
            self.may_start, self._was = at, ""
        if step.status in READY and self._was_last in READY and at.date() - self._last_at.date() > timedelta(days=1):
            self.resumed_at = at  # nobody knows who used it meanwhile
        self._was_last, self._last_at = step.status, at


@settings(max_examples=500)
@given(STEPS)
def test_idle_timer__any_observations__starts_when_it_becomes_available_and_at_no_other_time(
    steps: list[Step],
) -> None:
    record, expected, at = DatabaseRecord(), Expected(), NOW
    for step in steps:
        expected.observe(step, at)
        restart_at = expected.restart_at if step.status == "stopped" else None
        description = Description(PROD, step.status, restart_at, automatic_start_announced=step.announced)
        record = apply_observation(record, description, POLICY, at).record
        last = last_activity(Observation(PROD, at, description, record, NoActivity()), record)
        assert last is not None
        assert last.at in (expected.resumed_at, expected.must_start, expected.may_start)
        if step.status in READY and not expected.announced:
            assert last.at >= (expected.must_start or NOW)
        at += timedelta(minutes=step.minutes)
