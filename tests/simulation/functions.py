"""The app's own functions, invoked as Lambda, API Gateway and EventBridge do, each in a container of its own."""

import base64
import itertools
import json
import os
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any, Final, Protocol

from chalicelib.domain.model import DatabaseRef
from chalicelib.service.lifecycle import Lifecycle
from chalicelib.settings import Settings
from tests.served import load_app
from tests.simulation.clockwork import Clockwork, Killed
from tests.simulation.network import Invocation

API_LIMIT: Final = 29.0
LIMIT: Final = 90.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets. ``status`` is None where no answer came: the function was killed, or took too long."""

    status: int | None
    body: dict[str, Any]


class Audience(Protocol):
    """Whoever judges what the functions do."""

    def answered(self, invocation: Invocation, ask: str, ref: DatabaseRef, answer: Answer) -> None:
        """A request was answered."""

    def ended(self, invocation: Invocation, error: Exception | None) -> None:
        """A function ended by itself."""


_spare: defaultdict[str, list[ModuleType]] = defaultdict(list)
"""Apps that no invocation uses at the moment, by their WARM_UP_SCHEDULE, which says whether they have a warm_up at all:
importing one takes longer than a simulated day."""


class Functions:
    """Invokes the functions of one deployment."""

    def __init__(
        self,
        clockwork: Clockwork,
        environ: Mapping[str, str],
        settings: Settings,
        refs: tuple[DatabaseRef, ...],
        make_lifecycle: Callable[[], Lifecycle],
        audience: Audience,
        chance_of: Callable[[str], random.Random],
    ) -> None:
        os.environ.update(environ)
        self._clockwork = clockwork
        self._refs = refs
        self._settings = settings
        self._make_lifecycle = make_lifecycle
        self._audience = audience
        self._chance_of = chance_of
        self._numbers = itertools.count(1)
        self._idle: list[tuple[ModuleType, Lifecycle]] = []
        self._spare = _spare[environ.get("WARM_UP_SCHEDULE", "")]

    def check(self, then: Callable[[Exception | None], None] = lambda _: None) -> None:
        """The schedule wakes inactivity_check."""
        event = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, **_EVENT}
        self._invoke("inactivity_check", self._refs, event, lambda _, error: then(error))

    def event(self, ref: DatabaseRef) -> None:
        """An RDS event wakes database_event."""
        detail = {"SourceIdentifier": ref.id, "EventID": "RDS-EVENT-0000"}
        event = {"source": "aws.rds", "detail-type": f"RDS DB {ref.kind.capitalize()} Event", "detail": detail}
        self._invoke("database_event", (ref,), {**event, **_EVENT}, lambda _, __: None)

    def warm_up(self) -> Invocation:
        """WARM_UP_SCHEDULE wakes warm_up."""
        event = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, **_EVENT}
        return self._invoke("warm_up", self._refs, event, lambda _, __: None)

    def start_database(self, ref: DatabaseRef, then: Callable[[Answer], None] = lambda _: None) -> Invocation:
        """A backend invokes start_database."""

        def finish(result: Any, _: Exception | None) -> None:
            answer = Answer(None, {})
            if result is not None:
                answer = Answer(result["statusCode"], json.loads(result["body"]))
            self._audience.answered(invocation, "restart", ref, answer)
            then(answer)

        invocation = self._invoke("start_database", (ref,), {"database": ref.id}, finish)
        return invocation

    def request(
        self,
        ask: str,
        ref: DatabaseRef,
        body: Mapping[str, Any] | None = None,
        then: Callable[[Answer], None] = lambda _: None,
    ) -> Invocation:
        """Somebody calls a route: ``restart``, ``activity``, ``hold``, ``end hold`` or ``look``."""
        method, ending = _ROUTES[ask]
        event = _http_event(method, f"/databases/{{database_id}}{ending}", ref.id, body)

        def finish(result: Any, _: Exception | None) -> None:
            # API Gateway waits no longer than 29 s, whatever becomes of the function.
            in_time = self._clockwork.now - invocation.began <= API_LIMIT
            answer = Answer(None, {})
            if result is not None and in_time:
                answer = Answer(result["statusCode"], json.loads(result["body"]))
            self._audience.answered(invocation, ask, ref, answer)
            then(answer)

        invocation = self._invoke("api_handler", (ref,), event, finish, limit=API_LIMIT)
        return invocation

    def _invoke(
        self,
        function: str,
        refs: tuple[DatabaseRef, ...],
        event: dict[str, Any],
        then: Callable[[Any, Exception | None], None],
        limit: float = LIMIT,
    ) -> Invocation:
        chance = self._chance_of(f"{function}/{','.join(ref.id for ref in refs)}")
        invocation = Invocation(function, refs, self._clockwork.now, limit, chance=chance)
        context = SimpleNamespace(
            aws_request_id=f"request-{next(self._numbers)}", function_name=function, invoked_function_arn="arn:aws:test"
        )

        def work() -> None:
            module, lifecycle = self._container()
            handler = module.app if function == "api_handler" else getattr(module, function)
            result: Any = None
            error: Exception | None = None
            try:
                result = handler(event, context)
            except Killed:
                pass  # nothing after this line ran in the function: neither an answer nor a log line
            except Exception as fault:  # noqa: BLE001 - whatever the app raises is judged, not handled
                error = fault
            self._idle.append((module, lifecycle))
            if not invocation.killed:
                self._audience.ended(invocation, error)
            then(result, error)

        self._clockwork.spawn(work, invocation)
        return invocation

    def _container(self) -> tuple[ModuleType, Lifecycle]:
        if self._idle:
            return self._idle.pop()
        module, lifecycle = self._spare.pop() if self._spare else load_app(), self._make_lifecycle()
        module.connect = lambda _: lifecycle  # type: ignore[attr-defined]
        module.read_settings = lambda _: self._settings  # type: ignore[attr-defined]
        return module, lifecycle

    def close(self) -> None:
        """The containers may serve another run."""
        self._spare.extend(module for module, _ in self._idle)


_EVENT: Final = {
    "version": "0",
    "id": "an-event",
    "account": "123456789012",
    "time": "2026-01-01T00:00:00Z",
    "region": "us-east-1",
    "resources": [],
}
_ROUTES: Final = {
    "restart": ("POST", "/restart"),
    "activity": ("POST", "/activity"),
    "hold": ("PUT", "/hold"),
    "end hold": ("DELETE", "/hold"),
    "look": ("GET", ""),
}


def _http_event(method: str, resource: str, database_id: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
    path = resource.replace("{database_id}", database_id)
    headers = {"content-type": "application/json"} if body is not None else {}
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"database_id": database_id},
        "stageVariables": None,
        "requestContext": {
            "httpMethod": method,
            "resourcePath": resource,
            "path": path,
            "authorizer": {"principalId": "somebody", "role": "operator"},
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": None if body is None else base64.b64encode(json.dumps(body).encode()).decode(),
        "isBase64Encoded": body is not None,
    }
