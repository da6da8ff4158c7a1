"""A health endpoint tells asleep, waking, down and up apart, and wakes nothing."""

import asyncio
from typing import Annotated, Any

import httpx
import psycopg
import pytest
from fastapi import Depends, FastAPI

from rds_lifecycle_client import Api, Database, LifecycleClient, RequestRejected, State, Unavailable
from rds_lifecycle_client.fastapi import HealthState, Health, HealthCheck
from tests.client.support import Counting, a_database
from tests.support import NOW, Clock


class Service(Api):
    """Shows what it is told to."""

    def __init__(self, answer: Database | Exception) -> None:
        self.answer = answer
        self.looks = 0

    def describe(self, timeout: float = 0) -> Database:
        """Show it."""
        self.looks += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Pinged:
    """Answers a ping, or does not."""

    def __init__(self, lifecycle: LifecycleClient, fault: Exception | None = None) -> None:
        self.lifecycle = lifecycle
        self.fault = fault

    async def ping(self) -> None:
        """What an engine's hooks do with a failure is done here too."""
        if self.fault is not None:
            self.lifecycle.handle_error(self.fault)
            raise self.fault


DOWN = psycopg.OperationalError("connection refused")


def check(answer: Database | Exception, fault: Exception | None = DOWN) -> Health:
    lifecycle = LifecycleClient(restart_target=Counting(), api=Service(answer))
    health = asyncio.run(HealthCheck(lifecycle, Pinged(lifecycle, fault).ping)())
    assert lifecycle.restart_requested_at is None, "a health check must not wake it"
    return health


@pytest.mark.parametrize(
    ("answer", "condition", "status_code"),
    [
        (a_database(State.STOPPED), HealthState.ASLEEP, 200),
        (a_database(State.STOPPING), HealthState.ASLEEP, 200),
        (a_database(State.STOPPED, restart_requested_at=NOW), HealthState.WAKING, 200),
        (a_database(State.STOPPING, restart_requested_at=NOW), HealthState.WAKING, 200),
        (a_database(State.STARTING), HealthState.WAKING, 200),
        (a_database(State.RUNNING), HealthState.DOWN, 503),
        (a_database(State.BUSY), HealthState.DOWN, 503),
        (a_database(State.FAILED), HealthState.DOWN, 503),
        (Unavailable("no answer"), HealthState.DOWN, 503),
    ],
)
def test_where_the_database_does_not_answer_rds_lifecycle_says_why(
    answer: Database | Exception, condition: HealthState, status_code: int
) -> None:
    health = check(answer)
    assert (health.condition, health.status_code) == (condition, status_code)
    assert health.detail


def test_a_token_that_is_refused_is_told_as_that_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert "refuses to tell" in check(RequestRejected("rds-lifecycle answered 401: Unauthorized")).detail
    assert "answered 401" in caplog.text
    unasked = asyncio.run(HealthCheck(LifecycleClient(api=Service(Unavailable("no answer"))))())
    assert unasked.detail.startswith("The database was not asked, and rds-lifecycle does not answer")


def test_where_the_database_answers_nobody_else_is_asked() -> None:
    service = Service(Unavailable("no answer"))
    lifecycle = LifecycleClient(api=service)
    assert asyncio.run(HealthCheck(lifecycle, Pinged(lifecycle).ping)()).condition is HealthState.UP
    assert service.looks == 0


def test_a_ping_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rds_lifecycle_client.health._PING_SECONDS", 0.02)

    async def hang() -> None:
        await asyncio.Event().wait()

    health = asyncio.run(HealthCheck(LifecycleClient(api=Service(a_database(State.STOPPED))), hang)())
    assert health.condition is HealthState.ASLEEP


def test_rds_lifecycle_is_not_asked_at_every_probe() -> None:
    service, clock = Service(a_database(State.STOPPED)), Clock()
    lifecycle = LifecycleClient(api=service)
    checked = HealthCheck(lifecycle, Pinged(lifecycle, DOWN).ping, clock)
    for looks, seconds in [(1, 0), (1, 4), (2, 2)]:
        clock.advance(seconds=seconds)
        assert asyncio.run(checked()).condition is HealthState.ASLEEP
        assert service.looks == looks


def test_without_a_ping_rds_lifecycle_decides() -> None:
    def condition(answer: Database) -> HealthState:
        return asyncio.run(HealthCheck(LifecycleClient(api=Service(answer)))()).condition

    assert condition(a_database(State.RUNNING)) is HealthState.UP
    assert condition(a_database(State.BUSY, ready=True)) is HealthState.UP
    assert condition(a_database(State.STOPPED)) is HealthState.ASLEEP


def test_without_the_routes_it_knows_only_what_it_has_asked_for_itself() -> None:
    lifecycle = LifecycleClient(restart_target=Counting())
    checked = HealthCheck(lifecycle, Pinged(lifecycle, DOWN).ping)
    health = asyncio.run(checked())
    assert health.condition is HealthState.DOWN
    assert "RDS_LIFECYCLE_URL" in health.detail
    lifecycle.wake()
    assert asyncio.run(HealthCheck(lifecycle, Pinged(lifecycle, DOWN).ping)()).condition is HealthState.WAKING


def test_it_is_a_dependency() -> None:
    app = FastAPI()
    checked = HealthCheck(LifecycleClient(api=Service(a_database(State.STOPPED))))

    @app.get("/health")
    async def health(found: Annotated[Health, Depends(checked)]) -> Any:
        return {"database": found.condition}

    async def ask() -> Any:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://backend") as client:
            return (await client.get("/health")).json()

    assert asyncio.run(ask()) == {"database": "asleep"}
