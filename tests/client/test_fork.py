"""What a forked process creates for itself."""

import os
from collections.abc import Callable

import pytest

from rds_lifecycle_client.fork import PerProcess, call_after_fork


class CallCounter:
    """Counts calls of a bound method."""

    def __init__(self) -> None:
        self.calls = 0

    def call(self) -> None:
        """Count."""
        self.calls += 1


def test_per_process__after_fork__creates_another_object(monkeypatch: pytest.MonkeyPatch) -> None:
    per_process = PerProcess(object)
    first = per_process.get()
    assert per_process.get() is first
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert per_process.get() is not first


def test_call_after_fork__object_deleted__calls_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks: list[Callable[[], None]] = []
    calls: list[str] = []

    def register(*, after_in_child: Callable[[], None]) -> None:
        hooks.append(after_in_child)

    class Listener:
        def call(self) -> None:
            calls.append("called")

    monkeypatch.setattr(os, "register_at_fork", register)
    listener = Listener()
    call_after_fork(listener.call)
    hooks[0]()
    assert calls == ["called"]
    del listener
    hooks[0]()
    assert calls == ["called"]


def test_call_after_fork__platform_without_fork__is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "register_at_fork")
    counter = CallCounter()
    call_after_fork(counter.call)
    assert counter.calls == 0
