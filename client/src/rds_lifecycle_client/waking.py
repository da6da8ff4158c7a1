"""Wakes the database: once a minute at most, however many requests meet it asleep, and in nobody's way."""

import atexit
import logging
import threading
import weakref
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from rds_lifecycle_client.activity import MINUTE
from rds_lifecycle_client.errors import LifecycleError, Unavailable
from rds_lifecycle_client.model import RestartTarget, now_utc
from rds_lifecycle_client.fork import call_after_fork

_USUAL_RETRY_SECONDS: Final = 10.0
_LAST_REQUEST_SECONDS: Final = 5.0
_STARTS_WITHIN: Final = timedelta(minutes=15)

logger: Final = logging.getLogger("rds_lifecycle_client")


class Waker:
    """Asks for a restart through a restart_target, from a thread that lives as long as that takes."""

    _asked_at: datetime | None
    _thread: threading.Thread | None

    def __init__(self, restart_target: RestartTarget, interval: timedelta = MINUTE, clock: Callable[[], datetime] = now_utc) -> None:
        self._restart_target = restart_target
        self._interval = interval
        self._clock = clock
        self._begin_process()
        call_after_fork(self._begin_process)
        _open_wakers.add(self)

    def wake(self) -> bool:
        """Ask for a restart, unless this process has asked within the interval. Says whether it asks.

        Returns at once and never raises: what comes of it is logged.
        """
        now = self._clock()
        with self._lock:
            if self._asked_at is not None and now - self._asked_at < self._interval:
                return False
            self._asked_at = now
        thread = threading.Thread(target=self._ask, name="rds-lifecycle wake", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._is_refused = True
            logger.warning("The database is asleep, and no thread is left to wake it: %s", error)
        else:
            self._thread = thread
        return True

    def close(self) -> None:
        """Wait until a request that is under way has been answered, for at most 5 s. At exit this happens by itself."""
        if self._thread is not None:
            self._thread.join(_LAST_REQUEST_SECONDS)

    @property
    def is_waking(self) -> bool:
        """Whether this process has asked for a restart within 15 minutes, and not in vain as far as it knows."""
        asked_at = self._asked_at
        return asked_at is not None and not self._is_refused and self._clock() - asked_at < _STARTS_WITHIN

    @property
    def retry_after(self) -> float:
        """In how many seconds a request is worth repeating, by the last answer."""
        return self._retry_after

    @property
    def asked_at(self) -> datetime | None:
        """When this process last asked."""
        return self._asked_at

    def _begin_process(self) -> None:
        """As after a fork: another thread may have held the parent's lock."""
        self._lock = threading.Lock()
        self._thread = None
        self._asked_at = None
        self._is_refused = False
        self._retry_after = _USUAL_RETRY_SECONDS

    def _ask(self) -> None:
        hint: float | None = None
        try:
            restarted = self._restart_target.restart()
        except LifecycleError as error:
            self._is_refused = True
            hint = error.retry_after if isinstance(error, Unavailable) else None
            logger.warning("The database is not there, and could not be woken: %s", error)
        except Exception:  # a thread of nobody's: what a restart_target did not foresee would be lost
            self._is_refused = True
            logger.exception("The database is not there, and could not be woken.")
        else:
            self._is_refused = False
            hint = restarted.retry_after
            logger.info("The database is not there and was asked to start: %s", restarted.message)
        self._retry_after = hint or _USUAL_RETRY_SECONDS


_open_wakers: Final[weakref.WeakSet[Waker]] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for waker in list(_open_wakers):
        waker.close()
