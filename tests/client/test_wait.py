"""Waiting for a database: what it asks, how long it waits, what it tells, and when it gives up."""

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
    WaitTimeout,
    Unavailable,
)
from rds_lifecycle_client.model import Database, RestartResult
from rds_lifecycle_client.wait import wait_until_ready
from tests.client.support import a_database
from tests.support import NOW, Clock

ASLEEP = a_database(State.STOPPED)
STARTING = a_database(State.STARTING, estimated_ready_at=NOW + timedelta(minutes=4))
UP = a_database(State.RUNNING)


class Service:
    """Answers in this order; what is left at the end was never asked for."""

    def __init__(self, *answers: Database | RestartResult | Exception) -> None:
        self.clock = Clock()
        self.answers = list(answers)
        self.pauses: list[float] = []
        self.told: list[Progress] = []

    def describe(self) -> Database:
        answer = self._next()
        assert isinstance(answer, Database)
        return answer

    def restart(self) -> RestartResult:
        answer = self._next()
        assert isinstance(answer, RestartResult)
        return answer

    def wait(self, *, look: bool = True, minutes: float = 20) -> Database:
        database = wait_until_ready(
            self,
            self.look if look else None,
            timeout=timedelta(minutes=minutes),
            on_progress=self.told.append,
            clock=self.clock,
            pause=self._pause,
        )
        assert self.answers == []
        return database

    def _next(self) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds=seconds)


def asked(database: Database, retry_after: float | None = None) -> RestartResult:
    return RestartResult("RDS instance starting", database, retry_after)


def test_what_is_up_is_not_waited_for() -> None:
    service = Service(UP)
    assert service.wait() == UP
    assert service.pauses == []


def test_what_sleeps_is_started_once_and_looked_at_until_it_is_up() -> None:
    service = Service(ASLEEP, asked(STARTING, 12.0), STARTING, UP)
    assert service.wait() == UP
    assert service.pauses == [12.0, 10.0], "Retry-After, then half of what is left, at most 10 s"


def test_a_restart_that_is_pending_is_not_asked_for_again() -> None:
    stopping = a_database(State.STOPPING, restart_requested_at=NOW)
    assert Service(stopping, a_database(State.STOPPED, restart_requested_at=NOW), UP).wait() == UP


def test_a_restart_that_was_given_up_is_asked_for_again() -> None:
    assert Service(ASLEEP, asked(STARTING), ASLEEP, asked(STARTING), UP).wait() == UP


def test_with_lambda_alone_the_restart_is_the_look() -> None:
    service = Service(asked(STARTING, 3.0), asked(STARTING, 2.0), asked(UP))
    assert service.wait(look=False) == UP
    assert service.pauses == [3.0, 2.0]


def test_times_without_an_answer_are_waited_out_as_long_as_the_answer_says() -> None:
    service = Service(Unavailable("x"), ASLEEP, Unavailable("no capacity", 300.0), STARTING, Unavailable("x", 7.0), UP)
    assert service.wait() == UP
    assert service.pauses == [5.0, 300.0, 1.0, 7.0]


def test_it_gives_up_in_time_and_says_what_it_saw_last() -> None:
    service = Service(STARTING, *[STARTING] * 7)
    with pytest.raises(WaitTimeout, match=r"Not ready after 60 s\. So it is\."):
        service.wait(minutes=1)
    assert sum(service.pauses) == 60
    with pytest.raises(WaitTimeout, match=r"Not ready after 0 s\. no answer"):
        Service(Unavailable("no answer")).wait(minutes=0)


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ((a_database(State.FAILED),), CannotStart),
        ((ASLEEP, CannotStart("x")), CannotStart),
        ((RequestRejected("wrong token"),), RequestRejected),
    ],
)
def test_what_waiting_cannot_mend_is_raised_at_once(answers: Any, error: type[Exception]) -> None:
    service = Service(*answers)
    with pytest.raises(error):
        service.wait()
    assert service.pauses == []


def test_progress_is_told_as_a_part_of_the_estimate() -> None:
    service = Service(Unavailable("x"), STARTING, STARTING, UP)
    service.wait()
    fractions = [progress.fraction for progress in service.told]
    assert fractions == [None, 5 / 240, 15 / 240, 1.0]
    late = Progress(STARTING, timedelta(minutes=9), timedelta(minutes=4))
    assert late.fraction == 0.99, "it is not there until it is there"
    overdue = Progress(STARTING, timedelta(minutes=1), timedelta(minutes=-4))
    assert overdue.fraction == 0.99, "the estimate had passed before the wait began"


def test_without_anything_to_ask_it_says_so() -> None:
    with pytest.raises(NotConfigured, match="RDS_LIFECYCLE_URL or RDS_LIFECYCLE_FUNCTION"):
        LifecycleClient().wait_until_ready()
