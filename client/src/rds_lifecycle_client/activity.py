"""Reports when the database was last used: from one thread, at most once a minute, never in a query's way."""

import atexit
import itertools
import logging
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from rds_lifecycle_client.connection_errors import is_connection_failure
from rds_lifecycle_client.model import ActivitySink, now_utc, round_up
from rds_lifecycle_client.fork import call_after_fork

MINUTE: Final = timedelta(minutes=1)
_LAST_REPORT_SECONDS: Final = 5.0
_FAILURES_PER_LINE: Final = 60

logger: Final = logging.getLogger("rds_lifecycle_client")


class ActivityReporter:
    """What a query does here is one assignment; the rest is done by a daemon thread of each process.

    The first use is reported at once, later ones once an interval, and the last one when the process ends. A statement
    that still runs is use, for as long as it runs. A report that fails is logged and made again an interval later.
    """

    reports: int
    failures: int
    failures_in_a_row: int
    _used_at: datetime | None
    _reported_at: datetime | None
    _thread: threading.Thread | None

    def __init__(
        self, sink: ActivitySink, interval: timedelta = MINUTE, clock: Callable[[], datetime] = now_utc
    ) -> None:
        self._sink = sink
        self._interval = interval
        self._clock = clock
        self._begin_process()
        call_after_fork(self._begin_process)
        _open_reporters.add(self)

    def mark_active(self) -> None:
        """The database was used just now. Never raises, never waits."""
        self._used_at = self._clock()
        self._rouse()

    def begin(self, statement: object) -> None:
        """A statement begins. It ends with ``end``, or when nobody holds the object any more. Never raises."""
        self._running.add(statement)
        self._rouse()

    def end(self, statement: object) -> None:
        """The statement has ended, well or not. Never raises; what did not begin does not end."""
        if statement in self._running:
            self._running.discard(statement)
            self.mark_active()

    @contextmanager
    def track_activity(self) -> Iterator[None]:
        """Around whatever uses the database: its end is use, and from an interval on, that it lasts.

        Not its beginning, for it may be a connection that is not made: no use at all where the database is down.
        """
        key = next(_keys)
        self._blocks[key] = self._clock()
        self._rouse()
        try:
            yield
        except Exception as error:  # whatever it is, it is only looked at, and raised again
            if is_connection_failure(error):
                self._blocks.pop(key, None)
            raise
        finally:
            if self._blocks.pop(key, None) is not None:
                self.mark_active()

    def report(self) -> None:
        """Report the latest use, if it has not been reported. Never raises; a failure is logged and counted."""
        used_at = self._unreported()
        if used_at is None:
            return
        try:
            self._sink.report(used_at)
        except Exception as error:  # noqa: BLE001 - whatever a sink raises, the next report is due all the same
            self._tell_failure(error)
        else:
            self._reported_at = round_up(used_at)
            self.reports += 1
            if self.failures_in_a_row:
                logger.info("Database activity is reported again.")
            self.failures_in_a_row = 0

    def close(self) -> None:
        """Report what has not been reported, for at most 5 s, and end the thread. At exit this happens by itself."""
        # What has been waited for in vain is not waited for again: several may close at the end of a process.
        is_first = not self._closing.is_set()
        self._closing.set()
        self._roused.set()
        if is_first and self._thread is not None:
            self._thread.join(_LAST_REPORT_SECONDS)

    def _begin_process(self) -> None:
        """As after a fork: no thread, and nothing to report; what the parent process did, it reports itself."""
        self._used_at = None
        self._reported_at = None
        self._running: weakref.WeakSet[object] = weakref.WeakSet()
        self._blocks: dict[int, datetime] = {}
        self._thread = None
        self._starting = threading.Lock()
        self._roused = threading.Event()
        self._closing = threading.Event()
        self.reports = 0
        self.failures = 0
        self.failures_in_a_row = 0

    def _unreported(self) -> datetime | None:
        now = self._clock()
        # Copied in one go: other threads begin and end blocks meanwhile.
        lasting = any(now - began_at >= self._interval for began_at in list(self._blocks.values()))
        used_at = now if self._running or lasting else self._used_at
        if used_at is not None and self._reported_at is not None and used_at <= self._reported_at:
            return None
        return used_at

    def _rouse(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._start()
        if not self._roused.is_set():
            self._roused.set()

    def _start(self) -> None:
        with self._starting:
            if self._closing.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            thread = threading.Thread(target=self._work, name="rds-lifecycle activity", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                # No more threads, or the interpreter is ending. The next query tries again.
                self._tell_failure(error)
                return
            self._thread = thread
            if (util := sys.modules.get("multiprocessing.util")) is not None:
                # Its processes end without what Python does at exit.
                util.Finalize(None, _close_all, exitpriority=0)

    def _work(self) -> None:
        while not self._closing.is_set():
            self._roused.wait()
            # Before looking, so that a use that comes while it is reported is not missed.
            self._roused.clear()
            self.report()
            if self._running or self._blocks or self._unreported() is not None:
                self._roused.set()
            self._closing.wait(self._interval.total_seconds())
        self.report()

    def _tell_failure(self, error: Exception) -> None:
        self.failures += 1
        if self.failures_in_a_row % _FAILURES_PER_LINE == 0:
            logger.warning(
                "Database activity cannot be reported, so rds-lifecycle may stop the database while it is used. "
                "Queries are not affected; it is tried again. %s: %s",
                type(error).__name__,
                error,
            )
        self.failures_in_a_row += 1


# Never the same twice, as ids would be.
_keys: Final = itertools.count()
_open_reporters: Final[weakref.WeakSet[ActivityReporter]] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for reporter in list(_open_reporters):
        reporter.close()
