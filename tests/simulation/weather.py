"""What goes wrong between the app and AWS, and how often, at each moment of a run."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """What can happen to a call, a check or an event."""

    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"  # the call never arrives
    ANSWER_LOST = "answer lost"  # it took effect, but nobody hears of it
    TRIED_TWICE = "tried twice"  # it took effect, boto3 did not hear of it and tries again
    DENIED = "denied"
    SLOW = "slow"
    CONFLICT = "conflict"  # another transaction touches the same item
    KILLED_BEFORE = "killed before a call"
    KILLED_AFTER = "killed after a call"
    CHECK_LATE = "check late"
    CHECK_TWICE = "check twice"
    CHECK_MISSED = "check missed"
    EVENT_LATE = "event late"
    EVENT_TWICE = "event twice"
    EVENT_LOST = "event lost"


OF_CALLS: Final = (
    Fault.THROTTLED,
    Fault.UNREACHABLE,
    Fault.ANSWER_LOST,
    Fault.TRIED_TWICE,
    Fault.DENIED,
    Fault.SLOW,
    Fault.CONFLICT,
    Fault.KILLED_BEFORE,
    Fault.KILLED_AFTER,
)
OF_CHECKS: Final = (Fault.CHECK_LATE, Fault.CHECK_TWICE, Fault.CHECK_MISSED)
OF_EVENTS: Final = (Fault.EVENT_LATE, Fault.EVENT_TWICE, Fault.EVENT_LOST)


@dataclass
class Front:
    """A stretch of time in which one fault strikes at a given rate, every service (None) or one of them."""

    fault: Fault
    until: float
    rate: float
    service: str | None
    chance: random.Random


class Weather:
    """All fronts of the moment."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._fronts: list[Front] = []

    def comes(self, front: Front) -> None:
        """From now on."""
        self._fronts.append(front)

    def strikes(self, kinds: tuple[Fault, ...], service: str | None = None) -> Fault | None:
        """Which of these faults strikes now, if any."""
        if not self._fronts:
            return None
        now = self._now()
        self._fronts = [front for front in self._fronts if front.until > now]
        for front in self._fronts:
            fits = front.fault in kinds and (front.service is None or front.service == service)
            if fits and front.chance.random() < front.rate:
                return front.fault
        return None
