"""Shows the progress of a wait: a bar on a terminal, otherwise one line for each change."""

import math
import shutil
from datetime import timedelta
from types import TracebackType
from typing import Final, Self, TextIO

from rds_lifecycle_client.wait import Progress

_WIDTH: Final = 24


class ProgressBar:
    """A context manager. On exit it ends the line that a terminal shows."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._last_output = ""

    def show(self, progress: Progress) -> None:
        """Show the progress."""
        detail = progress.database.detail if progress.database else "rds-lifecycle has not responded yet."
        if not self._is_terminal:
            if detail != self._last_output:
                self._last_output = detail
                print(f"{_format_elapsed(progress.elapsed)}  {detail}", file=self._out, flush=True)
            return
        self._last_output = f"{_render(progress)} {_format_elapsed(progress.elapsed)}  {detail}"
        self._out.write("\r\x1b[K" + self._last_output[: shutil.get_terminal_size().columns - 1])
        self._out.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_terminal and self._last_output:
            self._out.write("\n")


def _render(progress: Progress) -> str:
    fraction = progress.fraction
    if fraction is None:
        return f"[{'?':^{_WIDTH}}]"
    full = math.floor(fraction * _WIDTH)
    return f"[{'#' * full}{'.' * (_WIDTH - full)}]"


def _format_elapsed(elapsed: timedelta) -> str:
    seconds = int(elapsed.total_seconds())
    return f"{seconds // 60}:{seconds % 60:02d}"
