"""Sends requests of any kind, and checks what must be true of every response."""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import CONFLICT
from typing import Any, Final

from chalice.config import Config
from chalice.local import LocalGateway, LocalGatewayException
from moto.core.models import DEFAULT_ACCOUNT_ID

from tests.openapi import check_response, operation_of
from tests.served import Served
from tests.support import NOW, PROD

_INTERNALS: Final = re.compile(
    rf"Traceback|File \"|\barn:|{DEFAULT_ACCOUNT_ID}|\w(Error|Exception)\b|botocore|own (?:words|message)"
)
PAGE: Final = "text/html; charset=utf-8"
_PROBLEM_MEMBERS: Final = {"type", "title", "status", "detail", "instance"}


@dataclass(frozen=True)
class Response:
    """One response. ``by_app`` is false where API Gateway responds without a call of the app."""

    status: int
    headers: Mapping[str, Any]
    body: bytes
    by_app: bool = True

    @property
    def json(self) -> Any:
        """The body's value. Raises ValueError where it is not JSON."""
        return json.loads(self.body)


class Probe:
    """Sends requests to the app, and checks each response against what is promised of all."""

    def __init__(self, app: Served) -> None:
        self.app = app
        self._gateway = LocalGateway(app.module.app, Config.create())

    def reset(self, status: str) -> None:
        """An empty table, and the database in that status."""
        self.app.world.stored_items().clear()
        self.app.world.clock.now = NOW
        self.app.world.simulated_rds.set_status(PROD.id, status)

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        """One request through Chalice's own gateway, which calls the authorizer."""
        before = self.snapshot()
        response = self._send(method, path, dict(headers), body)
        self._check(response, before, safe=method in ("GET", "HEAD", "OPTIONS"))
        operation = operation_of(method, path)
        if operation and response.by_app:
            check_response(operation, response.status, response.headers, response.body)
        return response

    def deliver(self, event: Mapping[str, Any]) -> Response:
        """One event of API Gateway, as after a call of the authorizer."""
        before = self.snapshot()
        context = type("Context", (), {"aws_request_id": str(uuid.uuid4())})()
        response = _response(self.app.module.app(dict(event), context))
        self._check(response, before, safe=event["requestContext"]["httpMethod"] == "GET")
        return response

    def invoke(self, payload: Any) -> Response:
        """One invocation of start_database."""
        before = self.snapshot()
        context = type("Context", (), {"aws_request_id": str(uuid.uuid4())})()
        result = self.app.module.app.handler_map["start_database"](payload, context)
        assert set(result) == {"statusCode", "headers", "body"}
        response = _response(result)
        # Cache-Control has a meaning in HTTP only.
        self._check(response, before, safe=False, headers=False)
        return response

    def snapshot(self) -> tuple[str, str]:
        """All items of the table, and the status that RDS reports."""
        world = self.app.world
        items = sorted(map(str, world.dynamodb.scan(TableName=world.settings.metadata_table)["Items"]))
        return str(items), world.status()

    def _send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Response:
        try:
            return _response(self._gateway.handle_request(method, path, headers, body))
        except LocalGatewayException as refusal:
            return Response(refusal.CODE, refusal.headers, refusal.body or b"null", by_app=False)

    def _check(self, response: Response, before: tuple[str, str], *, safe: bool, headers: bool = True) -> None:
        shown = f"{response.status} {response.headers} {response.body[:500]!r}"
        assert response.status < 500, shown
        if safe or response.status >= 400:
            self._check_unchanged(response, before, shown)
        if not response.by_app:
            return
        if response.headers.get("Cache-Control") == "no-cache":
            assert (response.status, response.headers["Content-Type"]) in ((200, PAGE), (304, PAGE)), shown
            return
        value = response.json
        assert _INTERNALS.findall(json.dumps(value, ensure_ascii=False) + str(dict(response.headers))) == [], shown
        assert not headers or response.headers["Cache-Control"] == "no-store", shown
        if response.status >= 400:
            assert response.headers["Content-Type"] == "application/problem+json", shown
            assert set(value) == _PROBLEM_MEMBERS, shown
            assert value["status"] == response.status, shown
            assert value["type"].startswith("urn:rds-lifecycle:"), shown
        else:
            assert response.headers.get("Content-Type", "application/json") == "application/json", shown

    def _check_unchanged(self, response: Response, before: tuple[str, str], shown: str) -> None:
        items, status = self.snapshot()
        assert status == before[1], f"it changed RDS: {shown}"
        if response.status == CONFLICT:
            # The observation is recorded, the refused restart is not.
            record = self.app.world.record()
            assert (record.pending_restart, record.last_restart_requested_at) == (None, None), shown
        else:
            assert items == before[0], f"it changed the table: {shown}"


def _response(response: Mapping[str, Any]) -> Response:
    if response["body"] is None:
        # API Gateway's own response to OPTIONS.
        return Response(response["statusCode"], response["headers"], b"null", by_app=False)
    assert not response.get("isBase64Encoded"), "JSON is text"
    headers = {**response["headers"], **response.get("multiValueHeaders", {})}
    return Response(response["statusCode"], headers, response["body"].encode())
