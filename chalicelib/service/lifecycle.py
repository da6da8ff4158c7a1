"""The operations of the API and the functions. Each calls the reconciler, which alone decides."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

from chalicelib import telemetry
from chalicelib.aws.table import Table
from chalicelib.domain.errors import BadRequest, CannotStart, DatabaseNotFound, Problem, UnknownDatabase
from chalicelib.domain.history import History, build_history, days_of
from chalicelib.domain.model import Action, DatabaseRef, Kind, Observation, State
from chalicelib.domain.statuses import classify_status, remedy_for
from chalicelib.domain.transitions.commands import Command, EndHold, RequestRestart, SetHold
from chalicelib.service.executor import Clock, Sleep
from chalicelib.service.reconciler import DatabaseView, ExecutorFactory, Reconciler, ReconcileResult, thread_pool
from chalicelib.settings import Settings

MAX_HOLD: Final = timedelta(hours=168)
AUTOMATIC_START_EVENTS: Final = {Kind.INSTANCE: "RDS-EVENT-0154", Kind.CLUSTER: "RDS-EVENT-0153"}
"""RDS sends them when it starts a database that has been stopped for seven days.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.Messages.html
"""

_NO_ACTION: Final[frozenset[Action]] = frozenset()
_START_ONLY: Final = frozenset({Action.START})
_ALL: Final = frozenset({Action.START, Action.STOP})

_POLLS_AFTER_EVENT: Final = 12
_POLL_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class RestartResult:
    """The result of a restart: whether the database is available already, the message, and its state."""

    ready: bool
    message: str
    view: DatabaseView
    action_taken: Action


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found and did about one database."""

    database: str
    state: State | None
    action: Action
    reason: str
    detail: str
    failed: bool = False

    def to_json(self) -> dict[str, str | None]:
        """The entry of the check's result."""
        return {
            "database": self.database,
            "state": self.state,
            "action": self.action,
            "reason": self.reason,
            "detail": self.detail,
        }


class CheckFailed(Exception):
    """The check of at least one database failed; the others were checked. Lambda counts it, EventBridge retries."""

    def __init__(self, results: Sequence[CheckResult]) -> None:
        self.results = tuple(results)
        failed = [f"{r.database}: {r.reason}: {r.detail}" for r in results if r.failed]
        super().__init__(f"The check of {len(failed)} of {len(results)} databases failed. " + " | ".join(failed))


