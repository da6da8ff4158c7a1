"""How a simulated RDS behaves where the API leaves it open."""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Steady:
    """An RDS without surprises."""

    start_seconds: float = 240
    stop_seconds: float = 180

    def start_takes(self) -> float:
        """Always the same."""
        return self.start_seconds

    def stop_takes(self) -> float:
        """Always the same."""
        return self.stop_seconds

    def lags_for(self) -> float:
        """Never."""
        return 0

    def shows_old(self) -> bool:
        """Never."""
        return False


class Drawn:
    """An RDS as people describe it: slow, sometimes very slow, and its descriptions lag behind."""

    def __init__(self, chance: Callable[[], random.Random], *, lags: bool, disturb: Callable[[], None]) -> None:
        self._chance = chance
        self._lags = lags
        self._disturb = disturb

    def start_takes(self) -> float:
        """2 to 15 minutes, now and then 45."""
        return self._takes()

    def stop_takes(self) -> float:
        """2 to 15 minutes, now and then 45."""
        return self._takes()

    def lags_for(self) -> float:
        """Up to 45 s."""
        chance = self._chance()
        return chance.uniform(0, 45) if self._lags and chance.random() < 0.5 else 0

    def shows_old(self) -> bool:
        """Every second description within the lag."""
        old = self._lags and self._chance().random() < 0.5
        if old:
            self._disturb()
        return old

    def _takes(self) -> float:
        chance = self._chance()
        return 45 * 60 if chance.random() < 0.05 else chance.uniform(2, 15) * 60
