"""The app's functions, invoked as Lambda, API Gateway and EventBridge do, each in its own execution environment."""

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
from tests.simulation.network import Invocation
from tests.simulation.scheduler import Killed, Scheduler

API_GATEWAY_TIMEOUT: Final = 29.0
LAMBDA_TIMEOUT: Final = 90.0


@dataclass(frozen=True, slots=True)
class Response:
    """What the caller gets. ``status`` is None without a response: the function was killed, or took too long."""

    status: int | None
    body: dict[str, Any]


class InvocationObserver(Protocol):
    """Observes how invocations end."""

    def on_response(self, invocation: Invocation, request: str, ref: DatabaseRef, response: Response) -> None:
        """A request ended, with or without a response."""

    def on_end(self, invocation: Invocation, error: Exception | None) -> None:
        """A function ended and was not killed."""


_unused_apps: defaultdict[str, list[ModuleType]] = defaultdict(list)
"""App modules that no run uses now, by their WARM_UP_SCHEDULE, which decides whether they have a warm_up function.
Importing one takes longer than a simulated day."""


class Functions:
    """Invokes the functions of one deployment."""

    def __init__(
        self,
        scheduler: Scheduler,
        environ: Mapping[str, str],
        settings: Settings,
        make_lifecycle: Callable[[], Lifecycle],
        observer: InvocationObserver,
        rng_of: Callable[[str], random.Random],
    ) -> None:
        os.environ.update(environ)
        self._scheduler = scheduler
        self._settings = settings
        self._refs = settings.databases
        self._ids = {ref: ref.spelling for ref in settings.databases}
        self._make_lifecycle = make_lifecycle
        self._observer = observer
        self._rng_of = rng_of
        self._numbers = itertools.count(1)
        self._idle: list[tuple[ModuleType, Lifecycle]] = []
        self._unused_apps = _unused_apps[environ.get("WARM_UP_SCHEDULE", "")]

    def check(self, then: Callable[[Exception | None], None] = lambda _: None) -> None:
        """The schedule invokes inactivity_check."""
        event = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, **_EVENT}
        self._invoke("inactivity_check", self._refs, event, lambda _, error: then(error))

    def event(self, ref: DatabaseRef, event_id: str = "RDS-EVENT-0000") -> None:
        """An RDS event invokes database_event."""
        detail = {"SourceIdentifier": ref.id, "EventID": event_id}
        event = {"source": "aws.rds", "detail-type": f"RDS DB {ref.kind.capitalize()} Event", "detail": detail}
        invocation = self._invoke("database_event", (ref,), {**event, **_EVENT}, lambda _, __: None)
        invocation.event_id = event_id

    def warm_up(self) -> Invocation:
        """The schedule in WARM_UP_SCHEDULE invokes warm_up."""
        event = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, **_EVENT}
        return self._invoke("warm_up", self._refs, event, lambda _, __: None)

    def start_database(self, ref: DatabaseRef, then: Callable[[Response], None] = lambda _: None) -> Invocation:
        """A backend invokes start_database."""

        def finish(result: Any, _: Exception | None) -> None:
            response = Response(None, {})
            if result is not None:
                response = Response(result["statusCode"], json.loads(result["body"]))
            self._observer.on_response(invocation, "restart", ref, response)
            then(response)

        invocation = self._invoke("start_database", (ref,), {"database": self._ids[ref]}, finish)
        return invocation

    def request(
        self,
        request: str,
        ref: DatabaseRef,
        body: Mapping[str, Any] | None = None,
        then: Callable[[Response], None] = lambda _: None,
    ) -> Invocation:
        """A user calls a route: ``restart``, ``activity``, ``hold``, ``end hold`` or ``describe``."""
        method, ending = _ROUTES[request]
        event = _http_event(method, f"/databases/{{database_id}}{ending}", self._ids[ref], body)

        def finish(result: Any, _: Exception | None) -> None:
            in_time = self._scheduler.now - invocation.began <= API_GATEWAY_TIMEOUT
            response = Response(None, {})
            if result is not None and in_time:
                response = Response(result["statusCode"], json.loads(result["body"]))
            self._observer.on_response(invocation, request, ref, response)
            then(response)

        invocation = self._invoke("api_handler", (ref,), event, finish, limit=API_GATEWAY_TIMEOUT)
        return invocation

    def _invoke(
        self,
        function: str,
        refs: tuple[DatabaseRef, ...],
        event: dict[str, Any],
        then: Callable[[Any, Exception | None], None],
        limit: float = LAMBDA_TIMEOUT,
    ) -> Invocation:
        rng = self._rng_of(f"{function}/{','.join(ref.id for ref in refs)}")
        invocation = Invocation(function, refs, self._scheduler.now, limit, rng=rng)
        context = SimpleNamespace(
            aws_request_id=f"request-{next(self._numbers)}", function_name=function, invoked_function_arn="arn:aws:test"
        )

        def work() -> None:
            module, lifecycle = self._environment()
            handler = module.app if function == "api_handler" else getattr(module, function)
            result: Any = None
            error: Exception | None = None
            try:
                result = handler(event, context)
            except Killed:
                pass  # the function neither returned nor logged anything after this point
            except Exception as raised:  # noqa: BLE001 - the observer decides whether the error is expected
                error = raised
            self._idle.append((module, lifecycle))
            if not invocation.killed:
                self._observer.on_end(invocation, error)
            then(result, error)

        self._scheduler.spawn(work, invocation)
        return invocation

    def _environment(self) -> tuple[ModuleType, Lifecycle]:
        """An execution environment that no other invocation uses at the same time."""
        if self._idle:
            return self._idle.pop()
        module, lifecycle = self._unused_apps.pop() if self._unused_apps else load_app(), self._make_lifecycle()
        module.connect = lambda _: lifecycle  # type: ignore[attr-defined]
        module.read_settings = lambda _: self._settings  # type: ignore[attr-defined]
        return module, lifecycle

    def close(self) -> None:
        """Another run may use the app modules."""
        self._unused_apps.extend(module for module, _ in self._idle)


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
    "describe": ("GET", ""),
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
            "authorizer": {"principalId": "a-user", "role": "operator"},
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": None if body is None else base64.b64encode(json.dumps(body).encode()).decode(),
        "isBase64Encoded": body is not None,
    }
