"""What happened in one run: its trace, its counters and the first violation."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.model import DatabaseRef
from tests.simulation.scheduler import Scheduler


class Invariant(StrEnum):
    """The guarantees of docs/guarantees.md."""

    SAFETY = "safety"
    LIVENESS = "liveness"
    COST = "cost"
    MANUAL_STOPS = "manual stops"
    HISTORY = "history"


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold."""

    invariant: Invariant
    at: float
    ref: DatabaseRef
    detail: str


class Report:
    """The report of one run."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.violation: Violation | None = None
        self.counters: Counter[str] = Counter()
        self._scheduler = scheduler
        self._entries: list[tuple[float, str]] = []

    def add(self, entry: str) -> None:
        """Add an entry to the trace."""
        self._entries.append((self._scheduler.now, entry))

    def add_violation(self, invariant: Invariant, ref: DatabaseRef, detail: str) -> None:
        """An invariant does not hold. The first violation ends the run."""
        self.add(f"VIOLATION: {invariant}: {ref.id}: {detail}")
        self.violation = self.violation or Violation(invariant, self._scheduler.now, ref, detail)

    @property
    def trace(self) -> tuple[str, ...]:
        """All entries, each with its time of day. They are formatted here, because most traces are never read."""
        return tuple(f"{self._scheduler.time_of(at):%Y-%m-%d %H:%M:%S.%f}  {entry}" for at, entry in self._entries)
