"""The guarantees of docs/guarantees.md as checks of the ground truth. Pure functions that yield violations."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.domain.activity import MetricRule
from chalicelib.domain.errors import Problem
from chalicelib.domain.model import State
from tests.simulation.functions import LAMBDA_TIMEOUT, Response
from tests.simulation.ground_truth import DESCRIPTION_LAG, NEVER, GroundTruth, Initiator, RestartRequest, status_info
from tests.simulation.metric import PUBLICATION_DELAY
from tests.simulation.network import Invocation
from tests.simulation.report import Invariant

_SAVED: Final = Problem("").as_saved().detail

MINUTE: Final = 60.0
GRACE: Final = 3 * MINUTE
"""A check may come 20 s late without a fault and takes time, and RDS's descriptions lag behind for up to 45 s."""
STOP_INTENT_TTL: Final = 2 * MINUTE
MAX_CLOCK_SKEW: Final = 5 * MINUTE
ANNOUNCEMENT_TTL: Final = 60 * MINUTE
REPORTS_TRUSTED_FOR: Final = 30 * 24 * 60 * MINUTE
LARGEST_DATAPOINT_AGE: Final = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class Bounds:
    """The settings that the time limits depend on, in seconds."""

    idle_timeout: float
    interval: float
    restart_ttl: float
    rule: MetricRule | None

    @property
    def counts_connections(self) -> bool:
        """Whether open connections can prevent a stop."""
        return self.rule is not None and self.rule.name == "DatabaseConnections"


def violations_of_stop(
    truth: GroundTruth, invocation: Invocation, points: Sequence[tuple[float, float]], bounds: Bounds, now: float
) -> Iterator[str]:
    """Safety: why this call of StopDBInstance is wrong. ``points`` are datapoints of DatabaseConnections."""
    read_at = invocation.activity_read_at.get(truth.ref, NEVER)
    if read_at == NEVER:
        yield "it was stopped without reading its activity"
    known_at = max(read_at, truth.stop_intent_set_at)
    yield from _in_use(truth, known_at, bounds, now)
    yield from _requested(truth, known_at, bounds, now)
    available_since = truth.available_since or NEVER
    is_announced = truth.started_by is Initiator.AWS and truth.announced_at >= truth.started_at - MINUTE
    if not is_announced and truth.start_was_observable and now - available_since <= bounds.idle_timeout:
        yield f"it was stopped {_minutes(now, available_since)} after it became available"
    pending_since = truth.pending_modification_since
    if pending_since is not None and pending_since < invocation.began:
        yield "it was stopped although that discards a pending modification"
    if bounds.rule is None or (
        bounds.rule.only_without_reports and truth.is_report_trusted(now, known_at, REPORTS_TRUSTED_FOR + GRACE)
    ):
        return
    if not points or invocation.began - points[0][0] > LARGEST_DATAPOINT_AGE:
        yield "it was stopped although CloudWatch had no recent datapoint"
    # A datapoint that was published after the function began may have come too late for its decision.
    known = [at for at, value in points if value > 0 and at <= invocation.began - PUBLICATION_DELAY.total_seconds()]
    if bounds.counts_connections and any(now - at - MINUTE <= bounds.idle_timeout for at in known):
        yield "it was stopped although connections were open within the idle timeout"


def _in_use(truth: GroundTruth, known_at: float, bounds: Bounds, now: float) -> Iterator[str]:
    activity = truth.activity_as_of(known_at)
    if activity is None:
        return
    [used_at] = activity
    if used_at is None:
        yield "it was stopped although its activity item held no time"
    elif used_at > now + MAX_CLOCK_SKEW:
        yield "it was stopped although the time in its activity item was in the future"
    elif now - used_at <= bounds.idle_timeout:
        yield f"it was stopped {_minutes(now, used_at)} after a query that was known at the re-check"


def _requested(truth: GroundTruth, known_at: float, bounds: Bounds, now: float) -> Iterator[str]:
    if truth.held_until_as_of(known_at) > now:
        yield "it was stopped during a hold"
    for request in truth.requests:
        if NEVER < request.answered_at <= known_at and now - request.requested_at <= bounds.idle_timeout:
            yield f"it was stopped {_minutes(now, request.requested_at)} after a restart that was answered"
    if any(known_at < request.answered_at <= now for request in truth.answered_available):
        yield "it was stopped directly after a restart was answered with available"


