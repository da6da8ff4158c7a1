"""The client against the real app: its routes, and its function start_database; and against answers that are odd."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from rds_lifecycle_client import Api, CannotStart, NotConfigured, RequestRejected, StartFunction, State, Unavailable, function
from rds_lifecycle_client.model import now_utc
from tests.served import Serve, Served
from tests.support import NOW

Wire = Callable[..., tuple[Served, Api]]
Say = Callable[..., Api]


def test_a_database_from_sleep_to_sleep(wire: Wire) -> None:
    served, api = wire()
    asleep = api.describe()
    assert (asleep.state, asleep.ready, asleep.start_pending) == (State.STOPPED, False, False)
    restarted = api.restart()
    assert (restarted.message, restarted.retry_after) == ("RDS instance starting", 30.0)
    assert (restarted.database.state, restarted.database.start_pending) == (State.STARTING, True)
    assert restarted.database.estimated_ready_at == NOW + timedelta(minutes=5)
    served.world.clock.advance(5)
    up = api.describe()
    assert (up.state, up.ready) == (State.RUNNING, True)
    assert up.stops_at == NOW + timedelta(minutes=65)
    served.world.clock.advance(5)
    api.report(now_utc())
    assert api.describe().stops_at == NOW + timedelta(minutes=70)
    assert api.hold(hours=3).hold_until == NOW + timedelta(hours=3, minutes=10)
    assert api.hold(until=NOW + timedelta(hours=1)).hold_until == NOW + timedelta(hours=1)
    assert api.end_hold().hold_until is None


def test_what_the_token_may_not_do_is_refused_in_words(wire: Wire) -> None:
    _, api = wire("viewer")
    with pytest.raises(RequestRejected, match="rds-lifecycle answered 403"):
        api.restart()
    with pytest.raises(RequestRejected, match="rds-lifecycle answered 403"):
        Api("https://lifecycle.example", "nobody", "ss-financial-prod").describe()


def test_an_unknown_database_is_refused_in_words(wire: Wire) -> None:
    wire()
    with pytest.raises(RequestRejected, match="404: This deployment minds no database of that id"):
        Api("https://lifecycle.example", "operator", "nope").describe()


def test_a_database_that_has_failed_cannot_be_started(wire: Wire) -> None:
    _, api = wire(status="storage-full")
    assert api.describe().state is State.FAILED
    with pytest.raises(CannotStart, match="storage-full"):
        api.restart()


def test_no_capacity_at_aws_says_when_to_try_again(say: Say) -> None:
    with pytest.raises(Unavailable, match="503: AWS has no capacity") as caught:
        say((503, {"detail": "AWS has no capacity"}, {"Retry-After": "300"})).restart()
    assert caught.value.retry_after == 300.0


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((200, "<html>a login page", {}), Unavailable, "not rds-lifecycle's: is the address right"),
        ((200, [], {}), Unavailable, "is the address right"),
        ((200, {"id": "db", "state": "running"}, {}), Unavailable, "is the address right"),
        ((502, "Bad Gateway", {}), Unavailable, "502: no more was said"),
        ((429, {"message": "Too Many Requests"}, {"Retry-After": "soon"}), Unavailable, "429: Too Many Requests"),
        ((403, {"message": "Forbidden"}, {}), RequestRejected, "403: Forbidden"),
        ((302, "", {"Location": "/"}), RequestRejected, "302"),
        (httpx.ConnectError("refused"), Unavailable, "does not answer at https://lifecycle.example/api/databases/db"),
        (httpx.ReadTimeout("slow"), Unavailable, "slow"),
    ],
)
def test_answers_that_are_none(say: Say, answer: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        say(answer).describe()


def test_a_report_into_a_silent_network_is_given_up_before_a_restart_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed: list[dict[str, float]] = []

    def silence(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        allowed.append(request.extensions["timeout"])
        raise httpx.ReadTimeout("silence")

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", silence)
    api = Api("https://lifecycle.example", "operator", "db")
    for ask in (lambda: api.report(now_utc()), api.restart):
        with pytest.raises(Unavailable):
            ask()
    report, restart = (max(timeouts.values()) for timeouts in allowed)
    assert report <= 5, "a process that ends waits for its last report"
    assert restart > 29, "API Gateway's own limit"


def test_a_use_of_long_ago_is_not_reported_as_one_of_now(say: Say, caplog: pytest.LogCaptureFixture) -> None:
    say().report(now_utc() - timedelta(minutes=3))
    assert "could not be reported in time" in caplog.text


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_is_a_fault_of_the_settings(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(NotConfigured, match="ALL_PROXY"):
        Api("https://lifecycle.example", "operator", "db").describe()


def test_a_state_of_a_later_version_is_busy(say: Say) -> None:
    shown = {"id": "db", "state": "hibernating", "status": "x", "ready": False, "detail": "x"}
    assert say((200, shown, {})).describe().state is State.BUSY


class Lambda:
    """Runs the app's function, or answers what it is told to."""

    def __init__(self, served: Served | None = None, answer: Any = None) -> None:
        self._served = served
        self._answer = answer

    def invoke(self, **call: Any) -> Any:
        """As boto3's client does it."""
        if isinstance(self._answer, Exception):
            raise self._answer
        if self._served is None:
            return self._answer
        assert call["FunctionName"] == "rds-lifecycle-prod-start_database"
        result = self._served.invoke("start_database", json.loads(call["Payload"]))
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(result).encode())}


@pytest.mark.parametrize("database", [None, "ss-financial-prod"])
def test_the_function_starts_it_as_the_route_does(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, database: str | None
) -> None:
    monkeypatch.setattr(function, "_connect", lambda: Lambda(serve()))
    restarted = StartFunction("rds-lifecycle-prod-start_database", database).restart()
    assert (restarted.message, restarted.retry_after) == ("RDS instance starting", 30.0)
    assert restarted.database.state is State.STARTING


def test_the_function_refuses_an_unknown_database(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "_connect", lambda: Lambda(serve()))
    with pytest.raises(RequestRejected, match="404: This deployment minds no database of that id"):
        StartFunction("rds-lifecycle-prod-start_database", "nope").restart()


def aws_error(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "No."}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Invoke")


def payload(text: str) -> Any:
    return {"StatusCode": 200, "Payload": io.BytesIO(text.encode())}


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (aws_error("AccessDeniedException", 403), RequestRejected, "Lambda refuses to run start: .*AccessDeniedException"),
        (aws_error("ResourceNotFoundException", 404), RequestRejected, "Lambda refuses to run start"),
        (aws_error("TooManyRequestsException", 429), Unavailable, "does not run start at the moment"),
        (aws_error("InternalError", 500), Unavailable, "does not run start at the moment"),
        (EndpointConnectionError(endpoint_url="https://lambda"), Unavailable, "Lambda does not answer"),
        (payload('{"errorMessage": "boom"}'), Unavailable, "start has failed; its log says why"),
        (payload("null"), Unavailable, "start has failed"),
        (payload("{"), Unavailable, "Lambda does not answer"),
    ],
)
def test_a_function_that_gives_no_answer(
    monkeypatch: pytest.MonkeyPatch, answer: Any, error: type[Exception], words: str
) -> None:
    monkeypatch.setattr(function, "_connect", lambda: Lambda(answer=answer))
    with pytest.raises(error, match=words):
        StartFunction("start", None).restart()


def test_without_httpx_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "httpx", None)
    with pytest.raises(NotConfigured, match=r"pip install 'rds-lifecycle-client\[http\]'"):
        Api("https://lifecycle.example", "operator", "db")
