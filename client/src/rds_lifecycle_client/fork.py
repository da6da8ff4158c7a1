"""Keeps connections, threads and locks of a parent process out of its forked child processes."""

import os
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Creates an object at first use, once in each process: two processes must not share a connection."""

    def __init__(self, create: Callable[[], T]) -> None:
        self._create = create
        self._created: tuple[int, T] | None = None

    def get(self) -> T:
        """Return this process's object. Concurrent first calls may create two objects; one of them is discarded."""
        created = self._created
        if created is None or created[0] != os.getpid():
            created = self._created = (os.getpid(), self._create())
        return created[1]


def call_after_fork(method: Callable[[], None]) -> None:
    """Call the bound method in every child process that is forked later, as long as its object exists."""
    if not hasattr(os, "register_at_fork"):
        return  # Windows has no fork.
    reference = weakref.WeakMethod(method)

    def call_in_child() -> None:
        bound_method = reference()
        if bound_method is not None:
            bound_method()

    os.register_at_fork(after_in_child=call_in_child)