class Lifecycle:
    """The operations on the databases of one deployment."""

    def __init__(
        self,
        settings: Settings,
        reconciler: Reconciler,
        table: Table,
        clock: Clock,
        sleep: Sleep = time.sleep,
        make_pool: ExecutorFactory = thread_pool,
    ) -> None:
        self.settings = settings
        self._reconciler = reconciler
        self._table = table
        self._clock = clock
        self._sleep = sleep
        self._make_pool = make_pool

    def database(self, database_id: str | None = None) -> DatabaseRef:
        """The managed database with that id; the default one for None. Raises UnknownDatabase."""
        if database_id is None:
            return self.settings.databases[0]
        ref = self.settings.database(database_id)
        if ref is None:
            raise UnknownDatabase(database_id)
        return ref

    def describe(self, ref: DatabaseRef) -> DatabaseView:
        """The state of the database. Safe: changes nothing, does not extend the idle timer. Raises Problem."""
        return self._reconciler.view(self._reconciler.observe([ref])[ref])

    def describe_all(self) -> dict[DatabaseRef, DatabaseView | DatabaseNotFound]:
        """The state of every database, or DatabaseNotFound where RDS does not find it. Raises any other Problem."""
        observations = self._reconciler.read_metrics(self._reconciler.observe(self.settings.databases))
        return {ref: self._view_if_found(observation) for ref, observation in observations.items()}

    def restart(self, ref: DatabaseRef, by: str) -> RestartResult:
        """Start the database, now or as soon as possible. Raises CannotStart where manual action is required first."""
        result = self._reconciler.reconcile(ref, _START_ONLY, command=RequestRestart(by, self._clock()))
        view = result.view or self.describe(ref)
        status = view.description.status
        match result.observed.state:
            case State.STOPPED:
                message = f"{ref.label} starting"
            case State.STARTING:
                message = "RDS already starting"
            case State.STOPPING:
                message = "RDS stopping; it will start as soon as it has stopped"
            case State.RUNNING | State.BUSY:
                message = f"RDS already {status}"
            case State.FAILED if result.action_taken is Action.START:
                message = f"{ref.label} starting"
            case State.FAILED:
                raise CannotStart(f"RDS reports {status} and cannot start it.", remedy_for(status))
            case unexpected:
                assert_never(unexpected)
        return RestartResult(result.observed.ready, message, view, result.action_taken)

    def hold(self, ref: DatabaseRef, wanted: timedelta | datetime, by: str) -> DatabaseView:
        """Do not stop the database for this duration, or before this time.

        Raises BadRequest where the end is not within the next 168 hours, and any other Problem.
        """
        now = self._clock()
        until = wanted if isinstance(wanted, datetime) else now + wanted
        if not now < until <= now + MAX_HOLD:
            raise BadRequest("The end of a hold must be in the future, and at most 168 hours from now.")
        return self._apply(ref, SetHold(until, by))

    def end_hold(self, ref: DatabaseRef, by: str) -> DatabaseView:
        """End the hold, so that the database is stopped when it is idle. Raises Problem."""
        return self._apply(ref, EndHold(by))

    def history(self, ref: DatabaseRef, days: int) -> History:
        """What happened to the database in the last ``days`` days, at most 90. Raises Problem."""
        now = self._clock()
        start = now - timedelta(days=days)
        return build_history(self._table.history(ref, days_of(start, now)), start, now)

    def report_activity(self, ref: DatabaseRef) -> DatabaseView:
        """Record that the database was queried now. Raises Problem; the report is saved even if RDS fails."""
        self._table.report_activity(ref, self._clock())
        return self.describe(ref)

    def check(self) -> list[CheckResult]:
        """Reconcile every database. Raises CheckFailed after the last one if the check of any failed."""
        refs = self.settings.databases
        try:
            observations = self._reconciler.read_metrics(self._reconciler.observe(refs))
        except Problem as problem:
            raise CheckFailed([_failed(ref, problem) for ref in refs]) from problem
        return self._run_concurrently(lambda ref: self._check(observations[ref]))

    def handle_event(self, ref: DatabaseRef, *, automatic_start_announced: bool = False) -> ReconcileResult:
        """Reconcile the database that an RDS event names. Raises Problem.

        ``automatic_start_announced``: the event says that AWS starts the database itself. No description shows this.

        Events are delivered on a best-effort basis, and one was observed to precede the status that it announces. So a
        database that is starting or stopping is observed again, for a minute at most:
        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/working-with-events.html
        """
        for _ in range(_POLLS_AFTER_EVENT):
            result = self._reconciler.reconcile(ref, _ALL, automatic_start_announced=automatic_start_announced)
            is_moving = result.observed.state in (State.STARTING, State.STOPPING)
            if result.action_taken is not Action.NONE or not is_moving:
                break
            self._sleep(_POLL_SECONDS)
        return result

    def warm_up(self, by: str) -> list[CheckResult]:
        """Restart every database. Raises CheckFailed after the last one if any could not be restarted."""

        def restart(ref: DatabaseRef) -> CheckResult:
            result = self.restart(ref, by)
            state = classify_status(result.view.description.status).state
            return CheckResult(ref.id, state, result.action_taken, result.view.decision.reason, result.message)

        return self._run_concurrently(restart)

    def _apply(self, ref: DatabaseRef, command: Command) -> DatabaseView:
        return self._reconciler.reconcile(ref, _NO_ACTION, command=command).view or self.describe(ref)

    def _view_if_found(self, observation: Observation) -> DatabaseView | DatabaseNotFound:
        if isinstance(observation.description, DatabaseNotFound):
            return observation.description
        return self._reconciler.view(observation)

    def _check(self, observation: Observation) -> CheckResult:
        ref = observation.ref
        result = self._reconciler.reconcile(ref, _ALL, observation=observation)
        decision = result.decision
        action, fails = result.action_taken, decision.check_fails
        return CheckResult(ref.id, result.observed.state, action, decision.reason, decision.detail, fails)

    def _run_concurrently(self, work: Callable[[DatabaseRef], CheckResult]) -> list[CheckResult]:
        """The work for every database; a failure of one does not affect the others. Raises CheckFailed at the end."""
        refs = self.settings.databases
        if len(refs) == 1:
            results = [_isolated(refs[0], work)]
        else:
            with self._make_pool() as pool:
                results = list(pool.map(lambda ref: _isolated(ref, work), refs))
        if any(result.failed for result in results):
            raise CheckFailed(results)
        return results


def _isolated(ref: DatabaseRef, work: Callable[[DatabaseRef], CheckResult]) -> CheckResult:
    try:
        return work(ref)
    except Problem as problem:
        return _failed(ref, problem)
    except Exception:  # noqa: BLE001 - an internal error with one database must not keep the others from being checked
        telemetry.logger.exception("Internal error.", extra={"database": ref.id})
        detail = "Internal error. The log contains the stack trace."
        return CheckResult(ref.id, None, Action.NONE, Problem.slug, detail, failed=True)


def _failed(ref: DatabaseRef, problem: Problem) -> CheckResult:
    """The result, and a log line, which also contains the error message of AWS."""
    telemetry.logger.error(problem.detail, extra={"database": ref.id, "problem": str(problem)})
    return CheckResult(ref.id, None, Action.NONE, problem.slug, problem.detail, failed=True)
