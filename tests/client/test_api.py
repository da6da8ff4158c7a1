"""The HTTP API and the function start_database: against the real app, and against unexpected responses."""

import io
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from rds_lifecycle_client import (
    Api,
    CannotStart,
    NotConfigured,
    RequestRejected,
    StartFunction,
    State,
    Unavailable,
    start_function,
)
from rds_lifecycle_client.model import now_utc
from tests.served import Serve, Served
from tests.support import NOW

ConnectApp = Callable[..., tuple[Served, Api]]
CannedApi = Callable[..., Api]


def test_api__restart_activity_and_hold__change_the_database(connect_app: ConnectApp) -> None:
    served, api = connect_app()
    stopped = api.describe()
    assert (stopped.state, stopped.ready, stopped.start_pending) == (State.STOPPED, False, False)
    result = api.restart()
    assert (result.message, result.retry_after) == ("RDS instance starting", 30.0)
    assert (result.database.state, result.database.start_pending) == (State.STARTING, True)
    assert result.database.estimated_ready_at == NOW + timedelta(minutes=5)
    served.world.clock.advance(5)
    running = api.describe()
    assert (running.state, running.ready) == (State.RUNNING, True)
    assert running.stops_at == NOW + timedelta(minutes=65)
    served.world.clock.advance(5)
    api.report(now_utc())
    assert api.describe().stops_at == NOW + timedelta(minutes=70)
    assert api.hold(hours=3).hold_until == NOW + timedelta(hours=3, minutes=10)
    assert api.hold(until=NOW + timedelta(hours=1)).hold_until == NOW + timedelta(hours=1)
    assert api.end_hold().hold_until is None


def test_api__insufficient_role_unknown_token_or_database__is_rejected(connect_app: ConnectApp) -> None:
    _, api = connect_app("viewer")
    with pytest.raises(RequestRejected, match="rds-lifecycle returned 403"):
        api.restart()
    with pytest.raises(RequestRejected, match="rds-lifecycle returned 403"):
        Api("https://lifecycle.example", "nobody", "ss-financial-prod").describe()
    with pytest.raises(RequestRejected, match=r"rds-lifecycle returned 404: .+"):
        Api("https://lifecycle.example", "operator", "nope").describe()


def test_restart__failed_database__cannot_start(connect_app: ConnectApp) -> None:
    _, api = connect_app(status="storage-full")
    assert api.describe().state is State.FAILED
    with pytest.raises(CannotStart, match="storage-full"):
        api.restart()


def test_restart__no_capacity__is_unavailable_with_retry_after(canned_api: CannedApi) -> None:
    with pytest.raises(Unavailable, match="503: AWS has no capacity") as caught:
        canned_api((503, {"detail": "AWS has no capacity"}, {"Retry-After": "300"})).restart()
    assert caught.value.retry_after == 300.0


