"""Requests that nobody would send, and what has to be true of every answer to them."""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import CONFLICT
from typing import Any, Final

from chalice.config import Config
from chalice.local import LocalGateway, LocalGatewayException
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from tests.openapi import check_answer, operation_of
from tests.served import Served
from tests.support import NOW, PROD

_INSIDES: Final = re.compile(rf"Traceback|File \"|\barn:|{DEFAULT_ACCOUNT_ID}|\w(Error|Exception)\b|botocore|own words")
PAGE: Final = "text/html; charset=utf-8"
_ERROR_MEMBERS: Final = {"type", "title", "status", "detail", "instance"}


@dataclass(frozen=True)
class Answer:
    """One answer. ``by_app`` is false where API Gateway answers without asking the app."""

    status: int
    headers: Mapping[str, Any]
    body: bytes
    by_app: bool = True

    @property
    def json(self) -> Any:
        """The body's value. Raises ValueError where it is no JSON."""
        return json.loads(self.body)


class Probe:
    """Asks the app, and holds each answer against what is promised of all of them."""

    def __init__(self, app: Served) -> None:
        self.app = app
        self._gateway = LocalGateway(app.module.app, Config.create())

    def begin(self, status: str) -> None:
        """An empty table, and the database in that status."""
        self._items().clear()
        self.app.world.clock.now = NOW
        self.app.world.slow_rds.set_status(PROD.id, status)

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """One request through Chalice's own gateway, its authorizer enforced."""
        before = self.snapshot()
        answer = self._send(method, path, dict(headers), body)
        self._check(answer, before, safe=method in ("GET", "HEAD", "OPTIONS"))
        operation = operation_of(method, path)
        if operation and answer.by_app:
            check_answer(operation, answer.status, answer.headers, answer.body)
        return answer

    def deliver(self, event: Mapping[str, Any]) -> Answer:
        """One event of API Gateway, after its authorizer has let it through."""
        before = self.snapshot()
        context = type("Context", (), {"aws_request_id": str(uuid.uuid4())})()
        answer = _answer(self.app.module.app(dict(event), context))
        self._check(answer, before, safe=event["requestContext"]["httpMethod"] == "GET")
        return answer

    def invoke(self, payload: Any) -> Answer:
        """One invocation of start_database."""
        before = self.snapshot()
        context = type("Context", (), {"aws_request_id": str(uuid.uuid4())})()
        result = self.app.module.app.handler_map["start_database"](payload, context)
        assert set(result) == {"statusCode", "headers", "body"}
        answer = _answer(result)
        # Cache-Control is of HTTP only.
        self._check(answer, before, safe=False, headers=False)
        return answer

    def snapshot(self) -> tuple[str, str]:
        """All items of the table, and RDS's word: straight from moto, without a call that could disturb."""
        self.app.world.slow_rds.advance()
        items = sorted(json.dumps(item.to_json(), sort_keys=True) for item in self._items().values())
        instances = get_backend("rds")[DEFAULT_ACCOUNT_ID]["us-east-1"].databases
        return str(items), str({database_id: instance.status for database_id, instance in instances.items()})

    def _items(self) -> Any:
        tables = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID]["us-east-1"].tables
        return tables[self.app.world.settings.metadata_table].items

    def _send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
        try:
            return _answer(self._gateway.handle_request(method, path, headers, body))
        except LocalGatewayException as refusal:
            return Answer(refusal.CODE, refusal.headers, refusal.body or b"null", by_app=False)

    def _check(self, answer: Answer, before: tuple[str, str], *, safe: bool, headers: bool = True) -> None:
        said = f"{answer.status} {answer.headers} {answer.body[:500]!r}"
        assert answer.status < 500, said
        if safe or answer.status >= 400:
            self._unchanged(answer, before, said)
        if not answer.by_app:
            return
        if answer.headers.get("Cache-Control") == "no-cache":
            assert (answer.status, answer.headers["Content-Type"]) in ((200, PAGE), (304, PAGE)), said
            return
        value = answer.json
        assert _INSIDES.findall(json.dumps(value, ensure_ascii=False) + str(dict(answer.headers))) == [], said
        assert not headers or answer.headers["Cache-Control"] == "no-store", said
        if answer.status >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json", said
            assert set(value) == _ERROR_MEMBERS, said
            assert value["status"] == answer.status, said
            assert value["type"].startswith("urn:rds-lifecycle:"), said
        else:
            assert answer.headers.get("Content-Type", "application/json") == "application/json", said

    def _unchanged(self, answer: Answer, before: tuple[str, str], said: str) -> None:
        items, statuses = self.snapshot()
        assert statuses == before[1], f"it changed RDS: {said}"
        if answer.status == CONFLICT:
            # What was seen is told in the history, what was asked for is not kept.
            record = self.app.world.record()
            assert (record.pending_restart, record.last_restart_requested_at) == (None, None), said
        else:
            assert items == before[0], f"it changed the table: {said}"


def _answer(response: Mapping[str, Any]) -> Answer:
    if response["body"] is None:
        # API Gateway's own answer to OPTIONS.
        return Answer(response["statusCode"], response["headers"], b"null", by_app=False)
    assert not response.get("isBase64Encoded"), "JSON is text"
    headers = {**response["headers"], **response.get("multiValueHeaders", {})}
    return Answer(response["statusCode"], headers, response["body"].encode())
