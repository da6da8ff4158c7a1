"""People and backends: what they do to the database and to the app, by the plan."""

import random
from collections.abc import Callable
from typing import assert_never

from chalicelib.domain.model import DatabaseRef
from tests.simulation.clockwork import Clockwork
from tests.simulation.functions import Functions
from tests.simulation.judge import Judge
from tests.simulation.metric import SimulatedMetric
from tests.simulation.plan import Deed, Reports, Session
from tests.simulation.rds import SimulatedRds
from tests.simulation.table import SimulatedTable


class People:
    """Everybody outside of the app."""

    def __init__(
        self,
        clockwork: Clockwork,
        functions: Functions,
        rds: SimulatedRds,
        table: SimulatedTable,
        metric: SimulatedMetric,
        judge: Judge,
        activity_keys: dict[DatabaseRef, str],
        chance: Callable[[str], random.Random],
    ) -> None:
        self._clockwork = clockwork
        self._functions = functions
        self._rds = rds
        self._table = table
        self._metric = metric
        self._judge = judge
        self._keys = activity_keys
        self._chance = chance
        self._to_one: dict[Deed, Callable[[DatabaseRef], object]] = {
            Deed.RESTART: self.clicks,
            Deed.DIRECT_RESTART: lambda ref: judge.asks(ref, functions.start_database(ref)),
            Deed.HOLD: self._holds,
            Deed.END_HOLD: lambda ref: functions.request("end hold", ref),
            Deed.ACTIVITY: lambda ref: functions.request("activity", ref),
            Deed.WRITTEN_ACTIVITY: lambda ref: self._writes(ref, clockwork.now),
            Deed.LOOK: lambda ref: functions.request("look", ref),
            Deed.EVENT: functions.event,
            Deed.CONSOLE_START: lambda ref: self._in_the_console(ref, "start"),
            Deed.CONSOLE_STOP: lambda ref: self._in_the_console(ref, "stop"),
        }

    def do(self, deed: Deed, ref: DatabaseRef) -> None:
        """One deed, now."""
        if deed is Deed.CHECK:
            self._functions.check()
        elif deed is Deed.WARM_UP:
            invocation = self._functions.warm_up()
            for each in self._keys:
                self._judge.asks(each, invocation)
        else:
            self._to_one[deed](ref)

    def clicks(self, ref: DatabaseRef) -> None:
        """Somebody presses the button."""
        self._judge.asks(ref, self._functions.request("restart", ref))

    def works(self, session: Session) -> None:
        """Somebody queries until they are done; wakes the database where it sleeps."""
        self._goes_on(session, self._clockwork.now + session.seconds, session.clicks)

    def _goes_on(self, session: Session, until: float, clicks: int) -> None:
        ref = session.ref
        chance = self._chance(f"session/{ref.id}/{session.at}")
        if self._rds.is_ready(ref):
            self._queries(session)
            wait = session.between_queries * chance.uniform(0.5, 1.5)
            clicks = session.clicks
        elif clicks:
            self.clicks(ref)
            clicks -= 1
            wait = chance.choice((0.5, 20, 120, 600))
        else:
            wait = 120
        if self._clockwork.now + wait <= until:
            self._clockwork.later(wait, lambda: self._goes_on(session, until, clicks))

    def _queries(self, session: Session) -> None:
        ref, now = session.ref, self._clockwork.now
        self._judge.figures["queries"] += 1
        self._metric.queried(ref)
        self._judge.queried(ref)
        match session.reports:
            case Reports.AT_ONCE:
                at = now + session.clock_is_off
                self._clockwork.later(self._chance(f"activity-delay/{ref.id}").uniform(0, 2), lambda: self._writes(ref, at))
            case Reports.LATE:
                self._clockwork.later(self._chance(f"activity-delay/{ref.id}").uniform(10, 300), lambda: self._writes(ref, now))
            case Reports.THROUGH_ROUTE:
                self._functions.request("activity", ref)
            case Reports.NEVER:
                pass
            case unexpected:
                assert_never(unexpected)

    def _writes(self, ref: DatabaseRef, at: float) -> None:
        value = self._clockwork.time_of(at).isoformat()
        self._table.put_item(self._table.name, {"key": {"S": self._keys[ref]}, "value": {"S": value}})

    def _holds(self, ref: DatabaseRef) -> None:
        """One that comes too late to prevent a stop wakes the database again."""
        hours = self._chance(f"hold/{ref.id}").choice((0.2, 0.5, 1, 3, 12))
        self._judge.asks(ref, self._functions.request("hold", ref, {"hours": hours}))

    def _in_the_console(self, ref: DatabaseRef, verb: str) -> None:
        if not self._rds.would_accept(ref, verb):
            return
        with self._judge.somebody(ref, verb):
            if verb == "start":
                self._rds.start(ref)
            else:
                self._rds.stop(ref)
