"""The app's log, for whoever judges it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def listening(hear: Callable[[logging.LogRecord], None]) -> Iterator[None]:
    """The app's log goes to the judge instead of to the terminal."""
    logger, handler = logging.getLogger("rds-lifecycle"), _Handler(hear)
    before = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [handler], False
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before


class _Handler(logging.Handler):
    def __init__(self, hear: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        self._hear(record)
