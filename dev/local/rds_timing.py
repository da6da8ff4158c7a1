"""How long a simulated RDS takes, and how far its descriptions lag behind."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class RdsTiming(Protocol):
    """How RDS behaves where its API leaves the behavior open. Durations are in seconds."""

    def start_duration(self) -> float:
        """From accepting a start to available."""

    def stop_duration(self) -> float:
        """From accepting a stop to stopped."""

    def automatic_start_delay(self) -> float:
        """From AutomaticRestartTime to the start by AWS."""

    def lag_duration(self) -> float:
        """How long after a change a description may still return the previous status."""

    def describes_previous_status(self) -> bool:
        """Whether this description, within the lag, returns the previous status."""


@dataclass(frozen=True)
class FixedTiming:
    """Starts and stops always take the same time, and descriptions are current."""

    start_seconds: float = 240
    stop_seconds: float = 180

    def start_duration(self) -> float:
        """Always the same."""
        return self.start_seconds

    def stop_duration(self) -> float:
        """Always the same."""
        return self.stop_seconds

    def automatic_start_delay(self) -> float:
        """None."""
        return 0

    def lag_duration(self) -> float:
        """No lag."""
        return 0

    def describes_previous_status(self) -> bool:
        """Never."""
        return False


class RandomTiming:
    """Starts and stops take minutes, a few take much longer, and descriptions lag behind.

    AWS states no durations; its guide only states that a stop can take a large amount of time:
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html
    """

    def __init__(
        self, source: Callable[[], random.Random], *, lags: bool, on_previous_status: Callable[[], None]
    ) -> None:
        self._source = source
        self._lags = lags
        self._on_previous_status = on_previous_status

    def start_duration(self) -> float:
        """2 to 15 minutes; 45 minutes for one start in 20."""
        return self._duration()

    def stop_duration(self) -> float:
        """2 to 15 minutes; 45 minutes for one stop in 20, and up to three hours for another one."""
        source = self._source()
        return source.uniform(1, 3) * 3600 if source.random() < 0.05 else self._duration()

    def automatic_start_delay(self) -> float:
        """None for every second start, otherwise up to 30 minutes."""
        source = self._source()
        return source.uniform(0, 30) * 60 if source.random() < 0.5 else 0

    def lag_duration(self) -> float:
        """Up to 45 s, after every second change."""
        source = self._source()
        return source.uniform(0, 45) if self._lags and source.random() < 0.5 else 0

    def describes_previous_status(self) -> bool:
        """Every second description within the lag."""
        previous = self._lags and self._source().random() < 0.5
        if previous:
            self._on_previous_status()
        return previous

    def _duration(self) -> float:
        source = self._source()
        return 45 * 60 if source.random() < 0.05 else source.uniform(2, 15) * 60
