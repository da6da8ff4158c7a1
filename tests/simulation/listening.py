"""The app's log, for whoever judges it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_UNUSED = ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks")

@contextmanager
def listening(hear: Callable[[logging.LogRecord], None]) -> Iterator[None]:
    """The app's log goes to the judge instead of to the terminal."""
    logger, handler = logging.getLogger("rds-lifecycle"), _Handler(hear)
    before = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [handler], False
    flags = {n: getattr(logging, n) for n in _UNUSED}
    for n in _UNUSED: setattr(logging, n, None)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before
        for n, v in flags.items(): setattr(logging, n, v)


class _Handler(logging.Handler):
    def __init__(self, hear: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        self._hear(record)
