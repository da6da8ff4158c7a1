"""One plan, played from its first step to its last: the app on a simulated AWS, in virtual time."""

import io
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, assert_never

from chalicelib.aws.metric import ActivityMetric
from chalicelib.aws.rds import Rds
from chalicelib.aws.table import Table
from chalicelib.domain.model import DatabaseRef, Kind
from chalicelib.domain.statuses import classify_status
from chalicelib.service.lifecycle import Lifecycle
from chalicelib.settings import Settings, read_settings
from dev.local.rds_behavior import StatusChange
from dev.local.rds_timing import RandomTiming, RdsTiming
from tests.simulation.client import SimulatedClient
from tests.simulation.clockwork import Clockwork
from tests.simulation.event_bridge import EventBridge
from tests.simulation.functions import Functions
from tests.simulation.judge import Judge, Violation
from tests.simulation.listening import listening
from tests.simulation.metric import SimulatedMetric
from tests.simulation.network import Ambush, Invocation, Network, Pace, Random
from tests.simulation.people import People
from tests.simulation.plan import DAY, HOUR, Illness, InVain, NoRoom, Once, OwnWork, Plan, Session, Step, Storm, Trap
from tests.simulation.promises import MINUTE, Rules
from tests.simulation.rds import SimulatedRds
from tests.simulation.table import SimulatedTable
from tests.simulation.weather import Front, Weather

START: Final = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_TABLE: Final = "system-metadata"
_AFTERWARDS: Final = 6 * HOUR
"""In fair weather after the last step, so that all that was promised can come true."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run."""

    plan: Plan
    violation: Violation | None
    entries: tuple[tuple[float, str], ...]
    figures: Counter[str]

    @property
    def trace(self) -> tuple[str, ...]:
        return tuple(f"{START + timedelta(seconds=at):%Y-%m-%d %H:%M:%S.%f}  {what}" for at, what in self.entries)


