"""The picture of the hours: how many of a month's the database is billed for, under each rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

_QUIET: Final = "#9aa5b1"
_OURS: Final = "#1f7a4d"
_INK: Final = "#1f2933"


@dataclass(frozen=True, slots=True)
class Bar:
    """One rule, and the hours of an average month for which the database is billed under it."""

    label: str
    hours: float
    times_least: float
    """The same over the least that the queries made under it need: 1 cannot be undercut."""
    is_ours: bool = False


_CLOSE: Final = 2.0


def draw(bars: Sequence[Bar], path: Path) -> None:
    """Write the picture as SVG: all hours on the left, on the right how far those that come close are above the least.

    The same bars give the same file, byte by byte.
    """
    with mpl.rc_context({"svg.hashsalt": "rds-lifecycle", "svg.fonttype": "path", "font.size": 10}):
        picture = Picture(figsize=(10, 3.6), facecolor="white", layout="constrained")
        whole, above = picture.subplots(1, 2, width_ratios=(1.2, 1))
        _bars(whole, bars, [bar.hours for bar in bars], "{:,.0f} h")
        whole.set_title("Billed hours of a month", loc="left", color=_INK)
        close = [bar for bar in bars if 1 < bar.times_least < _CLOSE]
        _bars(above, close, [100 * (bar.times_least - 1) for bar in close], "{:+.1f} %")
        above.set_title("Above the least needed", loc="left", color=_INK)
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.savefig(path, format="svg", metadata={"Date": None, "Title": "Billed hours of a month"})


def _bars(axes: Axes, bars: Sequence[Bar], values: Sequence[float], form: str) -> None:
    drawn = axes.barh(
        [bar.label for bar in bars], values, color=[_OURS if bar.is_ours else _QUIET for bar in bars], height=0.62
    )
    axes.bar_label(drawn, labels=[form.format(value) for value in values], padding=4, color=_INK)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.xaxis.set_visible(False)
    axes.tick_params(axis="y", length=0, labelcolor=_INK)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(_QUIET)
