"""Virtual time, and tasks that run one at a time and yield control only where they wait.

A task is a greenlet, so the app's code runs in it unchanged: where it calls AWS or sleeps, virtual time passes and
other tasks run. The order depends only on times, so the same seed gives the same run.
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
    """The function ends here, as when Lambda's time limit is reached or its machine fails."""


class TaskOwner:
    """The invocation that a task belongs to. Once it is killed, none of its tasks continues."""

    def __init__(self) -> None:
        self.killed = False


class _Task(greenlet):  # type: ignore[misc]  # greenlet has no types
    owner: TaskOwner


class Scheduler:
    """The virtual clock and the actions that are due. Times are in seconds from the start."""

    def __init__(self, start: datetime) -> None:
        self.now = 0.0
        self._start = start
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._main = getcurrent()
        self._until = 0.0
        self._keep_running: Callable[[], bool] = lambda: True

    def clock(self) -> datetime:
        """The time of day, as the app reads it."""
        return self.time_of(self.now)

    def time_of(self, seconds: float) -> datetime:
        """The time of day, this many seconds from the start."""
        return self._start + timedelta(seconds=seconds)

    def seconds_of(self, at: datetime) -> float:
        """The time of day in seconds from the start."""
        return (at - self._start).total_seconds()

    def call_at(self, seconds: float, action: Callable[[], None]) -> None:
        """Schedule the action; one whose time has passed is due now."""
        heapq.heappush(self._due, (max(seconds, self.now), next(self._numbers), action))

    def call_later(self, seconds: float, action: Callable[[], None]) -> None:
        """Schedule the action, this many seconds from now."""
        self.call_at(self.now + seconds, action)

    def next_due(self) -> float | None:
        """The time of the next action."""
        return self._due[0][0] if self._due else None

    def run(self, until: float, keep_running: Callable[[], bool] = lambda: True) -> None:
        """Let virtual time pass, for as long as ``keep_running``."""
        self._until, self._keep_running = until, keep_running
        while self._due and self._due[0][0] <= until and keep_running():
            self.now, _, action = heapq.heappop(self._due)
            action()
        if keep_running():
            self.now = max(self.now, until)

    def spawn(self, work: Callable[[], None], owner: TaskOwner) -> None:
        """Start a task when the scheduler runs next."""

        def begin() -> None:
            task = _Task(work, self._main)
            task.owner = owner
            task.switch()

        self.call_later(0, begin)

    @property
    def current_owner(self) -> TaskOwner:
        """Called by a task: the invocation that it belongs to."""
        return cast("_Task", getcurrent()).owner

    def sleep(self, seconds: float) -> None:
        """Called by a task: other tasks run meanwhile. Raises Killed."""
        then = self.now + max(seconds, 0)
        if then <= self._until and not (self._due and self._due[0][0] <= then) and self._keep_running():
            # This task would run next: a switch to the scheduler and back would only cost time.
            self.now = then
            self._raise_if_killed()
        else:
            self.call_at(then, getcurrent().switch)
            self._switch_to_scheduler()

    def suspend(self, register: Callable[[Callable[[], None]], None]) -> None:
        """Called by a task: wait until something calls the function that is passed to ``register``. Raises Killed."""
        register(getcurrent().switch)
        self._switch_to_scheduler()

    def thread_pool(self) -> Executor:
        """Stands in for a thread pool: what is submitted becomes a task."""
        return _TaskPool(self)

    def _switch_to_scheduler(self) -> None:
        self._main.switch()
        self._raise_if_killed()

    def _raise_if_killed(self) -> None:
        if self.current_owner.killed:
            raise Killed


class _TaskPool(Executor):
    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: _TaskFuture[T] = _TaskFuture(self._scheduler)

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - raised again where the result is read
                future.set_exception(error)
            future.resume_waiting()

        self._scheduler.spawn(work, self._scheduler.current_owner)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT002 - as Executor has it
        """Does nothing: the caller of ``submit`` waits for the results."""


class _TaskFuture(Future[T]):
    """Reading the result waits in virtual time."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._waiting: list[Callable[[], None]] = []

    def result(self, timeout: float | None = None) -> T:
        if not self.done():
            self._scheduler.suspend(self._waiting.append)
        return super().result(0)

    def resume_waiting(self) -> None:
        """Continue the tasks that wait for the result."""
        for resume in self._waiting:
            self._scheduler.call_later(0, resume)