class Simulation:
    """Everything that takes part in one run."""

    def __init__(self, plan: Plan, pace: Callable[[Clockwork], Pace] = Random, timing: RdsTiming | None = None) -> None:
        self.plan = plan
        self.clockwork = Clockwork(START)
        environ = _environ(plan)
        self.settings = read_settings(environ)
        self.weather = Weather(lambda: self.clockwork.now)
        self._keys = {ref: self.settings.activity_key_of(ref) for ref in plan.refs}
        self.judge = Judge(self.clockwork, _rules(self.settings), {key: ref for ref, key in self._keys.items()})
        self.metric = SimulatedMetric(lambda: self.clockwork.now, self.clockwork.seconds_of, START)
        timing = timing or RandomTiming(lambda: self._chance("rds"), lags=plan.lags, on_previous_status=self._lagged)
        self.rds = SimulatedRds(self.clockwork.clock, timing, self._changed, self._wake)
        self.table = SimulatedTable(_TABLE, self.judge.wrote)
        self.pace = pace(self.clockwork)
        self.network = Network(self.clockwork, self.weather, self.pace, self.judge, plan.refs)
        self.functions = Functions(self.clockwork, environ, self.settings, plan.refs, self._lifecycle, self.judge, self._chance)
        self.people = People(
            self.clockwork, self.functions, self.rds, self.table, self.metric, self.judge, self._keys, self._chance
        )
        self.event_bridge = EventBridge(
            self.clockwork,
            self.weather,
            self.functions,
            self.judge,
            plan.refs,
            plan.interval_minutes * MINUTE,
            self._chance,
        )
        for ref, asleep in zip(plan.refs, plan.asleep, strict=True):
            status = "stopped" if asleep else "available"
            self.judge.minds(ref, status)
            self.rds.add(ref, status)
            if not asleep:
                self.metric.came_up(ref)
        self._fall_ill()

    def run(self, steps: tuple[Step, ...] | None = None) -> Result:
        """Play these steps, or all of the plan. Stops at the first broken promise."""
        steps = self.plan.steps if steps is None else steps
        for step in steps:
            self.clockwork.at(step.at, self._player(step))
        self.event_bridge.wakes_regularly()
        with self.running():
            self.passes(self.plan.days * DAY + _AFTERWARDS)
        return self.result()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Around everything that runs the app: its log goes to the judge."""
        random.seed(self.plan.seed)
        with listening(self._logged), redirect_stdout(io.StringIO()):
            yield
        self.functions.close()

    def passes(self, seconds: float) -> None:
        """Let time pass, up to the first broken promise."""
        self.clockwork.run(self.clockwork.now + seconds, goes_on=lambda: self.judge.violation is None)

    def result(self) -> Result:
        """What came of it."""
        self.judge.figures["database-days"] += round(self.plan.days * len(self.plan.refs))
        return Result(self.plan, self.judge.violation, tuple(self.judge._entries), self.judge.figures)

    def _player(self, step: Step) -> Callable[[], None]:
        def play() -> None:
            self.judge.notes(f"step {step}")
            self._play(step, self._chance("fault-burst"))

        return play

    def _play(self, step: Step, chance: random.Random) -> None:
        match step:
            case Session():
                self.people.works(step)
            case Once(_, ref, deed):
                self.people.do(deed, ref)
            case Trap(_, ref, moment, deed, after):
                self.network.ambushes.append(Ambush(moment, ref, lambda: self.people.do(deed, ref), after))
            case OwnWork(_, ref, status, seconds):
                is_possible = self.rds.would_accept(ref, "start") and not classify_status(status).ready
                if is_possible or self.rds.would_accept(ref, "stop"):
                    self.rds.set_status_for(ref, status, seconds)
            case NoRoom(_, ref, seconds):
                self.has_no_room(ref, seconds)
            case InVain(_, ref):
                if ref in self.rds.databases:
                    self.rds.databases[ref].start_has_no_effect = True
            case Storm(at, seconds, fault, rate, service):
                end = min(at + seconds, self.plan.days * DAY)
                self.weather.comes(Front(fault, end, rate, service, chance))
            case unexpected:
                assert_never(unexpected)

    def _chance(self, what: str) -> random.Random:
        """Chance as it is at this moment for this matter: what is left out of a plan changes it for nothing else."""
        return random.Random(f"{self.plan.seed}/{what}/{self.clockwork.now}")

    def has_no_room(self, ref: DatabaseRef, seconds: float) -> None:
        """AWS has no capacity for it for a while."""
        until = self.clockwork.now + seconds
        if ref in self.rds.databases:
            self.rds.databases[ref].no_capacity_until = self.clockwork.time_of(until)
            self.judge.no_room(ref, until)

    def _changed(self, transition: StatusChange) -> None:
        self.judge.changed(transition)
        ref = transition.ref
        if self.rds.databases[ref].status == "available":
            self.metric.came_up(ref)
        elif not self.rds.is_ready(ref):
            self.metric.went_down(ref)
        if transition.event is not None:
            self.event_bridge.sends_event(ref)

    def _wake(self, at: datetime) -> None:
        self.clockwork.at(self.clockwork.seconds_of(at), self.rds.advance)

    def _lagged(self) -> None:
        self.judge.disturbed("stale description", self.plan.refs)

    def _logged(self, line: logging.LogRecord) -> None:
        event = getattr(line, "event", None)
        database, reason = getattr(line, "database", ""), getattr(line, "reason", "stopped")
        if event is None and reason != "stopped":
            self.judge.notes(f"{database}: {reason}: {line.msg}")
        owner = self.clockwork.owner
        if event is not None and isinstance(owner, Invocation):
            self.judge.logged(owner, database, event)

    def _lifecycle(self) -> Lifecycle:
        wait, clock = self.pace.pause, self.clockwork.clock
        rule = self.settings.activity_metric
        metric = None if rule is None else ActivityMetric(lambda: self._client("cloudwatch", self.metric), rule)
        return Lifecycle(
            self.settings,
            Rds(self._client("rds", self.rds)),
            Table(self._client("dynamodb", self.table), self.settings, wait),
            metric,
            clock,
            wait,
            self.clockwork.side_by_side,
        )

    def _client(self, name: str, service: object) -> Any:
        return SimulatedClient(name, service, self.network)

    def _fall_ill(self) -> None:
        """The first database, for good."""
        if self.plan.ill is None:
            return
        ref = self.plan.refs[0]
        self.judge.is_ill(ref, gone=self.plan.ill is Illness.GONE)
        match self.plan.ill:
            case Illness.NEVER_STOPS:
                self.rds.databases[ref].stop_unsupported = True
            case Illness.GARBAGE:
                self.table.put_item(_TABLE, {"key": {"S": self._keys[ref]}, "value": {"S": "yesterday"}})
            case Illness.GONE:
                self.rds.remove(ref)
            case unexpected:
                assert_never(unexpected)


def _environ(plan: Plan) -> dict[str, str]:
    databases = ",".join(f"cluster:{ref.id}" if ref.kind is Kind.CLUSTER else ref.id for ref in plan.refs)
    return {
        "DATABASES": databases,
        "METADATA_TABLE": _TABLE,
        "IDLE_MINUTES": str(plan.idle_minutes),
        "CHECK_INTERVAL_MINUTES": str(plan.interval_minutes),
        "ACTIVITY_METRIC": "DatabaseConnections>0" if plan.has_metric else "",
        "WARM_UP_SCHEDULE": "cron(0 7 ? * MON-FRI *)",
    }


def _rules(settings: Settings) -> Rules:
    return Rules(
        idle=settings.idle.total_seconds(),
        interval=settings.check_interval.total_seconds(),
        expires_after=settings.restart_ttl.total_seconds(),
        metric=settings.activity_metric is not None,
    )
