"""Two concurrent operations, played in every order of their AWS calls.

Two orders are equivalent if they differ only in the order of adjacent reads, because reads change nothing. Only one of
the equivalent orders is played: "sleep sets" (Godefroid, Partial-Order Methods for the Verification of Concurrent
Systems, 1996) determine which calls need not be made next.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from dev.local.rds_timing import FixedTiming
from tests.simulation.client import Call
from tests.simulation.plan import Plan
from tests.simulation.report import Violation
from tests.simulation.run import Simulation
from tests.simulation.scheduler import Scheduler, TaskOwner

Setup = Callable[[Simulation], None]
"""Prepares the database for the two operations, or begins one of them."""

STOP_SECONDS: Final = 130.0
_SETTLING_TIME: Final = 45 * 60.0
_READS: Final = ("Describe", "BatchGet", "Get")


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A call that waits until it is released. Its number is the same in every play that begins with the same order."""

    number: int
    owner: TaskOwner = field(compare=False)
    is_read: bool = field(compare=False)
    resume: Callable[[], None] = field(compare=False)

    def commutes_with(self, other: "WaitingCall") -> bool:
        """Whether the order of the two calls makes no difference."""
        return self.is_read and other.is_read


class Sequencer:
    """A latency under which each call waits until it is released; a release takes a millisecond of virtual time."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.is_off = True
        self._waiting: list[WaitingCall] = []
        self._paused: list[Callable[[], None]] = []
        self._scheduler = scheduler
        self._count = 0

    @property
    def waiting(self) -> Sequence[WaitingCall]:
        """The calls of which one is released next."""
        return self._waiting

    def before_call(self, call: Call) -> None:
        """Wait until the call is released."""
        if not self.is_off:
            owner, is_read = self._scheduler.current_owner, call.operation.startswith(_READS)
            self._scheduler.suspend(lambda resume: self._add(owner, resume, is_read=is_read))

    def enqueue(self, action: Callable[[], None]) -> None:
        """An action outside the app waits until it is released, like a call."""
        self._add(TaskOwner(), action, is_read=False)

    def after_call(self) -> None:
        """Nothing of another operation depends on when the response arrives."""

    def pause(self, seconds: float) -> None:
        """Shorter pauses change no order. During one of seconds, all calls of the other operation are made."""
        if not self.is_off and seconds >= 1:
            self._scheduler.suspend(self._paused.append)
        self._scheduler.now += seconds

    def release(self, call: WaitingCall) -> None:
        """The call is made, and its operation continues to its next call."""
        self._waiting.remove(call)
        self._scheduler.now += 0.001
        self._scheduler.call_later(0, call.resume)
        self.run_until_waiting()

    def run_until_waiting(self) -> None:
        """Run everything that does not wait for a release."""
        self._scheduler.run(self._scheduler.now)
        if not self._waiting and self._paused:
            self._scheduler.call_later(0, self._paused.pop(0))
            self.run_until_waiting()

    def _add(self, owner: TaskOwner, resume: Callable[[], None], *, is_read: bool) -> None:
        self._count += 1
        self._waiting.append(WaitingCall(self._count, owner, is_read, resume))


@dataclass
class _Step:
    """One release of an order: the chosen call, the other calls to choose later, and the calls not to choose."""

    chosen: WaitingCall
    alternatives: list[WaitingCall]
    excluded: list[WaitingCall]

    def excluded_next(self) -> list[WaitingCall]:
        """The calls that need not be made directly after the chosen one."""
        return [call for call in self.excluded if call.commutes_with(self.chosen)]


class Exploration:
    """Chooses the order of each play, until all orders that are not equivalent have been played."""

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._depth = 0

    @property
    def order(self) -> list[int]:
        """The numbers of the calls in this play."""
        return [step.chosen.number for step in self._steps[: self._depth]]

    def choose(self, waiting: Sequence[WaitingCall]) -> WaitingCall | None:
        """The call to release next; None if the rest of this play is equivalent to that of another one."""
        if self._depth == len(self._steps):
            excluded = self._steps[-1].excluded_next() if self._steps else []
            candidates = [call for call in waiting if call not in excluded]
            if len({id(call.owner) for call in waiting}) < 2:
                del candidates[1:]  # the order of one operation's own concurrent calls is not varied
            if not candidates:
                return None
            self._steps.append(_Step(candidates[0], candidates[1:], excluded))
        number = self._steps[self._depth].chosen.number
        self._depth += 1
        return next(call for call in waiting if call.number == number)

    def advance(self) -> bool:
        """Prepare the next play. Returns False if there is none."""
        self._depth = 0
        while self._steps:
            step = self._steps[-1]
            if step.alternatives:
                step.excluded.append(step.chosen)
                step.chosen = step.alternatives.pop(0)
                return True
            self._steps.pop()
        return False


def all_interleavings(
    plan: Plan, before: Setup, one: Setup, other: Setup
) -> Iterator[tuple[list[int], Violation | None]]:
    """Play the two operations in every order, each in a simulation of its own, and then without faults."""
    exploration = Exploration()
    while True:
        simulation = _play(plan, before, (one, other), exploration)
        if simulation is not None:
            yield exploration.order, simulation.report.violation
        if not exploration.advance():
            return


def _play(plan: Plan, before: Setup, operations: tuple[Setup, ...], exploration: Exploration) -> Simulation | None:
    """Play one order; None if it is equivalent to another one.

    Checks and events follow, so that outstanding restarts can take effect.
    """
    simulation = Simulation(plan, Sequencer, FixedTiming(start_seconds=150, stop_seconds=STOP_SECONDS))
    sequencer = simulation.latency
    assert isinstance(sequencer, Sequencer)
    with simulation.running():
        before(simulation)
        sequencer.is_off = False
        for operation in operations:
            operation(simulation)
        sequencer.run_until_waiting()
        while sequencer.waiting and simulation.report.violation is None:
            call = exploration.choose(sequencer.waiting)
            if call is None:
                return None
            sequencer.release(call)
        sequencer.is_off = True
        simulation.event_bridge.start_schedule()
        simulation.advance(_SETTLING_TIME)
    simulation.checker.check_overdue()
    return simulation
