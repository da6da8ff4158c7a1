"""What a process must not take over from the one that it was forked from: connections, threads and locks."""

import os
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Makes a thing on first use, and anew in a forked process: two processes must not share a connection."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: tuple[int, T] | None = None

    def get(self) -> T:
        """The thing of this process. Threads that come first at the same moment may make it twice; one is dropped."""
        made = self._made
        if made is None or made[0] != os.getpid():
            made = self._made = (os.getpid(), self._make())
        return made[1]


def call_after_fork(method: Callable[[], None]) -> None:
    """Call the bound method in every process that is forked from now on, as long as its object lives."""
    if not hasattr(os, "register_at_fork"):
        return  # Windows does not fork
    reference = weakref.WeakMethod(method)

    def in_child() -> None:
        found = reference()
        if found is not None:
            found()

    os.register_at_fork(after_in_child=in_child)
