"""Sees every call, answer, write and change of status, keeps the truth, and holds it against the promises."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.attributes import from_attributes
from chalicelib.aws.records import decode_record
from chalicelib.domain.errors import Problem
from chalicelib.domain.model import DatabaseRef, State
from chalicelib.domain.statuses import classify_status
from chalicelib.domain.timestamps import parse_time
from chalicelib.service.lifecycle import CheckFailed
from dev.local.rds_behavior import Cause, StatusChange
from tests.simulation import promises
from tests.simulation.client import Call
from tests.simulation.clockwork import Clockwork
from tests.simulation.expressions import Item
from tests.simulation.functions import LIMIT, Answer
from tests.simulation.metric import ref_of as metric_ref
from tests.simulation.network import Invocation
from tests.simulation.promises import Promise, Rules
from tests.simulation.truth import NEVER, Asked, Hand, Truth
from tests.simulation.weather import Fault


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken."""

    promise: Promise
    at: float
    ref: DatabaseRef
    what: str


class Judge:
    """One run's. Ends the run at the first broken promise."""

    def __init__(self, clockwork: Clockwork, rules: Rules, keys: Mapping[str, DatabaseRef]) -> None:
        self.violation: Violation | None = None
        self._entries: list[tuple[float, str]] = []
        self.figures: Counter[str] = Counter()
        self.changes = 0
        self._clockwork = clockwork
        self._rules = rules
        self._activity_keys = keys
        self._truths: dict[DatabaseRef, Truth] = {}
        self._hand = Hand.APP

    # --- what happens ---

    def minds(self, ref: DatabaseRef, status: str) -> Truth:
        """A database is there from the start."""
        truth = self._truths[ref] = Truth(ref, status)
        truth.ready_since = 0.0 if truth.is_ready else None
        return truth

    @contextmanager
    def somebody(self, ref: DatabaseRef, what: str) -> Iterator[None]:
        """What is done meanwhile is done by hand, in the console."""
        self.notes(f"somebody {what}s {ref.id} in the console")
        self._hand = Hand.SOMEBODY
        try:
            yield
        finally:
            self._hand = Hand.APP

    def notes(self, what: str) -> None:
        """For the trace."""
        self._entries.append((self._clockwork.now, what))

    @property
    def trace(self) -> tuple[str, ...]:
        """All notes, with the time of day."""
        return tuple(f"{self._clockwork.time_of(at):%Y-%m-%d %H:%M:%S.%f}  {what}" for at, what in self._entries)

    def changed(self, transition: StatusChange) -> None:
        """The status of a database has truly changed."""
        self.changes += 1
        truth, at = self._truths[transition.ref], self._clockwork.seconds_of(transition.at)
        self.notes(f"RDS: {transition.ref.id} is {transition.after} ({transition.cause.value})")
        if transition.after == "starting":
            self._starts(truth, transition, at)
        if transition.after == "stopping":
            self._stops(truth, at)
        hindered = truth.disturbed_at >= truth.started_at
        if transition.cause is Cause.NO_EFFECT and (truth.starter is not Hand.APP or hindered):
            truth.untold = [
                (at, names) for at, names in truth.untold if "starting" not in names
            ]  # perhaps nobody looked, or could write it down
        was_ready = truth.is_ready
        truth.status, truth.status_since = transition.after, at
        if classify_status(transition.after).state == "failed":
            truth.starter = Hand.SOMEBODY  # the app takes what comes after a failure for a new beginning
        if truth.is_ready and not was_ready:
            if truth.record.status and classify_status(truth.record.status).ready:
                self._forgive_what_was_undone(truth)
            truth.ready_since, truth.known_up_at = at, NEVER
            truth.was_known_down &= not (truth.record.status and classify_status(truth.record.status).ready)
            truth.owed = [asked for asked in truth.owed if asked.began > at]
        if not truth.is_ready:
            truth.ready_since = None

    def wrote(self, key: str, before: Item | None, after: Item) -> None:
        """An item of the table has changed."""
        self.changes += 1
        now = self._clockwork.now
        kind, _, rest = key.partition("/")
        if key in self._activity_keys:
            self._truths[self._activity_keys[key]].activity.append((now, self._time_in(after)))
        elif kind == "rds_lifecycle":
            self._recorded(self._by_id(rest), after, now)
        elif kind == "rds_history":
            known = len(before["events"]["L"]) if before else 0
            news = [from_attributes(event["M"]) for event in after["events"]["L"][known:]]
            for event in news:
                self._with_event(self._by_id(rest.partition("/")[0]), event, now)

    def called(
        self, invocation: Invocation, call: Call, refs: tuple[DatabaseRef, ...], answer: Any, error: ClientError | None
    ) -> None:
        """A call took effect, or was refused by the service."""
        now = self._clockwork.now
        if call.operation == "BatchGetItem":
            invocation.looked_at.update(dict.fromkeys(refs, now))
        elif call.operation == "GetMetricData":
            for query, series in zip(call.request["MetricDataQueries"], answer["MetricDataResults"], strict=True):
                seconds = [self._clockwork.seconds_of(at) for at in series["Timestamps"]]
                invocation.metric[metric_ref(query)] = list(zip(seconds, series["Values"], strict=True))
        elif call.operation.startswith("StopDB"):
            self.figures["stops asked of RDS"] += 1
            truth = self._truths[refs[0]]
            self._note_call(invocation, call, error)
            for complaint in promises.of_a_stop(truth, invocation, self._rules, now):
                self._complain(Promise.SAFE, truth, complaint)
            if error is None:
                self._expect(truth, "stopping", "stopped")
                if truth.held_until_as_of(now) > now:
                    truth.owed.append(Asked(now, invocation, now))
        elif call.operation.startswith("StartDB"):
            self._note_call(invocation, call, error)
            if error is None:
                self._expect(self._truths[refs[0]], "starting", "available", "start-failed")

    def disturbed(self, fault: Fault | str, refs: Iterable[DatabaseRef], invocation: Invocation | None = None) -> None:
        """Something went wrong, which is nobody's fault here."""
        self.figures[f"fault: {fault}"] += 1
        where = "" if invocation is None else f" in {invocation.function}"
        self.notes(f"fault: {fault}{where}")
        for ref in refs:
            if ref in self._truths:
                self._truths[ref].disturbed_at = self._clockwork.now

    def asks(self, ref: DatabaseRef, invocation: Invocation | None) -> Asked:
        """A restart is asked for."""
        self.figures["restarts asked for"] += 1
        asked = Asked(self._clockwork.now, invocation)
        self._truths[ref].asked.append(asked)
        return asked

    def no_room(self, ref: DatabaseRef, until: float) -> None:
        """AWS has no capacity for it."""
        self.figures["fault: no capacity"] += 1
        self._truths[ref].no_room_until = until

    def is_ill(self, ref: DatabaseRef, *, gone: bool) -> None:
        """Something is wrong with it for good."""
        self._truths[ref].is_ill, self._truths[ref].is_gone = True, gone

    def queried(self, ref: DatabaseRef) -> None:
        """Somebody truly uses the database, whether it is reported or not."""
        self._truths[ref].queried_at = self._clockwork.now

    def answered(self, invocation: Invocation, ask: str, ref: DatabaseRef, answer: Answer) -> None:
        """A request was answered, or never will be."""
        truth, now = self._truths[ref], self._clockwork.now
        self.notes(f"{ask} of {ref.id} is answered with {answer.status} {answer.body.get('message', '')}")
        if answer.status is None:
            return
        if answer.status not in (200, 202, 404, 409, 502, 503):
            self._complain(Promise.TOLD, truth, f"{ask} was answered with {answer.status}: {answer.body}")
        asked = next((asked for asked in reversed(truth.asked) if asked.invocation is invocation), None)
        if ask != "restart" or asked is None:
            return
        self.figures[f"restarts answered with {answer.status}"] += 1
        for complaint in promises.of_a_restart(truth, asked, answer, now):
            self._complain(Promise.LIVE, truth, complaint)
        if answer.status == 200:
            asked.answered = now
            truth.told_ready.append(asked)
        elif promises.is_kept(answer):
            asked.answered = now
            has_come_up = truth.ready_since is not None and truth.ready_since > asked.began
            is_settled = truth.is_ready and truth.record.stop_intent is None and truth.record.pending_restart is None
            if not has_come_up and not is_settled:
                truth.owed.append(asked)

    def ended(self, invocation: Invocation, error: Exception | None) -> None:
        """A function ended by itself."""
        self.figures[f"runs of {invocation.function}"] += 1
        truth = self._truths[invocation.refs[0]]
        expected = error is None or isinstance(error, CheckFailed | Problem)
        if not expected:
            self._complain(Promise.TOLD, truth, f"{invocation.function} raised {error!r}")
        if error is not None and not invocation.disturbed and self._is_fair(invocation):
            self._complain(Promise.TOLD, truth, f"{invocation.function} failed although nothing was wrong: {error}")
        if invocation.unlogged and not invocation.disturbed:
            self._complain(Promise.TOLD, truth, f"the log does not tell {invocation.unlogged}")

    def logged(self, invocation: Invocation, ref_id: str, event: str) -> None:
        """A line of the log tells an event of the history."""
        entry = (self._by_id(ref_id).ref, event)
        if entry in invocation.unlogged:
            invocation.unlogged.remove(entry)

    def looks_for_what_is_overdue(self) -> None:
        """Every promise that has a time limit."""
        now = self._clockwork.now
        for truth in self._truths.values():
            if truth.is_gone:
                continue
            for promise, complaint in promises.overdue(truth, self._rules, now):
                self._complain(promise, truth, complaint)

    def is_quiet(self) -> bool:
        """Whether everything is asleep, known to be so, and nothing is waited for."""
        return all(
            truth.status == truth.record.status
            and classify_status(truth.status).state in (State.STOPPED, State.BUSY, State.FAILED)
            and not truth.owed
            and not (truth.record.pending_restart or truth.record.stop_intent or truth.record.accepted_start)
            for truth in self._truths.values()
        )

    def next_hold_end(self) -> float:
        """When the next hold ends; in the past for none."""
        now = self._clockwork.now
        return min((truth.holds[-1][1] for truth in self._truths.values() if truth.holds and truth.holds[-1][1] > now), default=math.inf)

    # --- what follows from it ---

    def _starts(self, truth: Truth, transition: StatusChange, at: float) -> None:
        if transition.cause is Cause.SEVEN_DAYS:
            truth.starter = Hand.AWS
            due = truth.record.automatic_restart_at
            truth.aws_start_was_foreseen = (
                due is not None
                and self._clockwork.seconds_of(due) <= at
                and truth.record.pending_restart is None
                and truth.record.status == "stopped"
            )
        else:
            truth.starter = self._hand
        truth.started_at = at
        # Where a start has come to nothing and another follows at the same moment, it is "starting" all the time.
        if truth.starter is not Hand.APP and truth.record.status != "starting":
            self._expect(truth, "starting", "available", "start-failed", "first-seen")
        self.figures[f"starts by {truth.starter.value}"] += 1
        truth.was_known_down = truth.starter is not Hand.AWS
        if truth.starter is Hand.APP:
            for complaint in promises.of_a_start(truth):
                self._complain(Promise.RESPECTFUL, truth, complaint)

    def _stops(self, truth: Truth, at: float) -> None:
        self.figures[f"stops by {self._hand.value}"] += 1
        # Where a stop was called off, it was up all the time: an idle window later the restart has come true.
        truth.owed = [asked for asked in truth.owed if at - asked.began <= self._rules.idle]
        if self._hand is Hand.APP:
            truth.stopped_by_app_at = at
            truth.was_known_up_then = False
        else:
            truth.stopped_by_somebody_at = at
            self._expect(truth, "stopping", "stopped", "first-seen")
            status = truth.record.status
            truth.was_known_up_then = bool(
                status and classify_status(status).ready and truth.record.pending_restart is None
            )

    def _recorded(self, truth: Truth, item: Item, now: float) -> None:
        before, truth.record = truth.record, decode_record(item)
        if truth.record.stop_intent is not None and truth.record.stop_intent != before.stop_intent:
            truth.fenced_at = now
        if truth.record.hold != before.hold:
            hold = truth.record.hold
            truth.holds.append((now, NEVER if hold is None else self._clockwork.seconds_of(hold.until)))
        if (
            truth.record.last_restart_requested_at != before.last_restart_requested_at
            and truth.record.last_restart_requested_at is not None
        ):
            truth.restart_counted_at = self._clockwork.seconds_of(truth.record.last_restart_requested_at)
            if not any(asked.began - 0.001 <= truth.restart_counted_at <= asked.last_moment for asked in truth.asked):
                self._complain(Promise.TOLD, truth, "a restart is counted that nobody asked for")
        if truth.record.stop_intent is None and truth.record.pending_restart is None:
            self._called_off(truth)
        status = truth.record.status
        if truth.ready_since is not None and truth.known_up_at == NEVER and status and classify_status(status).ready:
            truth.known_up_at = now

    def _called_off(self, truth: Truth) -> None:
        """Nothing is about to stop or to start it: where it is up, or was when whoever writes now looked, restarts that
        met a stop which was called off have come true. Somebody may have stopped it in between.
        """
        owner, stopped_at, status = self._clockwork.owner, truth.stopped_by_somebody_at, truth.record.status
        if truth.is_ready:
            truth.owed.clear()
        elif isinstance(owner, Invocation) and owner.began <= stopped_at and status and classify_status(status).ready:
            truth.owed = [asked for asked in truth.owed if asked.began > stopped_at - promises.LAG]

    def _with_event(self, truth: Truth, event: Mapping[str, Any], now: float) -> None:
        name = str(event["event"])
        self.notes(f"history of {truth.ref.id}: {name} by {event.get('by')}: {event['detail']}")
        truth.untold = [(at, names) for at, names in truth.untold if name not in names]
        if abs((parse_time(event["at"]) - self._clockwork.clock()).total_seconds()) > LIMIT:
            self._complain(Promise.TOLD, truth, f"{name} is told with the time {event['at']}")
        if not event["detail"] or (name in ("starting", "stopping", "stopped") and not event.get("by")):
            self._complain(Promise.TOLD, truth, f"{name} is told without its cause")
        if name in ("restart-expired", "restart-cancelled"):
            self.figures[f"restarts {name.removeprefix('restart-')}"] += 1
            self._given_up(truth, name, now)
        invocation = self._clockwork.owner
        assert isinstance(invocation, Invocation)
        invocation.unlogged.append((truth.ref, name))

    def _given_up(self, truth: Truth, name: str, now: float) -> None:
        latest = max((asked.began for asked in truth.owed), default=None)
        if name == "restart-expired" and latest is not None and now - latest < self._rules.expires_after - 60:
            self._complain(Promise.LIVE, truth, f"a restart was given up {(now - latest) / 60:.0f} min after the click")
        is_failed = classify_status(truth.status).state == "failed"
        if name == "restart-cancelled" and not is_failed and now - truth.status_since > promises.LAG:
            self._complain(Promise.LIVE, truth, f"a restart was dropped although it was {truth.status}")
        truth.owed.clear()

    def _forgive_what_was_undone(self, truth: Truth) -> None:
        """It was down and is up again. An app that was hindered meanwhile cannot know what others did and undid."""
        others = [entry for entry in truth.untold if "first-seen" in entry[1]]
        if others and truth.disturbed_at >= others[0][0]:
            truth.untold = [entry for entry in truth.untold if entry not in others]

    def _expect(self, truth: Truth, *names: str) -> None:
        truth.untold.append((self._clockwork.now, names))

    def _note_call(self, invocation: Invocation, call: Call, error: ClientError | None) -> None:
        outcome = "accepted" if error is None else error.response["Error"]["Code"]
        self.notes(f"{invocation.function} calls {call.operation}: {outcome}")

    def _is_fair(self, invocation: Invocation) -> bool:
        return all(
            truth.disturbed_at < invocation.began - self._rules.interval
            and truth.status_since < invocation.began - promises.LAG
            and truth.no_room_until < invocation.began
            and not truth.is_ill
            and classify_status(truth.status).state is not State.FAILED
            for truth in (self._truths[ref] for ref in invocation.refs)
        )

    def _time_in(self, item: Item) -> float | None:
        try:
            return self._clockwork.seconds_of(parse_time(from_attributes(item).get("value")))
        except ValueError:
            return None

    def _by_id(self, ref_id: str) -> Truth:
        return next(truth for ref, truth in self._truths.items() if ref.id == ref_id)

    def _complain(self, promise: Promise, truth: Truth, what: str) -> None:
        self.notes(f"BROKEN: {promise}: {truth.ref.id}: {what}")
        self.violation = self.violation or Violation(promise, self._clockwork.now, truth.ref, what)
