"""A progress bar on a terminal; in a pipe, a line for each change."""

import math
import shutil
from datetime import timedelta
from types import TracebackType
from typing import Final, Self, TextIO

from rds_lifecycle_client.wait import Progress

_WIDTH: Final = 24


class ProgressBar:
    """Shows the progress of a wait; at its end a terminal's cursor is on a line of its own."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._last = ""

    def show(self, progress: Progress) -> None:
        """Show how far it has come."""
        said = progress.database.detail if progress.database else "rds-lifecycle does not answer yet."
        if not self._is_terminal:
            if said != self._last:
                self._last = said
                print(f"{_minutes(progress.elapsed)}  {said}", file=self._out, flush=True)
            return
        self._last = f"{_drawn(progress)} {_minutes(progress.elapsed)}  {said}"
        self._out.write("\r\x1b[K" + self._last[: shutil.get_terminal_size().columns - 1])
        self._out.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_terminal and self._last:
            self._out.write("\n")


def _drawn(progress: Progress) -> str:
    fraction = progress.fraction
    if fraction is None:
        return f"[{'?':^{_WIDTH}}]"
    full = math.floor(fraction * _WIDTH)
    return f"[{'#' * full}{'.' * (_WIDTH - full)}]"


def _minutes(elapsed: timedelta) -> str:
    seconds = int(elapsed.total_seconds())
    return f"{seconds // 60}:{seconds % 60:02d}"
