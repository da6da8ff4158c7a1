"""Faults between the app and AWS: which of them occur, when, and how often."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """What can go wrong with a call, a check or an event."""

    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"  # the request never arrives
    RESPONSE_LOST = "response lost"  # the call took effect, but no response arrives
    RETRIED = "retried by boto3"  # the call took effect, the response is lost and boto3 tries again
    DENIED = "access denied"
    SLOW = "slow"
    CONFLICT = "transaction conflict"  # another transaction touches the same item
    KILLED_BEFORE = "killed before a call"
    KILLED_AFTER = "killed after a call"
    CHECK_LATE = "check late"
    CHECK_DUPLICATED = "check duplicated"
    CHECK_MISSED = "check missed"
    EVENT_LATE = "event late"
    EVENT_DUPLICATED = "event duplicated"
    EVENT_LOST = "event lost"


CALL_FAULTS: Final = (
    Fault.THROTTLED,
    Fault.UNREACHABLE,
    Fault.RESPONSE_LOST,
    Fault.RETRIED,
    Fault.DENIED,
    Fault.SLOW,
    Fault.CONFLICT,
    Fault.KILLED_BEFORE,
    Fault.KILLED_AFTER,
)
CHECK_FAULTS: Final = (Fault.CHECK_LATE, Fault.CHECK_DUPLICATED, Fault.CHECK_MISSED)
EVENT_FAULTS: Final = (Fault.EVENT_LATE, Fault.EVENT_DUPLICATED, Fault.EVENT_LOST)


@dataclass
class FaultWindow:
    """A time in which one fault occurs at a given rate, in every service (None) or in one of them."""

    fault: Fault
    until: float
    rate: float
    service: str | None
    rng: random.Random


class FaultInjector:
    """All open fault windows."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._windows: list[FaultWindow] = []

    def open(self, window: FaultWindow) -> None:
        """The window starts now."""
        self._windows.append(window)

    def draw(self, kinds: tuple[Fault, ...], service: str | None = None) -> Fault | None:
        """The fault of these kinds that occurs now, if any."""
        if not self._windows:
            return None
        now = self._now()
        self._windows = [window for window in self._windows if window.until > now]
        for window in self._windows:
            matches = window.fault in kinds and (window.service is None or window.service == service)
            if matches and window.rng.random() < window.rate:
                return window.fault
        return None
