"""Reports database activity from a background thread, at most once a minute, without delaying queries."""

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
from rds_lifecycle_client.fork import call_after_fork
from rds_lifecycle_client.model import ActivitySink, now_utc, round_up

MINUTE: Final = timedelta(minutes=1)
_CLOSE_TIMEOUT_SECONDS: Final = 5.0
_FAILURES_PER_LOG_LINE: Final = 60

logger: Final = logging.getLogger("rds_lifecycle_client")


class ActivityReporter:
    """A query only stores a timestamp. A daemon thread, one in each process, sends the reports.

    The first activity is reported immediately, later activity once per interval, and the last activity when the process
    exits. A statement counts as activity for as long as it runs. A failed report is logged and retried after the
    interval.
    """

    reports: int
    failures: int
    failures_in_a_row: int
    _last_active_at: datetime | None
    _reported_at: datetime | None
    _thread: threading.Thread | None

    def __init__(
        self, sink: ActivitySink, interval: timedelta = MINUTE, clock: Callable[[], datetime] = now_utc
    ) -> None:
        self._sink = sink
        self._interval = interval
        self._clock = clock
        self._reset()
        call_after_fork(self._reset)
        _open_reporters.add(self)

    def mark_active(self) -> None:
        """Record that the database is active now. Never raises and never blocks."""
        self._last_active_at = self._clock()
        self._notify_thread()

    def begin_statement(self, statement: object) -> None:
        """A statement starts. It ends with ``end_statement``, or when its object is garbage-collected. Never raises."""
        self._running_statements.add(statement)
        self._notify_thread()

    def end_statement(self, statement: object) -> None:
        """The statement has succeeded or failed. Ignores a statement that has not begun. Never raises."""
        if statement in self._running_statements:
            self._running_statements.discard(statement)
            self.mark_active()

    @contextmanager
    def track_activity(self) -> Iterator[None]:
        """Wrap code that uses the database. Its end counts as activity; a block that runs for an interval does, too.

        The start of a block does not count: the block may fail to connect, and that is not activity.
        """
        key = next(_block_ids)
        self._blocks[key] = self._clock()
        self._notify_thread()
        try:
            yield
        except Exception as error:  # every exception is classified and raised again
            if is_connection_failure(error):
                self._blocks.pop(key, None)
            raise
        finally:
            if self._blocks.pop(key, None) is not None:
                self.mark_active()

    def report(self) -> None:
        """Report the latest activity unless it has been reported. Never raises; logs and counts a failure."""
        active_at = self._unreported_activity()
        if active_at is None:
            return
        try:
            self._sink.report(active_at)
        except Exception as error:  # noqa: BLE001 - the thread continues after any exception of a sink
            self._record_failure(error)
        else:
            self._reported_at = round_up(active_at)
            self.reports += 1
            if self.failures_in_a_row:
                logger.info("Database activity reports succeed again.")
            self.failures_in_a_row = 0

    def close(self) -> None:
        """Send the last report, for at most 5 s, and end the thread. Called automatically when the process exits."""
        # Only the first call waits: several exit handlers may close a reporter whose sink does not respond.
        is_first_call = not self._closing.is_set()
        self._closing.set()
        self._notified.set()
        if is_first_call and self._thread is not None:
            self._thread.join(_CLOSE_TIMEOUT_SECONDS)

    def _reset(self) -> None:
        """Start without a thread and without activity. A forked child reports only its own activity."""
        self._last_active_at = None
        self._reported_at = None
        self._running_statements: weakref.WeakSet[object] = weakref.WeakSet()
        self._blocks: dict[int, datetime] = {}
        self._thread = None
        self._start_lock = threading.Lock()
        self._notified = threading.Event()
        self._closing = threading.Event()
        self.reports = 0
        self.failures = 0
        self.failures_in_a_row = 0

    def _unreported_activity(self) -> datetime | None:
        now = self._clock()
        # Copied in one step, because other threads add and remove blocks concurrently.
        has_long_block = any(now - began_at >= self._interval for began_at in list(self._blocks.values()))
        active_at = now if self._running_statements or has_long_block else self._last_active_at
        if active_at is not None and self._reported_at is not None and active_at <= self._reported_at:
            return None
        return active_at

    def _notify_thread(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._start_thread()
        if not self._notified.is_set():
            self._notified.set()

    def _start_thread(self) -> None:
        with self._start_lock:
            if self._closing.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            thread = threading.Thread(target=self._run, name="rds-lifecycle activity", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                # The thread limit is reached, or the interpreter is shutting down. The next query retries.
                self._record_failure(error)
                return
            self._thread = thread
            if (util := sys.modules.get("multiprocessing.util")) is not None:
                # Processes of multiprocessing do not run atexit handlers.
                util.Finalize(None, _close_all, exitpriority=0)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._notified.wait()
            # Cleared before the report, so that activity during the report is not lost.
            self._notified.clear()
            self.report()
            if self._running_statements or self._blocks or self._unreported_activity() is not None:
                self._notified.set()
            self._closing.wait(self._interval.total_seconds())
        self.report()

    def _record_failure(self, error: Exception) -> None:
        self.failures += 1
        if self.failures_in_a_row % _FAILURES_PER_LOG_LINE == 0:
            logger.warning(
                "Database activity cannot be reported, so rds-lifecycle may stop the database while it is in use. "
                "Queries are not affected. The report is retried. %s: %s",
                type(error).__name__,
                error,
            )
        self.failures_in_a_row += 1


# A counter, because Python reuses the ids of objects.
_block_ids: Final = itertools.count()
_open_reporters: Final[weakref.WeakSet[ActivityReporter]] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for reporter in list(_open_reporters):
        reporter.close()
