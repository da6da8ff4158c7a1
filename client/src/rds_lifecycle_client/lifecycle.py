"""One database's lifecycle as its backend sees it: report its queries, tell its failures, wake it, wait for it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Final, Self

from rds_lifecycle_client import ready
from rds_lifecycle_client.activity import ActivityReporter
from rds_lifecycle_client.api import Api
from rds_lifecycle_client.errors import NotConfigured
from rds_lifecycle_client.connection_errors import is_connection_failure
from rds_lifecycle_client.start_function import StartFunction
from rds_lifecycle_client.activity_item import ActivityItem
from rds_lifecycle_client.model import Database, RestartTarget, now_utc
from rds_lifecycle_client.wait import Progress
from rds_lifecycle_client.settings import read_settings
from rds_lifecycle_client.waking import Waker

_asleep_is_fine: Final = ContextVar("asleep_is_fine", default=False)


class LifecycleClient:
    """Made once for each database of a backend. Thread-safe, and safe to fork."""

    def __init__(
        self, reporter: ActivityReporter | None = None, restart_target: RestartTarget | None = None, api: Api | None = None
    ) -> None:
        """What is None is not done. ``api`` shows how the database stands; without it nothing can tell."""
        self.reporter = reporter
        self.api = api
        self._restart_target = restart_target
        self._waker = None if restart_target is None else Waker(restart_target)

    @classmethod
    def from_environment(cls) -> Self:
        """By the variables RDS_LIFECYCLE_…; docs/backend.md lists them. Raises NotConfigured."""
        settings = read_settings(os.environ)
        api = None
        if settings.url:
            api = Api(settings.url, settings.token or "", settings.database or "", 2 * settings.report_interval)
        restart_target = StartFunction(settings.function, settings.database) if settings.function else api
        sink = ActivityItem(settings.table, settings.activity_key) if settings.table else api
        reporter = None if sink is None else ActivityReporter(sink, settings.report_interval)
        return cls(reporter, restart_target, api)

    def mark_active(self) -> None:
        """The database was used just now. Never raises, never waits."""
        if self.reporter is not None:
            self.reporter.mark_active()

    @contextmanager
    def track_activity(self) -> Iterator[None]:
        """Around whatever uses the database, connecting included: it is reported, and a failure is told."""
        try:
            with self._reported():
                yield
        except Exception as error:  # whatever it is, it is only looked at, and raised again
            self.handle_error(error)
            raise

    def handle_error(self, error: BaseException) -> bool:
        """Whether the error means that the database is down; if so, it is woken. Returns at once, never raises."""
        down = is_connection_failure(error)
        if down and not _asleep_is_fine.get():
            self.wake()
        return down

    def wake(self) -> bool:
        """Ask for a restart in the background, at most once a minute. Says whether it was asked for now."""
        return self._waker is not None and self._waker.wake()

    @contextmanager
    def without_waking(self) -> Iterator[None]:
        """Within, a failure wakes nothing: for health checks, and whatever else must not start a database."""
        token = _asleep_is_fine.set(True)
        try:
            yield
        finally:
            _asleep_is_fine.reset(token)

    @property
    def is_waking(self) -> bool:
        """Whether this process has asked for a restart within 15 minutes, and not in vain as far as it knows."""
        return self._waker is not None and self._waker.is_waking

    @property
    def restart_requested_at(self) -> datetime | None:
        """When this process last asked for a restart because of a failure."""
        return None if self._waker is None else self._waker.asked_at

    @property
    def retry_after(self) -> float:
        """In how many seconds a request that has failed is worth repeating."""
        return 10.0 if self._waker is None else self._waker.retry_after

    def wait_until_ready(
        self,
        timeout: timedelta = timedelta(minutes=20),
        on_progress: Callable[[Progress], None] = lambda _: None,
        clock: Callable[[], datetime] = now_utc,
        pause: Callable[[float], None] = time.sleep,
    ) -> Database:
        """Start the database where it sleeps, and return when it takes connections.

        Raises WaitTimeout after ``timeout``, CannotStart, RequestRejected, and NotConfigured where nothing can be asked.
        """
        if self._restart_target is None:
            raise NotConfigured(("RDS_LIFECYCLE_URL or RDS_LIFECYCLE_FUNCTION: one has to be set in order to wait",))
        look = None if self.api is None else self.api.describe
        return ready.wait_until_ready(
            self._restart_target, look, timeout=timeout, on_progress=on_progress, clock=clock, pause=pause
        )

    def report(self) -> None:
        """Report what has not been reported, now; takes some seconds at the worst. Never raises.

        At exit this happens by itself, but not where a signal ends the process.
        """
        if self.reporter is not None:
            self.reporter.report()

    def close(self) -> None:
        """Report what has not been reported, and report no more; wait for a restart that is being asked for.

        Takes some seconds at the worst. At exit this happens by itself.
        """
        if self.reporter is not None:
            self.reporter.close()
        if self._waker is not None:
            self._waker.close()

    def _reported(self) -> AbstractContextManager[None]:
        return _nothing() if self.reporter is None else self.reporter.track_activity()


@contextmanager
def _nothing() -> Iterator[None]:
    yield
