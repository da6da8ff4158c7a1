"""The app's log, for the checker."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_UNUSED: Final = ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing")
"""What logging looks up for each line and the checker does not read; see "Optimization" in Python's logging HOWTO."""


@contextmanager
def capture_log(receive: Callable[[logging.LogRecord], None]) -> Iterator[None]:
    """The app's log lines go to ``receive`` instead of the terminal."""
    logger, handler = logging.getLogger("rds-lifecycle"), _Handler(receive)
    handlers, propagate, options = logger.handlers, logger.propagate, {name: getattr(logging, name) for name in _UNUSED}
    logger.handlers, logger.propagate = [handler], False
    for name in _UNUSED:
        setattr(logging, name, None)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = handlers, propagate
        for name, value in options.items():
            setattr(logging, name, value)


class _Handler(logging.Handler):
    def __init__(self, receive: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self._receive = receive

    def emit(self, record: logging.LogRecord) -> None:
        self._receive(record)
