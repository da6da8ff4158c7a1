"""Mutants: the app without one of its protections, by replacing public functions, classes and constants.

Each is a plausible mistake. The fuzzer has to detect every one of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from unittest.mock import patch

from chalicelib import bootstrap
from chalicelib.aws import metric
from chalicelib.aws.rds import Rds
from chalicelib.aws.table import Table
from chalicelib.domain import decision, statuses
from chalicelib.domain.activity import Activity, LastQuery
from chalicelib.domain.errors import AwsUnavailable, CannotStop, InsufficientCapacity, InvalidState, WriteConflict
from chalicelib.domain.model import (
    DatabaseRef,
    Decision,
    Description,
    EventName,
    Observation,
    Policy,
    Reason,
    State,
    StatusInfo,
    Transition,
)
from chalicelib.domain.record import DatabaseRecord
from chalicelib.domain.restart_expiry import last_requested_at
from chalicelib.domain.statuses import classify_status
from chalicelib.domain.transitions import observations, status_changes
from chalicelib.domain.transitions.commands import Command, RequestRestart, SetHold, apply_command
from chalicelib.domain.transitions.observations import apply_observation
from chalicelib.domain.transitions.results import start_accepted
from chalicelib.service import executor, reconciler
from chalicelib.service.executor import ActionExecutor, Clock, Sleep
from chalicelib.service.lifecycle import CheckResult, Lifecycle
from chalicelib.service.reconciler import Reconciler
from chalicelib.settings import Settings

Mutant = Callable[[], ExitStack]

SEEDS: Final = 120
"""The fuzzer has to detect each of MUTANTS within this number of seeds."""


def _replace(*replacements: tuple[Any, str, Any]) -> ExitStack:
    stack = ExitStack()
    for owner, name, replacement in replacements:
        stack.enter_context(patch.object(owner, name, replacement))
    return stack


def _decide_on(record_of: Callable[[DatabaseRecord], DatabaseRecord]) -> ExitStack:
    """Decisions ignore parts of the record."""

    def decide(observation: Observation, record: DatabaseRecord, policy: Policy, now: datetime) -> Decision:
        return decision.decide(observation, record_of(record), policy, now)

    return _replace((reconciler, "decide", decide))


def without_stop_intent() -> ExitStack:
    """No stop intent is stored before a stop."""
    return _replace((executor, "set_stop_intent", lambda record, _reason, _now: Transition(record)))


def without_recheck() -> ExitStack:
    """The activity that was read before the stop intent was set decides."""
    read = Table.read

    def read_once(table: Table, refs: Sequence[DatabaseRef]) -> dict[DatabaseRef, tuple[DatabaseRecord, Activity]]:
        stored = read(table, refs)
        known: dict[DatabaseRef, Activity] = table.__dict__.setdefault("activity_known_to_mutant", {})
        known.update({ref: activity for ref, (record, activity) in stored.items() if record.stop_intent is None})
        return {ref: (record, known.get(ref, activity)) for ref, (record, activity) in stored.items()}

    return _replace((Table, "read", read_once))


def restart_saved_after_the_call() -> ExitStack:
    """RDS is called first; the restart is saved after the response."""

    class Mutated(_ExecutorWithAdapters):
        def start(self, observation: Observation, transition: Transition) -> Observation | None:
            ref, now = observation.ref, observation.at
            self.rds.start(ref)
            record = self.record(ref, observation.record, transition, now)
            self.record(ref, record, start_accepted(record, now), now)
            return None

    return _replace((reconciler, "ActionExecutor", Mutated))


def revision_not_checked() -> ExitStack:
    """The last writer wins."""
    commit = Table.commit

    def overwrite(
        table: Table, ref: DatabaseRef, before: DatabaseRecord, transition: Transition, now: datetime
    ) -> DatabaseRecord:
        while True:
            try:
                return commit(table, ref, before, transition, now)
            except WriteConflict:
                before = replace(before, revision=table.read([ref])[ref][0].revision)

    return _replace((Table, "commit", overwrite))


def idle_timer_ignores_the_start() -> ExitStack:
    """Only the last query counts: a database is stopped right after it has been started."""
    return _decide_on(
        lambda record: replace(record, available_since=None, first_observed_at=None, last_restart_requested_at=None)
    )


def no_seven_day_rule() -> ExitStack:
    """A start by AWS counts as a start by a person."""
    return _replace((status_changes, "is_started_by_aws", lambda _record, _now: False))


def restart_dropped_on_503() -> ExitStack:
    """A restart whose start AWS did not accept is lost."""

    class Mutated(_ExecutorWithAdapters):
        def start(self, observation: Observation, transition: Transition) -> Observation | None:
            try:
                return super().start(observation, transition)
            except (AwsUnavailable, InsufficientCapacity):
                record, _ = self.table.read([observation.ref])[observation.ref]
                forgotten = Transition(replace(record, pending_restart=None))
                self.record(observation.ref, record, forgotten, observation.at)
                raise

    return _replace((reconciler, "ActionExecutor", Mutated))


def one_failure_ends_the_check() -> ExitStack:
    """Databases are checked one after the other, and the first failure ends the check."""

    class Mutated(Lifecycle):
        def __init__(
            self, settings: Settings, reconciler: Reconciler, table: Table, clock: Clock, sleep: Sleep, _: object
        ) -> None:
            super().__init__(settings, reconciler, table, clock, sleep, _UntilTheFirstFailure)

    return _replace((bootstrap, "Lifecycle", Mutated))


def hold_ignored() -> ExitStack:
    """A hold is stored and shown, but has no effect."""
    return _decide_on(lambda record: replace(record, hold=None))


def stop_intent_never_expires() -> ExitStack:
    """After a crash between the stop intent and the stop, the database is never stopped again."""
    return _replace((statuses, "STOP_INTENT_TTL", timedelta(days=3650)))


def stop_intent_without_effect() -> ExitStack:
    """The stop intent is stored, but restarts ignore it."""
    return _replace(
        (reconciler, "effective_status", lambda description, _record, _now: classify_status(description.status))
    )


def stale_descriptions_believed() -> ExitStack:
    """A description with the status before a change counts."""
    return _replace((reconciler, "ignore_stale_description", lambda description, _record, _now: description))


def restart_forgotten_while_starting() -> ExitStack:
    """A restart that is requested while a start from outside is in progress relies on that start."""

    def forget(record: DatabaseRecord, command: Command, info: StatusInfo | None, now: datetime) -> Transition:
        transition = apply_command(record, command, info, now)
        if isinstance(command, RequestRestart) and info is not None and info.state is State.STARTING:
            return replace(transition, record=replace(transition.record, accepted_start=record.accepted_start))
        return transition

    return _replace((reconciler, "apply_command", forget))


def stale_description_resolves_a_restart() -> ExitStack:
    """A restart requested during a stop is dropped as soon as a description shows the database as available."""
    return _replace((observations, "CONSISTENCY_WINDOW", timedelta(0)))


def pending_restart_relies_on_any_start() -> ExitStack:
    """A pending restart is dropped where any start is in progress, even an external one."""
    return _replace((DatabaseRecord, "with_external_start", lambda record, *_: replace(record, pending_restart=None)))


def late_hold_relies_on_rds() -> ExitStack:
    """A hold that comes too late restarts the database only if RDS describes the database."""

    def rely(record: DatabaseRecord, command: Command, info: StatusInfo | None, now: datetime) -> Transition:
        if isinstance(command, SetHold) and info is None:
            info = StatusInfo(State.RUNNING, ready=True)
        return apply_command(record, command, info, now)

    return _replace((reconciler, "apply_command", rely))


def unobserved_cycles_not_recorded() -> ExitStack:
    """That a stopped database was running since the last observation is not recorded."""
    return _replace((status_changes, "is_later_stop", lambda *_: False))


def expiry_not_recorded() -> ExitStack:
    """A restart expires without an event."""

    def silent(record: DatabaseRecord, description: Description, policy: Policy, now: datetime) -> Transition:
        transition = apply_observation(record, description, policy, now)
        events = tuple(event for event in transition.events if event.name is not EventName.RESTART_EXPIRED)
        return replace(transition, events=events)

    return _replace((reconciler, "apply_observation", silent), (executor, "apply_observation", silent))


def unreported_connections_ignored() -> ExitStack:
    """A database without reports is unused, whatever connections are open."""
    return _replace((decision, "are_reports_trusted", lambda _activity, _now: True))


def reports_trusted_forever() -> ExitStack:
    """A reporter that has been silent for months still counts."""
    return _replace((decision, "are_reports_trusted", lambda activity, _now: isinstance(activity, LastQuery)))


def old_datapoints_believed() -> ExitStack:
    """The newest datapoint counts, however old it is."""
    return _replace((metric, "LARGEST_DATAPOINT_AGE", timedelta(days=1)))


def missing_metric_never_fails() -> ExitStack:
    """A metric that is missing for days keeps the database running, and every check succeeds."""

    def decide(observation: Observation, record: DatabaseRecord, policy: Policy, now: datetime) -> Decision:
        decided = decision.decide(observation, record, policy, now)
        return replace(decided, check_fails=decided.check_fails and decided.reason is not Reason.METRIC_UNKNOWN)

    return _replace((reconciler, "decide", decide))


def one_activity_item_read() -> ExitStack:
    """Only one item of each database is read, in lower case."""
    keys_of = Settings.activity_keys_of

    def first_key_of(settings: Settings, ref: DatabaseRef) -> tuple[str, ...]:
        return keys_of(settings, ref)[:1]

    return _replace((Settings, "activity_keys_of", first_key_of))


def ids_compared_by_case() -> ExitStack:
    """An id that is written as in DATABASES is unknown, if that is not in lower case."""

    def find(settings: Settings, database_id: str) -> DatabaseRef | None:
        return next((ref for ref in settings.databases if ref.id == database_id), None)

    return _replace((Settings, "database", find))


def restored_database_continues_the_record() -> ExitStack:
    """A database that is restored under the same id is taken for the old one."""
    return _replace((observations, "is_replaced", lambda *_: False), (statuses, "is_replaced", lambda *_: False))


def automatic_start_by_its_time() -> ExitStack:
    """Any start after AutomaticRestartTime counts as one by AWS."""

    def announced(record: DatabaseRecord, description: Description, policy: Policy, now: datetime) -> Transition:
        return apply_observation(record, replace(description, automatic_start_announced=True), policy, now)

    return _replace((reconciler, "apply_observation", announced))


def restart_expires_while_stopping() -> ExitStack:
    """A pending restart expires after some time, even if RDS could not start the database."""

    def is_expired(record: DatabaseRecord, policy: Policy, now: datetime) -> bool:
        restart = record.pending_restart
        return restart is not None and now - last_requested_at(restart, record) > policy.restart_ttl

    return _replace((observations, "is_restart_expired", is_expired), (decision, "is_restart_expired", is_expired))


def refused_stop_taken_for_impossible() -> ExitStack:
    """A stop that RDS refuses for the state of a member counts as one that RDS never accepts."""
    stop = Rds.stop

    def give_up(rds: Rds, ref: DatabaseRef) -> Description:
        try:
            return stop(rds, ref)
        except InvalidState as refusal:
            raise CannotStop("RDS cannot stop it.") from refusal

    return _replace((Rds, "stop", give_up))


def pending_modifications_discarded() -> ExitStack:
    """A database with pending modifications is stopped as any other."""

    def decide(observation: Observation, record: DatabaseRecord, policy: Policy, now: datetime) -> Decision:
        if isinstance(observation.description, Description):
            described = replace(observation.description, pending_modifications=())
            observation = replace(observation, description=described)
        return decision.decide(observation, record, policy, now)

    return _replace((reconciler, "decide", decide))


def end_of_an_operation_counts_as_a_start() -> ExitStack:
    """The idle timer begins anew after every RDS operation."""

    def restarted(record: DatabaseRecord, description: Description, policy: Policy, now: datetime) -> Transition:
        transition = apply_observation(record, description, policy, now)
        was_ready = record.status is not None and classify_status(record.status).ready
        if transition.record.available_since is None or was_ready or not classify_status(description.status).ready:
            return transition
        return replace(transition, record=replace(transition.record, available_since=now))

    return _replace((reconciler, "apply_observation", restarted))


class _ExecutorWithAdapters(ActionExecutor):
    def __init__(self, policy: Policy, rds: Rds, table: Table, clock: Clock, sleep: Sleep) -> None:
        super().__init__(policy, rds, table, clock, sleep)
        self.rds, self.table = rds, table


class _UntilTheFirstFailure(Executor):
    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any], **_: Any) -> Iterator[Any]:
        for ref in iterables[0]:
            result: CheckResult = fn(ref)
            yield result
            if result.failed:
                return


MUTANTS: Final = (
    without_stop_intent,
    without_recheck,
    restart_saved_after_the_call,
    revision_not_checked,
    idle_timer_ignores_the_start,
    no_seven_day_rule,
    restart_dropped_on_503,
    one_failure_ends_the_check,
    hold_ignored,
    stop_intent_never_expires,
    stop_intent_without_effect,
    stale_descriptions_believed,
    expiry_not_recorded,
    unreported_connections_ignored,
    reports_trusted_forever,
    old_datapoints_believed,
    missing_metric_never_fails,
    one_activity_item_read,
    ids_compared_by_case,
    restored_database_continues_the_record,
    automatic_start_by_its_time,
    restart_expires_while_stopping,
    refused_stop_taken_for_impossible,
    pending_modifications_discarded,
    end_of_an_operation_counts_as_a_start,
)
"""Those that random plans detect. The others need a rare coincidence, which test_regressions.py contains."""

FIRST: Final[Mapping[Mutant, int]] = {
    revision_not_checked: 28,
    restart_dropped_on_503: 28,
    one_failure_ends_the_check: 25,
    expiry_not_recorded: 45,
    reports_trusted_forever: 28,
    end_of_an_operation_counts_as_a_start: 61,
}
"""The seed at which the fuzzer starts for a mutant, if not the first: it saves plans that do not show the mutant."""
