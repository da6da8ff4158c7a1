"""The operations of the product. Each is a wish and the one loop of reconcile.py; none decides by itself."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, assert_never

from chalicelib import telemetry
from chalicelib.api.problems import slug_of
from chalicelib.aws.clients import cloudwatch_client, dynamodb_client, rds_client
from chalicelib.aws.metric import ActivityMetric
from chalicelib.aws.rds import Rds
from chalicelib.aws.table import Table
from chalicelib.domain.errors import BadRequest, CannotStart, DatabaseNotFound, Problem, UnknownDatabase
from chalicelib.domain.history import days_of, tell
from chalicelib.domain.model import Action, DatabaseRef, History, Reason, State
from chalicelib.domain.statuses import classify_status, remedy_for
from chalicelib.domain.transitions.commands import end_hold, request_restart, set_hold
from chalicelib.service.executor import Clock, Pause
from chalicelib.service.reconciler import ExecutorFactory, Look, Reconciler, ReconcileResult, View, Wish, threads
from chalicelib.settings import Settings

MAX_HOLD: Final = timedelta(hours=168)

_NOTHING: Final[frozenset[Action]] = frozenset()
_START_ONLY: Final = frozenset({Action.START})
_ALL: Final = frozenset({Action.START, Action.STOP})

_LOOKS_AFTER_EVENT: Final = 12
_SECONDS_BETWEEN_LOOKS: Final = 5.0


@dataclass(frozen=True, slots=True)
class RestartResult:
    """The answer to a restart: whether it is ready already, what to say, and how the database stands."""

    ready: bool
    message: str
    view: View
    done: Action


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
        """The entry of the contract."""
        return {
            "database": self.database,
            "state": self.state,
            "action": self.action,
            "reason": self.reason,
            "detail": self.detail,
        }


class CheckFailed(Exception):
    """At least one database could not be looked after; the others were. Lambda counts it, EventBridge tries again."""

    def __init__(self, results: Sequence[CheckResult]) -> None:
        self.results = tuple(results)
        failed = [f"{r.database}: {r.reason}: {r.detail}" for r in results if r.failed]
        super().__init__(f"{len(failed)} of {len(results)} databases could not be looked after. " + " | ".join(failed))


class Lifecycle:
    """Everything that can be asked of the databases of one deployment."""

    def __init__(
        self,
        settings: Settings,
        rds: Rds,
        table: Table,
        metric: ActivityMetric | None,
        clock: Clock,
        pause: Pause = time.sleep,
        side_by_side: ExecutorFactory = threads,
    ) -> None:
        self.settings = settings
        self._table = table
        self._clock = clock
        self._pause = pause
        self._make_pool = side_by_side
        self._reconciler = Reconciler(settings, rds, table, metric, clock, pause, side_by_side)

    def database(self, database_id: str | None = None) -> DatabaseRef:
        """The minded database of that id; the default one for None. Raises UnknownDatabase."""
        if database_id is None:
            return self.settings.databases[0]
        ref = self.settings.database(database_id)
        if ref is None:
            raise UnknownDatabase(database_id)
        return ref

    def describe(self, ref: DatabaseRef) -> View:
        """How the database stands. Safe: changes nothing, prolongs nothing. Raises Problem."""
        look = self._reconciler.observe([ref])[ref]
        return self._reconciler.view(ref, look)

    def describe_all(self) -> dict[DatabaseRef, View | DatabaseNotFound]:
        """How all of them stand; one that RDS does not know does not hide the others. Raises any other Problem."""
        looks = self._reconciler.read_metrics(self._reconciler.observe(self.settings.databases))
        return {ref: self._view_if_found(ref, look) for ref, look in looks.items()}

    def restart(self, ref: DatabaseRef, by: str) -> RestartResult:
        """Start the database, now or as soon as it can be. Raises CannotStart where a person has to mend it first."""
        outcome = self._reconciler.reconcile(
            ref, _START_ONLY, wish=lambda record, condition, now: request_restart(record, condition, by, now)
        )
        view = outcome.view or self.describe(ref)
        status = view.sighting.status
        match outcome.found.state:
            case State.STOPPED:
                message = f"{ref.label} starting"
            case State.STARTING:
                message = "RDS already starting"
            case State.STOPPING:
                message = "RDS stopping; it will start as soon as it has stopped"
            case State.RUNNING | State.BUSY:
                message = f"RDS already {status}"
            case State.FAILED:
                raise CannotStart(f"RDS reports {status}, and cannot start it.", remedy_for(status))
            case unexpected:
                assert_never(unexpected)
        return RestartResult(outcome.found.ready, message, view, outcome.done)

    def hold(self, ref: DatabaseRef, wanted: timedelta | datetime, by: str) -> View:
        """Do not stop it for so long, or before then. Raises BadRequest outside of the next 168 hours, and Problem."""
        now = self._clock()
        until = wanted if isinstance(wanted, datetime) else now + wanted
        if not now < until <= now + MAX_HOLD:
            raise BadRequest("A hold ends in the future, and at most 168 hours from now.")
        return self._apply(ref, lambda record, condition, at: set_hold(record, condition, until, by, at))

    def end_hold(self, ref: DatabaseRef, by: str) -> View:
        """Let it sleep again when it is idle. Raises Problem."""
        return self._apply(ref, lambda record, _, at: end_hold(record, by, at))

    def history(self, ref: DatabaseRef, days: int) -> History:
        """What happened to it in the last so many days, at most 90, up to now. Raises Problem."""
        now = self._clock()
        start = now - timedelta(days=days)
        return tell(self._table.history(ref, days_of(start, now)), start, now)

    def report_activity(self, ref: DatabaseRef) -> View:
        """Record that the database was queried now. Raises Problem; the report is kept even if RDS does not answer."""
        self._table.report_activity(ref, self._clock())
        return self.describe(ref)

    def check(self) -> list[CheckResult]:
        """Reconcile every database. Raises CheckFailed after the last one if any could not be looked after."""
        refs = self.settings.databases
        try:
            looks = self._reconciler.read_metrics(self._reconciler.observe(refs))
        except Problem as problem:
            raise CheckFailed([_failed(ref, problem) for ref in refs]) from problem
        return self._run_concurrently(lambda ref: self._checked(ref, looks[ref]))

    def react(self, ref: DatabaseRef) -> ReconcileResult:
        """Something happened to the database: reconcile it.

        RDS may tell of a change before its descriptions show it, so a database on the move is looked at again, for a
        minute at most. Raises Problem.
        """
        for _ in range(_LOOKS_AFTER_EVENT):
            outcome = self._reconciler.reconcile(ref, _ALL)
            if outcome.done is not Action.NONE or outcome.found.state not in (State.STARTING, State.STOPPING):
                break
            self._pause(_SECONDS_BETWEEN_LOOKS)
        return outcome

    def warm_up(self, by: str) -> list[CheckResult]:
        """Restart every database. Raises CheckFailed after the last one if any could not be restarted."""

        def restarted(ref: DatabaseRef) -> CheckResult:
            answer = self.restart(ref, by)
            state = classify_status(answer.view.sighting.status).state
            return CheckResult(ref.id, state, answer.done, answer.view.decision.reason, answer.message)

        return self._run_concurrently(restarted)

    def _apply(self, ref: DatabaseRef, wish: Wish) -> View:
        return self._reconciler.reconcile(ref, _NOTHING, wish=wish).view or self.describe(ref)

    def _view_if_found(self, ref: DatabaseRef, look: Look) -> View | DatabaseNotFound:
        if isinstance(look.sighting, DatabaseNotFound):
            return look.sighting
        return self._reconciler.view(ref, look)

    def _run_concurrently(self, work: Callable[[DatabaseRef], CheckResult]) -> list[CheckResult]:
        """The work for every database, one's failure keeping no other from its turn. Raises CheckFailed at the end."""
        refs = self.settings.databases
        if len(refs) == 1:
            results = [_isolated(refs[0], work)]
        else:
            with self._make_pool() as pool:
                results = list(pool.map(lambda ref: _isolated(ref, work), refs))
        if any(result.failed for result in results):
            raise CheckFailed(results)
        return results

    def _checked(self, ref: DatabaseRef, look: Look) -> CheckResult:
        outcome = self._reconciler.reconcile(ref, _ALL, look=look)
        decision = outcome.decision
        failed = decision.reason is Reason.ACTIVITY_UNREADABLE
        return CheckResult(ref.id, outcome.found.state, outcome.done, decision.reason, decision.detail, failed)


