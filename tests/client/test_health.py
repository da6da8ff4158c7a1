"""The states of a health check, which never starts the database."""

import asyncio
from typing import Annotated, Any

import httpx
import psycopg
import pytest
from fastapi import Depends, FastAPI

from rds_lifecycle_client import Api, Database, LifecycleClient, RequestRejected, State, Unavailable
from rds_lifecycle_client.fastapi import Health, HealthCheck, HealthState
from tests.client.support import CountingRestartTarget, make_database
from tests.support import NOW, Clock


class FakeApi(Api):
    """Returns or raises the given response."""

    def __init__(self, response: Database | Exception) -> None:
        self.response = response
        self.calls = 0

    def describe(self, timeout: float = 0) -> Database:
        """Count the call and return the response."""
        self.calls += 1
        if isinstance(self.response, Exception):
            raise self.response
        return self.response


class FakeDatabase:
    """Responds to a ping, or fails as an instrumented engine does."""

    def __init__(self, lifecycle: LifecycleClient, error: Exception | None = None) -> None:
        self.lifecycle = lifecycle
        self.error = error

    async def ping(self) -> None:
        """Respond or raise."""
        if self.error is not None:
            self.lifecycle.handle_error(self.error)
            raise self.error


CONNECTION_FAILURE = psycopg.OperationalError("connection refused")


def check(response: Database | Exception) -> Health:
    """The health if the database does not respond, and rds-lifecycle responds with this."""
    lifecycle = LifecycleClient(restart_target=CountingRestartTarget(), api=FakeApi(response))
    health = asyncio.run(HealthCheck(lifecycle, FakeDatabase(lifecycle, CONNECTION_FAILURE).ping)())
    assert lifecycle.restart_requested_at is None, "a health check must not start the database"
    return health


@pytest.mark.parametrize(
    ("response", "state", "status_code"),
    [
        pytest.param(make_database(State.STOPPED), HealthState.ASLEEP, 200, id="stopped"),
        pytest.param(make_database(State.STOPPING), HealthState.ASLEEP, 200, id="stopping"),
        pytest.param(
            make_database(State.STOPPED, restart_requested_at=NOW), HealthState.WAKING, 200, id="stopped-restarting"
        ),
        pytest.param(
            make_database(State.STOPPING, restart_requested_at=NOW), HealthState.WAKING, 200, id="stopping-restarting"
        ),
        pytest.param(make_database(State.STARTING), HealthState.WAKING, 200, id="starting"),
        pytest.param(make_database(State.RUNNING), HealthState.DOWN, 503, id="running"),
        pytest.param(make_database(State.BUSY), HealthState.DOWN, 503, id="busy"),
        pytest.param(make_database(State.FAILED), HealthState.DOWN, 503, id="failed"),
        pytest.param(Unavailable("no response"), HealthState.DOWN, 503, id="rds-lifecycle-unavailable"),
    ],
)
def test_health_check__ping_fails__returns_the_state_from_rds_lifecycle(
    response: Database | Exception, state: HealthState, status_code: int
) -> None:
    health = check(response)
    assert (health.state, health.status_code) == (state, status_code)
    assert health.detail


def test_health_check__request_rejected__is_down_and_logs_the_error(caplog: pytest.LogCaptureFixture) -> None:
    assert "rejected the request" in check(RequestRejected("rds-lifecycle returned 401: Unauthorized")).detail
    assert "returned 401" in caplog.text


def test_health_check__no_ping_and_no_response__is_down_with_the_reason() -> None:
    health = asyncio.run(HealthCheck(LifecycleClient(api=FakeApi(Unavailable("no response"))))())
    assert health.detail.startswith("The database was not pinged, and rds-lifecycle does not respond")


def test_health_check__ping_succeeds__does_not_call_rds_lifecycle() -> None:
    api = FakeApi(Unavailable("no response"))
    lifecycle = LifecycleClient(api=api)
    health = asyncio.run(HealthCheck(lifecycle, FakeDatabase(lifecycle).ping)())
    assert health.state is HealthState.UP
    assert api.calls == 0


def test_health_check__ping_hangs__is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rds_lifecycle_client.health._PING_TIMEOUT_SECONDS", 0.02)

    async def hang() -> None:
        await asyncio.Event().wait()

    health = asyncio.run(HealthCheck(LifecycleClient(api=FakeApi(make_database(State.STOPPED))), hang)())
    assert health.state is HealthState.ASLEEP


def test_health_check__repeated_within_five_seconds__calls_rds_lifecycle_once() -> None:
    api, clock = FakeApi(make_database(State.STOPPED)), Clock()
    lifecycle = LifecycleClient(api=api)
    health_check = HealthCheck(lifecycle, FakeDatabase(lifecycle, CONNECTION_FAILURE).ping, clock)
    for calls, seconds in [(1, 0), (1, 4), (2, 2)]:
        clock.advance(seconds=seconds)
        assert asyncio.run(health_check()).state is HealthState.ASLEEP
        assert api.calls == calls


@pytest.mark.parametrize(
    ("database", "state"),
    [
        pytest.param(make_database(State.RUNNING), HealthState.UP, id="running"),
        pytest.param(make_database(State.BUSY, ready=True), HealthState.UP, id="busy-and-ready"),
        pytest.param(make_database(State.STOPPED), HealthState.ASLEEP, id="stopped"),
    ],
)
def test_health_check__without_a_ping__returns_the_state_from_rds_lifecycle(
    database: Database, state: HealthState
) -> None:
    assert asyncio.run(HealthCheck(LifecycleClient(api=FakeApi(database)))()).state is state


def test_health_check__without_an_api__considers_only_its_own_restart_requests() -> None:
    lifecycle = LifecycleClient(restart_target=CountingRestartTarget())
    health_check = HealthCheck(lifecycle, FakeDatabase(lifecycle, CONNECTION_FAILURE).ping)
    health = asyncio.run(health_check())
    assert health.state is HealthState.DOWN
    assert "RDS_LIFECYCLE_URL" in health.detail
    lifecycle.wake()
    health = asyncio.run(HealthCheck(lifecycle, FakeDatabase(lifecycle, CONNECTION_FAILURE).ping)())
    assert health.state is HealthState.WAKING


def test_health_check__as_a_fastapi_dependency__returns_the_health() -> None:
    app = FastAPI()
    health_check = HealthCheck(LifecycleClient(api=FakeApi(make_database(State.STOPPED))))

    @app.get("/health")
    async def health(checked: Annotated[Health, Depends(health_check)]) -> Any:
        return {"database": checked.state}

    async def request() -> Any:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://backend") as client:
            return (await client.get("/health")).json()

    assert asyncio.run(request()) == {"database": "asleep"}
