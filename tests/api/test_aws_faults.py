"""AWS fails at any call of any route: the response is 502 or 503 and holds nothing internal."""

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from chalice.test import HTTPResponse

from chalicelib.service.lifecycle import CheckFailed
from tests.openapi import OPERATIONS, Operation, operation_of
from tests.served import Serve, Served
from tests.support import PROD, before_call, failing, hooked, losing_response

Fault = Callable[[Any, str], AbstractContextManager[Any]]

DESCRIBE, READ, WRITE = "DescribeDBInstances", "BatchGetItem", "TransactWriteItems"
CALLS: dict[tuple[str, str], list[str]] = {
    ("GET", "/"): [],
    ("GET", "/databases"): [DESCRIBE, READ],
    ("GET", "/databases/{id}"): [DESCRIBE, READ],
    ("POST", "/databases/{id}/restart"): [DESCRIBE, READ, WRITE, "StartDBInstance"],
    ("GET", "/databases/{id}/history"): [READ],
    ("POST", "/databases/{id}/activity"): [READ, "UpdateItem", DESCRIBE],
    ("PUT", "/databases/{id}/hold"): [DESCRIBE, READ, WRITE],
    ("DELETE", "/databases/{id}/hold"): [DESCRIBE, READ, WRITE],
}
EACH_CALL = [(operation, call) for operation in OPERATIONS for call in CALLS[operation.method, operation.path]]
PERMISSIONS = {WRITE: "UpdateItem"}


def raising(error: Exception) -> Fault:
    """The call ends without a response."""

    def fail() -> None:
        raise error

    return lambda client, call: before_call(client, call, fail)


def with_code(code: str, status: int = 400) -> Fault:
    """AWS answers with this error."""
    return lambda client, call: failing(client, call, code, status=status)


def sending(status: int, body: bytes) -> Fault:
    """The response is not AWS's: a proxy's page, or a part of a response."""

    @contextmanager
    def fault(client: Any, call: str) -> Iterator[None]:
        def send(**_: Any) -> AWSResponse:
            return AWSResponse("https://aws.test", status, HTTPHeaders(), _Raw(body))

        with hooked(client, f"before-send.*.{call}", send):
            yield

    return fault


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


URL = "https://aws.test"
UNAVAILABLE: dict[str, Fault] = {
    "throttled": with_code("Throttling"),
    "throttled by DynamoDB": with_code("ProvisionedThroughputExceededException"),
    "failing": with_code("InternalFailure", 500),
    "failing with an unknown code": with_code("SomethingNew", 503),
    "no connection": raising(EndpointConnectionError(endpoint_url=URL)),
    "connection times out": raising(ConnectTimeoutError(endpoint_url=URL)),
    "response times out": raising(ReadTimeoutError(endpoint_url=URL)),
    "no credentials": raising(NoCredentialsError()),
    "response lost": losing_response,
}
MALFORMED: dict[str, Fault] = {
    "a proxy's page": sending(200, b"\xff<html>arn:aws:rds:us-east-1:123456789012:db:x"),
    "a list": sending(200, b"[]"),
    "half an error": sending(400, b"\xff<ErrorResponse><Error><Code>Thrott"),
}
REFUSED: dict[str, tuple[Fault, str]] = {
    "denied": (with_code("AccessDenied", 403), "missing-permission"),
    "denied by DynamoDB": (with_code("AccessDeniedException"), "missing-permission"),
    "refused with an unknown code": (with_code("SomethingNew"), "aws-refused"),
}


def request(app: Served, operation: Operation) -> HTTPResponse:
    body = b'{"hours": 3}' if operation.method == "PUT" else b""
    return app.call(operation.method, operation.path.replace("{id}", PROD.id), body=body)


def reset(app: Served, operation: Operation) -> None:
    """A stopped database, with a hold where the operation ends one."""
    app.world.simulated_rds.set_status(PROD.id, "stopped")
    app.world.stored_items().clear()
    if operation.method == "DELETE":
        app.world.lifecycle.hold(PROD, timedelta(hours=1), by="ops")
    app.world.calls.clear()


def client_of(app: Served, call: str) -> Any:
    return app.world.rds if "DBInstance" in call else app.world.dynamodb


def assert_problem(response: HTTPResponse, status: int, slug: str, name: str) -> None:
    assert (response.status_code, response.json_body["type"]) == (status, f"urn:rds-lifecycle:{slug}"), name
    assert ("Retry-After" in response.headers) is (status == 503)
    for internal in (b"123456789012", b"arn:", b"own message, account", b"aws.test", b"Error"):
        assert internal not in response.body, name


def id_of(parameter: object) -> str:
    return f"{parameter.method} {parameter.path}" if isinstance(parameter, Operation) else str(parameter)


@pytest.mark.parametrize("operation", OPERATIONS, ids=id_of)
def test_route__without_faults__makes_the_expected_calls(serve: Serve, operation: Operation) -> None:
    app = serve()
    reset(app, operation)
    assert request(app, operation).status_code in (200, 202)
    assert set(app.world.calls) == set(CALLS[operation.method, operation.path])


@pytest.mark.parametrize(("operation", "call"), EACH_CALL, ids=id_of)
def test_route__one_call_fails__is_503_or_502(serve: Serve, operation: Operation, call: str) -> None:
    app = serve()
    before = app.world.clock.now
    for name, fault in UNAVAILABLE.items():
        reset(app, operation)
        with fault(client_of(app, call), call):
            assert_problem(request(app, operation), 503, "aws-unavailable", name)
    for name, (fault, slug) in REFUSED.items():
        reset(app, operation)
        with fault(client_of(app, call), call):
            response = request(app, operation)
        assert_problem(response, 502, slug, name)
        assert f":{PERMISSIONS.get(call, call)}" in response.json_body["detail"], name
    assert app.world.clock.now - before < timedelta(minutes=1), "all of them waited so long together"


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("restart", DESCRIBE),
        ("restart", READ),
        ("restart", WRITE),
        ("restart", "StartDBInstance"),
        ("activity", "UpdateItem"),
    ],
)
def test_route__malformed_response__is_503(serve: Serve, path: str, call: str) -> None:
    operation = operation_of("POST", f"/databases/{PROD.id}/{path}")
    assert operation is not None
    app = serve(backend="moto")
    for name, fault in MALFORMED.items():
        reset(app, operation)
        with fault(client_of(app, call), call):
            assert_problem(request(app, operation), 503, "aws-unavailable", name)


@pytest.mark.parametrize("call", [DESCRIBE, "StartDBInstance"])
def test_restart__malformed_response_of_rds__is_saved_and_carried_out(serve: Serve, call: str) -> None:
    app = serve(backend="moto")
    with sending(200, b"<html>")(app.world.rds, call):
        response = app.call("POST", f"/databases/{PROD.id}/restart")
    saved = "The request is saved and will be carried out. You do not need to send it again."
    assert response.json_body["detail"].endswith(saved)
    app.run_check()
    assert app.world.status() == "starting"


def test_check__malformed_response_of_dynamodb__stops_nothing(serve: Serve) -> None:
    app = serve(status="available", backend="moto")
    app.world.report_query()
    with sending(200, b"{}")(app.world.dynamodb, READ), pytest.raises(CheckFailed):
        app.run_check()
    assert app.world.status() == "available"