def _isolated(ref: DatabaseRef, work: Callable[[DatabaseRef], CheckResult]) -> CheckResult:
    try:
        return work(ref)
    except Problem as problem:
        return _failed(ref, problem)
    except Exception:  # noqa: BLE001 - The other databases have to be looked after even if this one meets a fault in our own code.
        telemetry.logger.exception("A fault in rds-lifecycle itself.", extra={"database": ref.id})
        detail = "A fault in rds-lifecycle itself; the log has its trace."
        return CheckResult(ref.id, None, Action.NONE, "internal-error", detail, failed=True)


def _failed(ref: DatabaseRef, problem: Problem) -> CheckResult:
    """The result, and a line of log: the only place that holds AWS's own words."""
    telemetry.logger.error(problem.detail, extra={"database": ref.id, "problem": str(problem)})
    return CheckResult(ref.id, None, Action.NONE, slug_of(problem), problem.detail, failed=True)


_connecting: Final = threading.Lock()


def connect(settings: Settings) -> Lifecycle:
    """The lifecycle on real AWS, made once and kept: clients are costly to make."""
    with _connecting:
        return _connect(settings)


@lru_cache(maxsize=1)
def _connect(settings: Settings) -> Lifecycle:
    rule = settings.activity_metric
    return Lifecycle(
        settings,
        Rds(rds_client()),
        Table(dynamodb_client(), settings),
        None if rule is None else ActivityMetric(cloudwatch_client, rule),
        clock=lambda: datetime.now(UTC),
    )
