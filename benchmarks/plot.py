"""The image of the billed hours: how many hours of a month the database is billed for with each strategy."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_GRAY: Final = "#9aa5b1"
_GREEN: Final = "#1f7a4d"
_DARK: Final = "#1f2933"


@dataclass(frozen=True, slots=True)
class Bar:
    """One strategy, and the billed hours of an average month."""

    label: str
    hours: float
    times_minimum: float
    """The billed hours, divided by the minimum that the queries with this strategy need; 1 is the minimum."""
    is_app: bool = False


_MAX_TIMES_MINIMUM: Final = 2.0


def draw(bars: Sequence[Bar], path: Path) -> None:
    """Write the image as SVG: all hours on the left; on the right the percentages above the minimum, if below 100.

    The same bars give the same file, byte by byte.
    """
    with mpl.rc_context({"svg.hashsalt": "rds-lifecycle", "svg.fonttype": "path", "font.size": 10}):
        figure = Figure(figsize=(10, 3.6), facecolor="white", layout="constrained")
        whole, above = figure.subplots(1, 2, width_ratios=(1.2, 1))
        _bars(whole, bars, [bar.hours for bar in bars], "{:,.0f} h")
        whole.set_title("Billed hours of a month", loc="left", color=_DARK)
        near = [bar for bar in bars if 1 < bar.times_minimum < _MAX_TIMES_MINIMUM]
        _bars(above, near, [100 * (bar.times_minimum - 1) for bar in near], "{:+.1f} %")
        above.set_title("Above the minimum", loc="left", color=_DARK)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Title": "Billed hours of a month"})


def _bars(axes: Axes, bars: Sequence[Bar], values: Sequence[float], form: str) -> None:
    drawn = axes.barh(
        [bar.label for bar in bars], values, color=[_GREEN if bar.is_app else _GRAY for bar in bars], height=0.62
    )
    axes.bar_label(drawn, labels=[form.format(value) for value in values], padding=4, color=_DARK)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.xaxis.set_visible(False)
    axes.tick_params(axis="y", length=0, labelcolor=_DARK)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(_GRAY)
