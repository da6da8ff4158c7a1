"""Two operations at once, in every order of their AWS calls."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from dev.local.rds_timing import FixedTiming
from tests.simulation.clockwork import Clockwork, Owner
from tests.simulation.judge import Violation
from tests.simulation.plan import Plan
from tests.simulation.run import Simulation

Setting = Callable[[Simulation], None]
"""Brings the database to where the two operations meet it, or begins one of them."""

_AFTERWARDS: Final = 45 * 60.0


class OneByOne:
    """Each call waits until it is let go; the time that passes meanwhile is a millisecond."""

    def __init__(self, clockwork: Clockwork) -> None:
        self.is_free = True
        self._waiting: list[tuple[Owner, Callable[[], None]]] = []
        self._pausing: list[Callable[[], None]] = []
        self._clockwork = clockwork

    @property
    def width(self) -> int:
        """How many may be let go next. Of one operation alone, the order of its own calls matters to nobody."""
        is_alone = len({id(owner) for owner, _ in self._waiting}) < 2
        return min(len(self._waiting), 1) if is_alone else len(self._waiting)

    def there(self) -> None:
        """Wait for the turn."""
        if not self.is_free:
            owner = self._clockwork.owner
            self._clockwork.park(lambda go_on: self._waiting.append((owner, go_on)))

    def take_turn(self, deed: Callable[[], None]) -> None:
        """What somebody outside of the app does has its turn, too."""
        self._waiting.append((Owner(), deed))

    def back(self) -> None:
        """What happens between an answer and the next call concerns nobody else."""

    def pause(self, seconds: float) -> None:
        """A moment changes nobody's turn. Seconds are longer than all calls of another operation: it ends first."""
        if not self.is_free and seconds >= 1:
            self._clockwork.park(self._pausing.append)
        self._clockwork.now += seconds

    def let_go(self, number: int) -> None:
        """One of those who wait goes on, up to its next call."""
        self._clockwork.now += 0.001
        self._clockwork.later(0, self._waiting.pop(number)[1])
        self.settle()

    def settle(self) -> None:
        """Whatever can go on now goes on, until all wait for their turn."""
        self._clockwork.run(self._clockwork.now)
        if not self._waiting and self._pausing:
            self._clockwork.later(0, self._pausing.pop(0))
            self.settle()


@dataclass
class Order:
    """One order: at each turn, which of those who wait is let go, and how many there were."""

    choices: list[int]
    widths: list[int] = field(default_factory=list)

    def next(self, width: int) -> int:
        """The choice of this turn; the first where none is laid down."""
        turn = len(self.widths)
        self.widths.append(width)
        if turn == len(self.choices):
            self.choices.append(0)
        return self.choices[turn]

    def successor(self) -> "Order | None":
        """The next order, as one counts: the last turn that has another choice takes it."""
        for turn in reversed(range(len(self.widths))):
            if self.choices[turn] + 1 < self.widths[turn]:
                return Order([*self.choices[:turn], self.choices[turn] + 1])
        return None


def every_order(plan: Plan, before: Setting, one: Setting, other: Setting) -> Iterator[tuple[Order, Violation | None]]:
    """Play all orders of the two operations, each on a world of its own, and what follows in fair weather."""
    order: Order | None = Order([])
    while order is not None:
        yield order, play(plan, before, (one, other), order).judge.violation
        order = order.successor()


def play(plan: Plan, before: Setting, operations: tuple[Setting, ...], order: Order) -> Simulation:
    """One order. Afterwards checks come and events arrive, so that all that was promised can come true."""
    simulation = Simulation(plan, OneByOne, FixedTiming(start_seconds=150, stop_seconds=130))
    pace = simulation.pace
    assert isinstance(pace, OneByOne)
    with simulation.running():
        before(simulation)
        pace.is_free = False
        for operation in operations:
            operation(simulation)
        pace.settle()
        while pace.width and simulation.judge.violation is None:
            pace.let_go(order.next(pace.width))
        pace.is_free = True
        simulation.event_bridge.wakes_regularly()
        simulation.passes(_AFTERWARDS)
    return simulation
