"""The median and the quartiles of repeated measurements."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The quartiles, in seconds."""

    lower: float
    median: float
    upper: float

    @staticmethod
    def of(seconds: Sequence[float]) -> "Spread":
        """The quartiles of at least two values."""
        return Spread(*statistics.quantiles(seconds, n=4, method="inclusive"))

    def in_milliseconds(self, digits: int = 0) -> tuple[str, str]:
        """The median, and the lower and upper quartile, as text for a table."""
        lower, median, upper = (f"{value * 1000:.{digits}f}" for value in (self.lower, self.median, self.upper))
        return median, f"{lower} to {upper}"
