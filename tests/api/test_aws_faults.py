"""AWS fails at any call of any route: 502 or 503 as the contract says, never another error of ours."""

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
from tests.openapi import OPERATIONS, Operation
from tests.served import Serve, Served
from tests.support import PROD, before_call, failing, hooked, unanswered

Fault = Callable[[Any, str], AbstractContextManager[Any]]

LOOK, READ, WRITE = "DescribeDBInstances", "BatchGetItem", "TransactWriteItems"
CALLS: dict[tuple[str, str], list[str]] = {
    ("GET", "/"): [],
    ("GET", "/databases"): [LOOK, READ],
    ("GET", "/databases/{id}"): [LOOK, READ],
    ("POST", "/databases/{id}/restart"): [
        LOOK,
        READ,
        WRITE,
        "StartDBInstance",
    ],
    ("GET", "/databases/{id}/history"): [READ],
    ("POST", "/databases/{id}/activity"): [READ, "UpdateItem", LOOK],
    ("PUT", "/databases/{id}/hold"): [LOOK, READ, WRITE],
    ("DELETE", "/databases/{id}/hold"): [LOOK, READ, WRITE],
}
EACH_CALL = [(operation, call) for operation in OPERATIONS for call in CALLS[operation.method, operation.path]]
PERMISSIONS = {WRITE: "UpdateItem"}


def raising(error: Exception) -> Fault:
    """The call ends without an answer."""

    def fail() -> None:
        raise error

    return lambda client, call: before_call(client, call, fail, nth=1)


def answering_with(status: int, body: bytes) -> Fault:
    """Something else than AWS answers: a proxy, or half of AWS."""

    @contextmanager
    def disturbed(client: Any, call: str) -> Iterator[None]:
        def answer(**_: Any) -> AWSResponse:
            return AWSResponse("https://aws.test", status, HTTPHeaders(), _Raw(body))

        with hooked(client, f"before-send.*.{call}", answer):
            yield

    return disturbed


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def coded(code: str, status: int = 400) -> Fault:
    """AWS answers with this error."""
    return lambda client, call: failing(client, call, code, status=status)


URL = "https://aws.test"
UNAVAILABLE: dict[str, Fault] = {
    "throttled": coded("Throttling"),
    "throttled, as DynamoDB says it": coded("ProvisionedThroughputExceededException"),
    "failing": coded("InternalFailure", 500),
    "failing in an unknown way": coded("SomethingNew", 503),
    "not connected": raising(EndpointConnectionError(endpoint_url=URL)),
    "not connected in time": raising(ConnectTimeoutError(endpoint_url=URL)),
    "not answering in time": raising(ReadTimeoutError(endpoint_url=URL)),
    "without credentials": raising(NoCredentialsError()),
    "heard, but its answer lost": unanswered,
    "a proxy's page": answering_with(200, b"\xff<html>arn:aws:rds:us-east-1:123456789012:db:x"),
    "a list": answering_with(200, b"[]"),
    "half a refusal": answering_with(400, b"\xff<ErrorResponse><Error><Code>Thrott"),
}
REFUSED: dict[str, tuple[Fault, str]] = {
    "denied": (coded("AccessDenied", 403), "missing-permission"),
    "denied, as DynamoDB says it": (coded("AccessDeniedException"), "missing-permission"),
    "refused for a new reason": (coded("SomethingNew"), "aws-refused"),
}


def ask(app: Served, operation: Operation) -> HTTPResponse:
    body = b'{"hours": 3}' if operation.method == "PUT" else b""
    return app.call(operation.method, operation.path.replace("{id}", PROD.id), body=body)


def prepared(serve: Serve, operation: Operation) -> Served:
    """A stopped database, with a hold that can be ended."""
    app = serve()
    if operation.method == "DELETE":
        app.world.lifecycle.hold(PROD, timedelta(hours=1), by="ops")
    app.world.calls.clear()
    return app


def client_of(app: Served, call: str) -> Any:
    return app.world.rds if "DBInstance" in call else app.world.dynamodb


def named(parameter: object) -> str:
    return f"{parameter.method} {parameter.path}" if isinstance(parameter, Operation) else str(parameter)


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_these_are_the_calls_of_each_route(serve: Serve, operation: Operation) -> None:
    app = prepared(serve, operation)
    assert ask(app, operation).status_code in (200, 202)
    assert set(app.world.calls) == set(CALLS[operation.method, operation.path])


@pytest.mark.parametrize(("operation", "call"), EACH_CALL, ids=named)
def test_no_answer_of_aws_is_503_and_a_refusal_is_502(serve: Serve, operation: Operation, call: str) -> None:
    app = prepared(serve, operation)
    before = app.world.clock.now
    for name, fault in UNAVAILABLE.items():
        with fault(client_of(app, call), call):
            expect(ask(app, operation), 503, "aws-unavailable", name)
        start_afresh(app, operation)
    for name, (fault, slug) in REFUSED.items():
        with fault(client_of(app, call), call):
            response = ask(app, operation)
        expect(response, 502, slug, name)
        permission = f":{PERMISSIONS.get(call, call)}"
        assert permission in response.json_body["detail"], name
        start_afresh(app, operation)
    assert app.world.clock.now - before < timedelta(minutes=1), "all of them together waited that long"


def expect(response: HTTPResponse, status: int, slug: str, name: str) -> None:
    shown = (response.status_code, response.json_body["type"])
    assert shown == (status, f"urn:rds-lifecycle:{slug}"), name
    assert ("Retry-After" in response.headers) is (status == 503)
    for inside in (b"123456789012", b"arn:", b"own words, account", b"aws.test", b"Error"):
        assert inside not in response.body, name


def start_afresh(app: Served, operation: Operation) -> None:
    app.world.slow_rds.set_status(PROD.id, "stopped")
    keys = [item["key"] for item in app.world.dynamodb.scan(TableName="system-metadata")["Items"]]
    for key in keys:
        app.world.dynamodb.delete_item(TableName="system-metadata", Key={"key": key})
    if operation.method == "DELETE":
        app.world.lifecycle.hold(PROD, timedelta(hours=1), by="ops")


def test_a_restart_is_kept_where_nobody_understands_what_rds_says(serve: Serve) -> None:
    app = serve()
    for call in (LOOK, "StartDBInstance"):
        with answering_with(200, b"<html>")(app.world.rds, call):
            response = app.call("POST", f"/databases/{PROD.id}/restart")
        assert response.json_body["detail"].endswith("there is no need to ask again.")
    app.tick()
    assert app.world.status() == "starting"


def test_a_table_that_nobody_understands_is_not_taken_for_an_empty_one(serve: Serve) -> None:
    app = serve(status="available")
    app.world.queried()
    with answering_with(200, b"{}")(app.world.dynamodb, READ), pytest.raises(CheckFailed):
        app.tick()
    assert app.world.status() == "available"
