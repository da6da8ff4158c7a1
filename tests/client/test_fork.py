"""What a forked process must not take over."""

import os
from collections.abc import Callable

import pytest

from rds_lifecycle_client.fork import PerProcess, call_after_fork


class Counted:
    """Counts how often it was told."""

    def __init__(self) -> None:
        self.told = 0

    def tell(self) -> None:
        """Count."""
        self.told += 1


def test_a_thing_is_made_once_in_a_process_and_anew_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    made = PerProcess(object)
    first = made.get()
    assert made.get() is first
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert made.get() is not first


def test_the_child_is_told_as_long_as_the_object_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks: list[Callable[[], None]] = []

    def register(*, after_in_child: Callable[[], None]) -> None:
        hooks.append(after_in_child)

    monkeypatch.setattr(os, "register_at_fork", register)
    counted = Counted()
    call_after_fork(counted.tell)
    hooks[0]()
    assert counted.told == 1
    del counted
    hooks[0]()


def test_where_nothing_forks_nothing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "register_at_fork")
    counted = Counted()
    call_after_fork(counted.tell)
    assert counted.told == 0
