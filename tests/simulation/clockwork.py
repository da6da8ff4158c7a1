"""Virtual time, and tasks that run one at a time and give way only where they wait.

A task is a greenlet, so the app's own code runs in it unchanged: where it calls AWS or sleeps, virtual time passes and
others have their turn. Which one is next depends on times only, so the same seed gives the same run.
"""

import heapq
import itertools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime, timedelta
from typing import ParamSpec, TypeVar, cast

from greenlet import getcurrent, greenlet

T = TypeVar("T")
P = ParamSpec("P")


class Killed(BaseException):
    """The function ends here, as when Lambda's time is up or its machine fails."""


class Owner:
    """Whoever a task works for. Once it is killed, none of its tasks goes on."""

    def __init__(self) -> None:
        self.killed = False


class _Task(greenlet):  # type: ignore[misc]  # greenlet has no types
    owner: Owner


class Clockwork:
    """The clock, and what is to happen when. Times in seconds from the start."""

    def __init__(self, start: datetime) -> None:
        self.now = 0.0
        self._start = start
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._main = getcurrent()
        self._until = 0.0
        self._goes_on: Callable[[], bool] = lambda: True

    def clock(self) -> datetime:
        """What the app takes for the time of day."""
        return self.time_of(self.now)

    def time_of(self, seconds: float) -> datetime:
        """The time of day, so many seconds from the start."""
        return self._start + timedelta(seconds=seconds)

    def seconds_of(self, at: datetime) -> float:
        """The same moment, in seconds from the start."""
        return (at - self._start).total_seconds()

    def at(self, seconds: float, deed: Callable[[], None]) -> None:
        """Do it then; what is late is done next."""
        heapq.heappush(self._agenda, (max(seconds, self.now), next(self._numbers), deed))

    def later(self, seconds: float, deed: Callable[[], None]) -> None:
        """Do it after so many seconds."""
        self.at(self.now + seconds, deed)

    def next_at(self) -> float | None:
        """When something will happen next."""
        return self._agenda[0][0] if self._agenda else None

    def run(self, until: float, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Let time pass, for as long as ``goes_on``."""
        self._until, self._goes_on = until, goes_on
        while self._agenda and self._agenda[0][0] <= until and goes_on():
            self.now, _, deed = heapq.heappop(self._agenda)
            deed()
        if goes_on():
            self.now = max(self.now, until)

    def spawn(self, work: Callable[[], None], owner: Owner) -> None:
        """Begin a task as soon as the clock has its turn again."""

        def begin() -> None:
            task = _Task(work, self._main)
            task.owner = owner
            task.switch()

        self.later(0, begin)

    @property
    def owner(self) -> Owner:
        """Called inside of a task: whom it works for."""
        return cast("_Task", getcurrent()).owner

    def sleep(self, seconds: float) -> None:
        """Called inside of a task: the others have their turn meanwhile. Raises Killed."""
        then = self.now + max(seconds, 0)
        if then <= self._until and not (self._agenda and self._agenda[0][0] <= then) and self._goes_on():
            self.now = then  # it would be next in any case: no need to hand over
            if self.owner.killed:
                raise Killed
            return
        self.later(seconds, getcurrent().switch)
        self._give_way()

    def park(self, keep: Callable[[Callable[[], None]], None]) -> None:
        """Called inside of a task: it waits until whoever ``keep`` hands its continuation to calls that."""
        keep(getcurrent().switch)
        self._give_way()

    def side_by_side(self) -> Executor:
        """Stands in for a thread pool: what is submitted becomes a task of its own."""
        return _Tasks(self)

    def _give_way(self) -> None:
        self._main.switch()
        if self.owner.killed:
            raise Killed


class _Tasks(Executor):
    def __init__(self, clockwork: Clockwork) -> None:
        self._clockwork = clockwork

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: _Future[T] = _Future(self._clockwork)

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - handed on to whoever asks for the result
                future.set_exception(error)
            future.wake()

        self._clockwork.spawn(work, self._clockwork.owner)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT002 - as Executor has it
        """Nothing to end: whoever submits asks for the result."""


class _Future(Future[T]):
    """Whoever asks for the result waits in virtual time."""

    def __init__(self, clockwork: Clockwork) -> None:
        super().__init__()
        self._clockwork = clockwork
        self._waiting: list[Callable[[], None]] = []

    def result(self, timeout: float | None = None) -> T:
        if not self.done():
            self._clockwork.park(self._waiting.append)
        return super().result(0)

    def wake(self) -> None:
        """Whoever waits goes on."""
        for go_on in self._waiting:
            self._clockwork.later(0, go_on)
