"""The entry point for a backend: report activity, classify failures, start the database and wait for it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Final, Self

from rds_lifecycle_client import wait
from rds_lifecycle_client.activity import ActivityReporter
from rds_lifecycle_client.activity_item import ActivityItem
from rds_lifecycle_client.api import Api
from rds_lifecycle_client.connection_errors import is_connection_failure
from rds_lifecycle_client.errors import NotConfigured
from rds_lifecycle_client.model import Database, RestartTarget, now_utc
from rds_lifecycle_client.settings import read_settings
from rds_lifecycle_client.start_function import StartFunction
from rds_lifecycle_client.wait import Progress
from rds_lifecycle_client.waking import Waker

_waking_disabled: Final = ContextVar("waking_disabled", default=False)


class LifecycleClient:
    """Create one for each database of a backend. Thread-safe and fork-safe."""

    def __init__(
        self,
        reporter: ActivityReporter | None = None,
        restart_target: RestartTarget | None = None,
        api: Api | None = None,
    ) -> None:
        """Each part is optional: activity reports, restart requests, and ``api``, which describes the database."""
        self.reporter = reporter
        self.api = api
        self._restart_target = restart_target
        self._waker = None if restart_target is None else Waker(restart_target)

    @classmethod
    def from_environment(cls) -> Self:
        """Read the variables RDS_LIFECYCLE_…, which docs/backend.md lists. Raises NotConfigured."""
        settings = read_settings(os.environ)
        api = None
        if settings.url:
            api = Api(settings.url, settings.token or "", settings.database or "", 2 * settings.report_interval)
        restart_target = StartFunction(settings.function, settings.database) if settings.function else api
        sink = ActivityItem(settings.table, settings.activity_key) if settings.table else api
        reporter = None if sink is None else ActivityReporter(sink, settings.report_interval)
        return cls(reporter, restart_target, api)

    def mark_active(self) -> None:
        """Record that the database is active now. Never raises and never blocks."""
        if self.reporter is not None:
            self.reporter.mark_active()

    @contextmanager
    def track_activity(self) -> Iterator[None]:
        """Wrap code that connects to the database or uses it: reports activity, and passes errors to handle_error."""
        try:
            with self._reported():
                yield
        except Exception as error:  # every exception is classified and raised again
            self.handle_error(error)
            raise

    def handle_error(self, error: BaseException) -> bool:
        """Return whether the error is a connection failure. If so, request a restart. Never raises and never blocks."""
        is_failure = is_connection_failure(error)
        if is_failure and not _waking_disabled.get():
            self.wake()
        return is_failure

    def wake(self) -> bool:
        """Request a restart in the background, at most once a minute. Returns whether this call requests one."""
        return self._waker is not None and self._waker.wake()

    @contextmanager
    def without_waking(self) -> Iterator[None]:
        """Within the block, failures do not start the database. For health checks and similar code."""
        token = _waking_disabled.set(True)
        try:
            yield
        finally:
            _waking_disabled.reset(token)

    @property
    def is_waking(self) -> bool:
        """Whether this process has requested a restart within 15 minutes, and the request has not failed."""
        return self._waker is not None and self._waker.is_waking

    @property
    def restart_requested_at(self) -> datetime | None:
        """When this process last requested a restart in the background."""
        return None if self._waker is None else self._waker.requested_at

    @property
    def retry_after(self) -> float:
        """After how many seconds to retry a failed query."""
        return 10.0 if self._waker is None else self._waker.retry_after

    def wait_until_ready(
        self,
        timeout: timedelta = timedelta(minutes=20),
        on_progress: Callable[[Progress], None] = lambda _: None,
        clock: Callable[[], datetime] = now_utc,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Database:
        """Start the database if it is stopped, and return when it accepts connections.

        Raises WaitTimeout after ``timeout``, CannotStart, RequestRejected, and NotConfigured without a URL or function.
        """
        if self._restart_target is None:
            raise NotConfigured(("RDS_LIFECYCLE_URL or RDS_LIFECYCLE_FUNCTION: set one to wait for the database",))
        describe = None if self.api is None else self.api.describe
        return wait.wait_until_ready(
            self._restart_target, describe, timeout=timeout, on_progress=on_progress, clock=clock, sleep=sleep
        )

    def report(self) -> None:
        """Report unreported activity now. May take several seconds. Never raises.

        Called automatically when the process exits, but not if a signal ends the process.
        """
        if self.reporter is not None:
            self.reporter.report()

    def close(self) -> None:
        """Send the last report, stop reporting, and wait for the response to a restart request.

        May take several seconds. Called automatically when the process exits.
        """
        if self.reporter is not None:
            self.reporter.close()
        if self._waker is not None:
            self._waker.close()

    def _reported(self) -> AbstractContextManager[None]:
        return nullcontext() if self.reporter is None else self.reporter.track_activity()
