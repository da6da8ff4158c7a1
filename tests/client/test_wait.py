"""Waiting for a database: requests, delays, progress and timeout."""

from datetime import timedelta
from typing import Any

import pytest

from rds_lifecycle_client import (
    CannotStart,
    LifecycleClient,
    NotConfigured,
    Progress,
    RequestRejected,
    State,
    Unavailable,
    WaitTimeout,
)
from rds_lifecycle_client.model import Database, RestartResult
from rds_lifecycle_client.wait import wait_until_ready
from tests.client.support import make_database
from tests.support import NOW, Clock

STOPPED = make_database(State.STOPPED)
STARTING = make_database(State.STARTING, estimated_ready_at=NOW + timedelta(minutes=4))
RUNNING = make_database(State.RUNNING)


class FakeService:
    """Returns the responses in order, and fails if one was never requested."""

    def __init__(self, *responses: Database | RestartResult | Exception) -> None:
        self.clock = Clock()
        self.responses = list(responses)
        self.delays: list[float] = []
        self.progress: list[Progress] = []

    def describe(self) -> Database:
        response = self._next()
        assert isinstance(response, Database)
        return response

    def restart(self) -> RestartResult:
        response = self._next()
        assert isinstance(response, RestartResult)
        return response

    def wait(self, *, can_describe: bool = True, minutes: float = 20) -> Database:
        database = wait_until_ready(
            self,
            self.describe if can_describe else None,
            timeout=timedelta(minutes=minutes),
            on_progress=self.progress.append,
            clock=self.clock,
            sleep=self._sleep,
        )
        assert self.responses == []
        return database

    def _next(self) -> Any:
        response = self.responses.pop(0)
        if isinstance(response, Exception):
            raise response
        return response

    def _sleep(self, seconds: float) -> None:
        self.delays.append(seconds)
        self.clock.advance(seconds=seconds)


def restarted(database: Database, retry_after: float | None = None) -> RestartResult:
    return RestartResult("RDS instance starting", database, retry_after)


def test_wait__database_running__returns_without_a_delay() -> None:
    service = FakeService(RUNNING)
    assert service.wait() == RUNNING
    assert service.delays == []


def test_wait__database_stopped__requests_one_restart_and_polls() -> None:
    service = FakeService(STOPPED, restarted(STARTING, 12.0), STARTING, RUNNING)
    assert service.wait() == RUNNING
    assert service.delays == [12.0, 10.0], "Retry-After, then half of the remaining time, at most 10 s"


def test_wait__restart_pending__requests_no_restart() -> None:
    stopping = make_database(State.STOPPING, restart_requested_at=NOW)
    assert FakeService(stopping, make_database(State.STOPPED, restart_requested_at=NOW), RUNNING).wait() == RUNNING


def test_wait__restart_cancelled__requests_another_restart() -> None:
    assert FakeService(STOPPED, restarted(STARTING), STOPPED, restarted(STARTING), RUNNING).wait() == RUNNING


def test_wait__function_only__repeats_the_restart_request() -> None:
    service = FakeService(restarted(STARTING, 3.0), restarted(STARTING, 2.0), restarted(RUNNING))
    assert service.wait(can_describe=False) == RUNNING
    assert service.delays == [3.0, 2.0]


def test_wait__unavailable__retries_after_the_given_time() -> None:
    service = FakeService(
        Unavailable("x"), STOPPED, Unavailable("no capacity", 300.0), STARTING, Unavailable("x", 7.0), RUNNING
    )
    assert service.wait() == RUNNING
    assert service.delays == [5.0, 300.0, 1.0, 7.0]


def test_wait__timeout__raises_with_the_last_detail() -> None:
    service = FakeService(STARTING, *[STARTING] * 7)
    with pytest.raises(WaitTimeout, match=r"Not ready after 60 s\. Some detail\."):
        service.wait(minutes=1)
    assert sum(service.delays) == 60
    with pytest.raises(WaitTimeout, match=r"Not ready after 0 s\. no response"):
        FakeService(Unavailable("no response")).wait(minutes=0)


@pytest.mark.parametrize(
    ("responses", "error"),
    [
        pytest.param((make_database(State.FAILED),), CannotStart, id="database-failed"),
        pytest.param((STOPPED, CannotStart("x")), CannotStart, id="cannot-start"),
        pytest.param((RequestRejected("invalid token"),), RequestRejected, id="rejected"),
    ],
)
def test_wait__permanent_error__raises_at_once(responses: Any, error: type[Exception]) -> None:
    service = FakeService(*responses)
    with pytest.raises(error):
        service.wait()
    assert service.delays == []


def test_progress__with_an_estimate__is_the_elapsed_fraction() -> None:
    service = FakeService(Unavailable("x"), STARTING, STARTING, RUNNING)
    service.wait()
    assert [progress.fraction for progress in service.progress] == [None, 5 / 240, 15 / 240, 1.0]


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [
        pytest.param(timedelta(minutes=9), timedelta(minutes=4), id="estimate-exceeded"),
        pytest.param(timedelta(minutes=1), timedelta(minutes=-4), id="estimate-before-the-wait"),
    ],
)
def test_progress__estimate_in_the_past__stays_below_one(elapsed: timedelta, expected: timedelta) -> None:
    assert Progress(STARTING, elapsed, expected).fraction == 0.99


def test_wait__without_url_and_function__is_not_configured() -> None:
    with pytest.raises(NotConfigured, match="RDS_LIFECYCLE_URL or RDS_LIFECYCLE_FUNCTION"):
        LifecycleClient().wait_until_ready()
