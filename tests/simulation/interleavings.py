"""Two concurrent operations, played in every order of their AWS calls."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from dev.local.rds_timing import FixedTiming
from tests.simulation.plan import Plan
from tests.simulation.report import Violation
from tests.simulation.run import Simulation
from tests.simulation.scheduler import Scheduler, TaskOwner

Setup = Callable[[Simulation], None]
"""Prepares the database for the two operations, or begins one of them."""

_SETTLING_TIME: Final = 45 * 60.0


class Sequencer:
    """A latency under which each call waits until it is released; a release takes a millisecond of virtual time."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.is_off = True
        self._waiting: list[tuple[TaskOwner, Callable[[], None]]] = []
        self._paused: list[Callable[[], None]] = []
        self._scheduler = scheduler

    @property
    def width(self) -> int:
        """How many calls may be released next. The order of one operation's own concurrent calls is not varied."""
        is_single_operation = len({id(owner) for owner, _ in self._waiting}) < 2
        return min(len(self._waiting), 1) if is_single_operation else len(self._waiting)

    def before_call(self) -> None:
        """Wait until the call is released."""
        if not self.is_off:
            owner = self._scheduler.current_owner
            self._scheduler.suspend(lambda resume: self._waiting.append((owner, resume)))

    def enqueue(self, action: Callable[[], None]) -> None:
        """An action outside the app waits until it is released, like a call."""
        self._waiting.append((TaskOwner(), action))

    def after_call(self) -> None:
        """Nothing of another operation depends on when the response arrives."""

    def pause(self, seconds: float) -> None:
        """Shorter pauses change no order. During one of seconds, all calls of the other operation are made."""
        if not self.is_off and seconds >= 1:
            self._scheduler.suspend(self._paused.append)
        self._scheduler.now += seconds

    def release(self, number: int) -> None:
        """One of the waiting calls is made, and its operation continues to its next call."""
        self._scheduler.now += 0.001
        self._scheduler.call_later(0, self._waiting.pop(number)[1])
        self.run_until_waiting()

    def run_until_waiting(self) -> None:
        """Run everything that does not wait for a release."""
        self._scheduler.run(self._scheduler.now)
        if not self._waiting and self._paused:
            self._scheduler.call_later(0, self._paused.pop(0))
            self.run_until_waiting()


@dataclass
class Interleaving:
    """One order of the calls: which of the waiting calls is released at each step, and how many there were."""

    choices: list[int]
    widths: list[int] = field(default_factory=list)

    def next(self, width: int) -> int:
        """The choice of this step; the first call where none is given."""
        step = len(self.widths)
        self.widths.append(width)
        if step == len(self.choices):
            self.choices.append(0)
        return self.choices[step]

    def successor(self) -> "Interleaving | None":
        """The next order, as in counting: the last step that has another choice takes it."""
        for step in reversed(range(len(self.widths))):
            if self.choices[step] + 1 < self.widths[step]:
                return Interleaving([*self.choices[:step], self.choices[step] + 1])
        return None


def all_interleavings(
    plan: Plan, before: Setup, one: Setup, other: Setup
) -> Iterator[tuple[Interleaving, Violation | None]]:
    """Play the two operations in every order, each in a simulation of its own, and then without faults."""
    interleaving: Interleaving | None = Interleaving([])
    while interleaving is not None:
        yield interleaving, play(plan, before, (one, other), interleaving).report.violation
        interleaving = interleaving.successor()


def play(plan: Plan, before: Setup, operations: tuple[Setup, ...], interleaving: Interleaving) -> Simulation:
    """Play one order. Checks and events follow, so that outstanding restarts can take effect."""
    simulation = Simulation(plan, Sequencer, FixedTiming(start_seconds=150, stop_seconds=130))
    sequencer = simulation.latency
    assert isinstance(sequencer, Sequencer)
    with simulation.running():
        before(simulation)
        sequencer.is_off = False
        for operation in operations:
            operation(simulation)
        sequencer.run_until_waiting()
        while sequencer.width and simulation.report.violation is None:
            sequencer.release(interleaving.next(sequencer.width))
        sequencer.is_off = True
        simulation.event_bridge.start_schedule()
        simulation.advance(_SETTLING_TIME)
    return simulation
