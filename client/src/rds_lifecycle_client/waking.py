"""Requests a restart in the background, at most once a minute, however many queries fail."""

import atexit
import logging
import threading
import weakref
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from rds_lifecycle_client.activity import MINUTE
from rds_lifecycle_client.errors import LifecycleError, Unavailable
from rds_lifecycle_client.fork import call_after_fork
from rds_lifecycle_client.model import RestartTarget, now_utc

_DEFAULT_RETRY_SECONDS: Final = 10.0
_CLOSE_TIMEOUT_SECONDS: Final = 5.0
_MAX_START_DURATION: Final = timedelta(minutes=15)

logger: Final = logging.getLogger("rds_lifecycle_client")


class Waker:
    """Sends restart requests to a RestartTarget, each from a thread of its own."""

    _requested_at: datetime | None
    _thread: threading.Thread | None

    def __init__(
        self,
        restart_target: RestartTarget,
        interval: timedelta = MINUTE,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self._restart_target = restart_target
        self._interval = interval
        self._clock = clock
        self._reset()
        call_after_fork(self._reset)
        _open_wakers.add(self)

    def wake(self) -> bool:
        """Request a restart unless this process has requested one within the interval. Returns whether it does.

        Never blocks and never raises: the result is logged.
        """
        now = self._clock()
        with self._lock:
            if self._requested_at is not None and now - self._requested_at < self._interval:
                return False
            self._requested_at = now
        thread = threading.Thread(target=self._request_restart, name="rds-lifecycle wake", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._has_failed = True
            logger.warning("The database is unavailable, and no thread can be started to restart it: %s", error)
        else:
            self._thread = thread
        return True

    def close(self) -> None:
        """Wait up to 5 s for the response to a request. Called automatically when the process exits."""
        if self._thread is not None:
            self._thread.join(_CLOSE_TIMEOUT_SECONDS)

    @property
    def is_waking(self) -> bool:
        """Whether this process has requested a restart within 15 minutes, and the request has not failed."""
        requested_at = self._requested_at
        return requested_at is not None and not self._has_failed and self._clock() - requested_at < _MAX_START_DURATION

    @property
    def retry_after(self) -> float:
        """After how many seconds to retry a failed query, according to the last response."""
        return self._retry_after

    @property
    def requested_at(self) -> datetime | None:
        """When this process last requested a restart."""
        return self._requested_at

    def _reset(self) -> None:
        """Reset the state. In a forked child, a thread of the parent may have held the lock."""
        self._lock = threading.Lock()
        self._thread = None
        self._requested_at = None
        self._has_failed = False
        self._retry_after = _DEFAULT_RETRY_SECONDS

    def _request_restart(self) -> None:
        retry_after: float | None = None
        try:
            result = self._restart_target.restart()
        except LifecycleError as error:
            self._has_failed = True
            retry_after = error.retry_after if isinstance(error, Unavailable) else None
            logger.warning("The database is unavailable, and the restart request failed: %s", error)
        except Exception:  # otherwise the thread would end without a log line
            self._has_failed = True
            logger.exception("The database is unavailable, and the restart request failed.")
        else:
            self._has_failed = False
            retry_after = result.retry_after
            logger.info("The database is unavailable. Requested a restart: %s", result.message)
        self._retry_after = retry_after or _DEFAULT_RETRY_SECONDS


_open_wakers: Final[weakref.WeakSet[Waker]] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for waker in list(_open_wakers):
        waker.close()