def violations_of_start(truth: GroundTruth) -> Iterator[str]:
    """Manual stops: why this call of StartDBInstance is wrong."""
    if truth.record.pending_restart is None and truth.record.accepted_start is None:
        # Another function may have recorded the start by a description that still showed an earlier one.
        yield "it was started without a pending restart in the record"
    if not truth.requests:
        yield "it was started although no restart was ever requested"
    elif truth.was_observed_available_before_stop:
        stopped_at = truth.stopped_in_console_at
        latest = max(request.latest_effect_at for request in truth.requests)
        if latest < stopped_at - DESCRIPTION_LAG and truth.last_fault_at < stopped_at:
            yield "it was stopped in the console, and no restart was requested after that"


def violations_of_restart(truth: GroundTruth, request: RestartRequest, response: Response, now: float) -> Iterator[str]:
    """Liveness: why this response is wrong."""
    began = request.requested_at
    was_ready = truth.is_ready or (truth.available_since or NEVER) >= began
    if response.status == 200 and not was_ready and truth.status_changed_at < began - DESCRIPTION_LAG:
        yield f"a restart was answered with available, but the database was {truth.status}"
    if response.status == 200 and began < truth.stopped_by_app_at <= now:
        yield "a restart was answered with available while the app stopped the database"
    has_failed = status_info(truth.status).state is State.FAILED or truth.status_changed_at >= began - DESCRIPTION_LAG
    if response.status == 409 and not has_failed:
        yield f"a restart was refused, but the database was {truth.status}"
    is_fault_free = truth.last_fault_at < began and truth.no_capacity_until < began
    if response.status == 503 and not is_accepted(response) and is_fault_free:
        yield "a restart was not stored although there was no fault"


def violations_of_restart_end(truth: GroundTruth, event: str, bounds: Bounds, now: float) -> Iterator[str]:
    """Liveness: why this expiry or cancellation is wrong."""
    latest = max((request.requested_at for request in truth.outstanding), default=None)
    if event == "restart-expired" and latest is not None:
        # With a fault, the app may not have been told that AWS had no capacity.
        knew_capacity = truth.last_fault_at < truth.no_capacity_until - bounds.restart_ttl
        no_capacity_until = truth.no_capacity_until if knew_capacity else NEVER
        startable_since = max(latest, truth.status_changed_at, no_capacity_until)
        if not status_info(truth.status).startable or now - startable_since < bounds.restart_ttl - MINUTE:
            yield f"a restart expired {_minutes(now, startable_since)} after it could first have been carried out"
    has_failed = status_info(truth.status).state is State.FAILED
    if event == "restart-cancelled" and not has_failed and now - truth.status_changed_at > DESCRIPTION_LAG:
        yield f"a restart was cancelled although the database was {truth.status}"


def violations_of_event(event: Mapping[str, Any], age: float) -> Iterator[str]:
    """History: why this event, recorded ``age`` seconds after its time, is wrong."""
    name = event["event"]
    if age > LAMBDA_TIMEOUT:
        yield f"{name} is recorded with the time {event['at']}"
    if not event["detail"] or (name in ("starting", "stopping", "stopped") and not event.get("by")):
        yield f"{name} is recorded without its reason"


def is_fault_free(truths: Iterable[GroundTruth], invocation: Invocation, bounds: Bounds) -> bool:
    """Whether this invocation had no reason to fail."""
    return not invocation.had_fault and all(
        truth.last_fault_at < invocation.began - bounds.interval
        and truth.status_changed_at < invocation.began - DESCRIPTION_LAG
        and truth.no_capacity_until < invocation.began
        and truth.metric_gap_ends_at + 2 * GRACE < invocation.began
        and not truth.has_permanent_fault
        and status_info(truth.status).state is not State.FAILED
        for truth in truths
    )


def is_accepted(response: Response) -> bool:
    """Whether the response says that the restart takes effect without a second request."""
    return response.status in (200, 202) or _SAVED in str(response.body.get("detail"))