@pytest.mark.parametrize(
    ("response", "error", "message"),
    [
        pytest.param((200, "<html>a login page", {}), Unavailable, "not from rds-lifecycle", id="html"),
        pytest.param((200, [], {}), Unavailable, "Check RDS_LIFECYCLE_URL", id="list"),
        pytest.param((200, {"id": "db", "state": "running"}, {}), Unavailable, "Check RDS_LIFECYCLE_URL", id="partial"),
        pytest.param((502, "Bad Gateway", {}), Unavailable, "502: the response has no details", id="502"),
        pytest.param((429, {"message": "Too Many"}, {"Retry-After": "soon"}), Unavailable, "429: Too Many", id="429"),
        pytest.param((403, {"message": "Forbidden"}, {}), RequestRejected, "403: Forbidden", id="403"),
        pytest.param((302, "", {"Location": "/"}), RequestRejected, "302", id="302"),
        pytest.param(
            httpx.ConnectError("refused"),
            Unavailable,
            "did not respond at https://lifecycle.example/api/databases/db",
            id="connection-refused",
        ),
        pytest.param(httpx.ReadTimeout("slow"), Unavailable, "slow", id="timeout"),
    ],
)
def test_describe__unexpected_response__raises(
    canned_api: CannedApi, response: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        canned_api(response).describe()


def test_report__no_response__times_out_sooner_than_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts: list[dict[str, float]] = []

    def time_out(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        timeouts.append(request.extensions["timeout"])
        raise httpx.ReadTimeout("timeout")

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", time_out)
    api = Api("https://lifecycle.example", "operator", "db")
    for request in (lambda: api.report(now_utc()), api.restart):
        with pytest.raises(Unavailable):
            request()
    report, restart = (max(timeout.values()) for timeout in timeouts)
    assert report <= 5, "a process that exits waits for its last report"
    assert restart > 29, "longer than API Gateway's limit"


def test_report__old_activity__is_logged_and_not_sent(canned_api: CannedApi, caplog: pytest.LogCaptureFixture) -> None:
    canned_api().report(now_utc() - timedelta(minutes=3))
    assert "could not be reported in time" in caplog.text


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense://127.0.0.1:9"])
def test_api__unusable_proxy__is_not_configured(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(NotConfigured, match="ALL_PROXY"):
        Api("https://lifecycle.example", "operator", "db").describe()


def test_describe__unknown_state__is_read_as_busy(canned_api: CannedApi) -> None:
    body = {"id": "db", "state": "hibernating", "status": "x", "ready": False, "detail": "x"}
    assert canned_api((200, body, {})).describe().state is State.BUSY


class FakeLambda:
    """A Lambda client that runs the app's function, or returns or raises the given response."""

    def __init__(self, served: Served | None = None, response: Any = None) -> None:
        self._served = served
        self._response = response

    def invoke(self, **call: Any) -> Any:
        """Invoke the function."""
        if isinstance(self._response, Exception):
            raise self._response
        if self._served is None:
            return self._response
        assert call["FunctionName"] == "rds-lifecycle-prod-start_database"
        result = self._served.invoke("start_database", json.loads(call["Payload"]))
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(result).encode())}


def test_start_function__default_named_and_unknown_database__is_started_or_rejected(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_lambda = FakeLambda(serve())
    monkeypatch.setattr(start_function, "_create_client", lambda: fake_lambda)
    name = "rds-lifecycle-prod-start_database"
    result = StartFunction(name, None).restart()
    assert (result.message, result.retry_after) == ("RDS instance starting", 30.0)
    assert result.database.state is State.STARTING
    assert StartFunction(name, "ss-financial-prod").restart().database == result.database
    with pytest.raises(RequestRejected, match=r"rds-lifecycle returned 404: .+"):
        StartFunction(name, "nope").restart()


def aws_error(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "No."}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Invoke")


def payload(text: str) -> Any:
    return {"StatusCode": 200, "Payload": io.BytesIO(text.encode())}


@pytest.mark.parametrize(
    ("response", "error", "message"),
    [
        pytest.param(
            aws_error("AccessDeniedException", 403),
            RequestRejected,
            "Lambda refused to run start: .*AccessDeniedException",
            id="access-denied",
        ),
        pytest.param(
            aws_error("ResourceNotFoundException", 404), RequestRejected, "Lambda refused to run start", id="not-found"
        ),
        pytest.param(
            aws_error("TooManyRequestsException", 429), Unavailable, "cannot run start at the moment", id="throttled"
        ),
        pytest.param(
            aws_error("InternalError", 500), Unavailable, "cannot run start at the moment", id="internal-error"
        ),
        pytest.param(
            EndpointConnectionError(endpoint_url="https://lambda"),
            Unavailable,
            "Lambda did not respond",
            id="no-connection",
        ),
        pytest.param(payload('{"errorMessage": "boom"}'), Unavailable, "start failed; see its log", id="exception"),
        pytest.param(payload("null"), Unavailable, "start failed", id="null"),
        pytest.param(payload("{"), Unavailable, "Lambda did not respond", id="truncated"),
    ],
)
def test_start_function__error_response__raises(
    monkeypatch: pytest.MonkeyPatch, response: Any, error: type[Exception], message: str
) -> None:
    monkeypatch.setattr(start_function, "_create_client", lambda: FakeLambda(response=response))
    with pytest.raises(error, match=message):
        StartFunction("start", None).restart()


def test_api__httpx_missing__names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(NotConfigured, match=r"pip install 'rds-lifecycle-client\[http\]'"):
        Api("https://lifecycle.example", "operator", "db")
