"""The five promises of docs/guarantees.md, as questions about what is truly so. Pure: truth in, complaints out."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chalicelib.domain.model import State
from chalicelib.domain.statuses import classify_status
from tests.simulation.functions import Answer
from tests.simulation.network import Invocation
from tests.simulation.truth import NEVER, Asked, Hand, Truth

MINUTE: Final = 60.0
GRACE: Final = 3 * MINUTE
"""A check may come 20 s late even in fair weather, takes its time, and RDS's descriptions lag behind for up to 45 s."""
LAG: Final = 60.0
FENCE: Final = 2 * MINUTE
MAX_CLOCK_SKEW: Final = 5 * MINUTE


class Promise(StrEnum):
    """What the product promises."""

    SAFE = "safe"
    LIVE = "live"
    THRIFTY = "thrifty"
    RESPECTFUL = "respectful"
    TOLD = "told"


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that bounds depend on, in seconds."""

    idle: float
    interval: float
    expires_after: float
    metric: bool


def of_a_stop(truth: Truth, invocation: Invocation, rules: Rules, now: float) -> Iterator[str]:
    """Safe: why this call of StopDBInstance should not have been made."""
    looked_at = invocation.looked_at.get(truth.ref, NEVER)
    if looked_at == NEVER:
        yield "it was stopped without a look at its activity"
    seen_by = max(looked_at, truth.fenced_at)
    yield from _in_use(truth, seen_by, rules, now)
    yield from _asked_for(truth, seen_by, rules, now)
    if truth.starter is not Hand.AWS and truth.was_known_down and now - (truth.ready_since or NEVER) <= rules.idle:
        yield f"it was stopped {_ago(now, truth.ready_since or NEVER)} after it had come up"
    if rules.metric:
        series = invocation.metric.get(truth.ref, [])
        if not series or any(value > 0 and now - at <= rules.idle for at, value in series):
            yield "it was stopped although its activity metric was above its number, or silent"


def _in_use(truth: Truth, seen_by: float, rules: Rules, now: float) -> Iterator[str]:
    activity = truth.activity_as_of(seen_by)
    if activity is None:
        return
    _, used_at = activity
    if used_at is None:
        yield "it was stopped although its activity item held no time"
    elif used_at > now + MAX_CLOCK_SKEW:
        yield "it was stopped although its activity item lay in the future"
    elif now - used_at <= rules.idle:
        yield f"it was stopped {_ago(now, used_at)} after a query that was known before the last look"


def _asked_for(truth: Truth, seen_by: float, rules: Rules, now: float) -> Iterator[str]:
    if truth.held_until_as_of(seen_by) > now:
        yield "it was stopped under a hold"
    for asked in truth.asked:
        if NEVER < asked.answered <= seen_by and now - asked.began <= rules.idle:
            yield f"it was stopped {_ago(now, asked.began)} after a restart that had been answered"
    if any(seen_by < asked.answered <= now for asked in truth.told_ready):
        yield "it was stopped although a restart had just been answered with: available"


def of_a_start(truth: Truth) -> Iterator[str]:
    """Respectful: why this call of StartDBInstance should not have been made."""
    if truth.record.pending_restart is None:
        yield "it was started although no restart was stored as pending"
    if not truth.asked:
        yield "it was started although nobody had ever asked"
    elif truth.was_known_up_then:
        stopped_at = truth.stopped_by_somebody_at
        if max(asked.last_moment for asked in truth.asked) < stopped_at - LAG and truth.disturbed_at < stopped_at:
            yield "somebody had stopped it in the console, and nobody has asked for it since"


def of_a_restart(truth: Truth, asked: Asked, answer: Answer, now: float) -> Iterator[str]:
    """Live: why this answer should not have been given."""
    was_ready = truth.is_ready or (truth.ready_since or NEVER) >= asked.began
    if answer.status == 200 and not was_ready and truth.status_since < asked.began - LAG:
        yield f"a restart was answered with available, but it was {truth.status}"
    if answer.status == 200 and asked.began < truth.stopped_by_app_at <= now:
        yield "a restart was answered with available while the app stopped it"
    failed = classify_status(truth.status).state == "failed" or truth.status_since >= asked.began - LAG
    if answer.status == 409 and not failed:
        yield f"a restart was refused, but it was {truth.status}"
    is_fair = truth.disturbed_at < asked.began and truth.no_room_until < asked.began
    if answer.status == 503 and not is_kept(answer) and is_fair:
        yield "a restart was lost although nothing was wrong"


def is_kept(answer: Answer) -> bool:
    """Whether the answer promises that the restart comes true without a second click."""
    return answer.status in (200, 202) or "no need to ask again" in str(answer.body.get("detail"))


def overdue(truth: Truth, rules: Rules, now: float) -> Iterator[tuple[Promise, str]]:
    """What should have happened by now."""
    a_check = rules.interval * (2 if rules.metric else 1) + GRACE  # the metric of a young database is silent at first
    calm_since = max(truth.status_since, truth.disturbed_at + FENCE)
    if classify_status(truth.status).state in (State.STOPPED, State.FAILED):
        for asked in truth.owed:
            if now > max(calm_since, asked.answered, truth.no_room_until) + a_check:
                yield Promise.LIVE, f"a restart was promised {_ago(now, asked.answered)} ago, and it is {truth.status}"
    if now > calm_since + a_check and truth.record.status != truth.status:
        yield Promise.TOLD, f"the record says {truth.record.status}, but it is {truth.status}"
    for at, names in truth.untold:
        if now > max(at, truth.disturbed_at + FENCE) + a_check:
            yield Promise.TOLD, f"the history does not tell {names[0]}"
    if truth.status == "available" and not truth.is_ill:
        unheld_since = max(
            [min(until, now) for _, until in truth.holds[-1:]] + [at for at, _ in truth.holds[-1:]] + [NEVER]
        )
        runs_from = max(_idle_from(truth, rules) + rules.idle, calm_since, unheld_since)
        if now > runs_from + a_check:
            yield Promise.THRIFTY, f"it has been idle for {_ago(now, _idle_from(truth, rules))} and still runs"


def _idle_from(truth: Truth, rules: Rules) -> float:
    """When it was last used, or came up by another's hand than AWS's own."""
    signs = [truth.restart_counted_at]
    if rules.metric:
        signs.append(truth.queried_at + MINUTE)
    if truth.activity and truth.activity[-1][1] is not None:
        signs.append(truth.activity[-1][1])
    is_unasked = truth.aws_start_was_foreseen and truth.restart_counted_at < truth.started_at - LAG
    if truth.ready_since is not None and not (truth.starter is Hand.AWS and is_unasked):
        # The idle window runs from when it was first seen up: by a check, at the latest.
        unseen = max(truth.ready_since, truth.disturbed_at + FENCE) + rules.interval + GRACE
        signs.append(truth.known_up_at if truth.known_up_at > NEVER else unseen)
    return max(signs, default=NEVER)


def _ago(now: float, then: float) -> str:
    return f"{(now - then) / MINUTE:.1f} min"