def overdue(truth: GroundTruth, bounds: Bounds, now: float) -> Iterator[tuple[Invariant, str]]:
    """What should have happened by now."""
    # CloudWatch has no data of a database that has just become available, so the metric needs one more check.
    one_check = bounds.interval * (2 if bounds.rule is not None else 1) + GRACE
    stable_since = max(truth.status_changed_at, truth.last_fault_at + STOP_INTENT_TTL)
    if status_info(truth.status).state in (State.STOPPED, State.FAILED):
        for request in truth.outstanding:
            if now > max(stable_since, request.answered_at, truth.no_capacity_until) + one_check:
                ago = _minutes(now, request.answered_at)
                yield Invariant.LIVENESS, f"a restart was accepted {ago} ago, and the database is {truth.status}"
    if now > stable_since + one_check and truth.record.status != truth.status:
        yield Invariant.HISTORY, f"the record has {truth.record.status}, but the database is {truth.status}"
    for at, names in truth.unrecorded if status_info(truth.status).state is not State.BUSY else ():
        # What a database in an RDS operation went through before shows when that has ended.
        if now > max(at, truth.last_fault_at + STOP_INTENT_TTL) + one_check:
            yield Invariant.HISTORY, f"the history does not contain {names[0]}"
    if truth.status == "available" and not truth.has_permanent_fault:
        not_held_since = max([NEVER, *(min(until, now) for _, until in truth.holds[-1:])])
        hold_written_at = max([NEVER, *(at for at, _ in truth.holds[-1:])])
        idle_since = _idle_since(truth, bounds, now)
        due = max(idle_since + bounds.idle_timeout, stable_since, not_held_since, hold_written_at, truth.modified_at)
        # After a stop that RDS refused, the stop intent has to expire first.
        due = max(due, truth.member_busy_until + STOP_INTENT_TTL, truth.metric_gap_ends_at + 2 * GRACE)
        if now > due + one_check and truth.pending_modification_since is None:
            yield Invariant.COST, f"it has been idle for {_minutes(now, idle_since)} and still runs"
        yield from _silent(truth, bounds, now)


def _silent(truth: GroundTruth, bounds: Bounds, now: float) -> Iterator[tuple[Invariant, str]]:
    """A missing metric that has prevented a stop for long has to fail the check."""
    if truth.metric_unknown_since is None:
        return
    unknown_for = now - truth.metric_unknown_since
    limit = bounds.idle_timeout + 30 * MINUTE + bounds.interval + GRACE
    is_undisturbed = truth.last_fault_at < now - bounds.interval - GRACE
    if unknown_for > limit and is_undisturbed and truth.check_failed_at < now - bounds.interval - GRACE:
        yield Invariant.HISTORY, f"the metric is unknown for {unknown_for / MINUTE:.0f} min, and no check has failed"


def _reports_count(truth: GroundTruth, bounds: Bounds, now: float) -> bool:
    """Whether the app has trusted the reports for at least a day, and still does."""
    is_auto = bounds.rule is not None and bounds.rule.only_without_reports
    return is_auto and truth.is_report_trusted(now, now, REPORTS_TRUSTED_FOR - 24 * 60 * MINUTE)


def _idle_since(truth: GroundTruth, bounds: Bounds, now: float) -> float:
    """The last activity, or when the database became available by a start that AWS did not make."""
    times = [truth.recorded_restart_at]
    if bounds.counts_connections and not _reports_count(truth, bounds, now):
        times.append(now if truth.open_connections else truth.connected_at + 2 * MINUTE)
    activity = truth.activity_as_of(now)
    if activity is not None and activity[0] is not None:
        times.append(activity[0])
    is_not_requested = truth.aws_start_was_expected and truth.recorded_restart_at < truth.started_at - DESCRIPTION_LAG
    # An announcement does not count for a start that is observed much later.
    was_seen_soon = truth.observed_available_at - truth.announced_at <= ANNOUNCEMENT_TTL
    is_known_as_automatic = truth.was_announcement_handled and is_not_requested and was_seen_soon
    if truth.available_since is not None and not (truth.started_by is Initiator.AWS and is_known_as_automatic):
        # The idle timeout runs from the first observation of the available database: a check, at the latest.
        latest_check = max(truth.available_since, truth.last_fault_at + STOP_INTENT_TTL) + bounds.interval + GRACE
        times.append(truth.observed_available_at if truth.observed_available_at > NEVER else latest_check)
    return max(times)


def _minutes(now: float, then: float) -> str:
    return f"{(now - then) / MINUTE:.1f} min"
