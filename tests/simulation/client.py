"""Stands in for a boto3 client: the same methods, on a simulated service, through a transport that can fail."""

import functools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from botocore import xform_name
from botocore.hooks import HierarchicalEmitter
from botocore.validate import validate_parameters

from tests.simulation.refusals import exceptions, service_model


@dataclass(frozen=True, slots=True)
class Call:
    """One AWS call."""

    service: str
    operation: str
    request: dict[str, Any]


Transport = Callable[[Call, Callable[[], Any]], Any]
"""Carries a call to the service: the second argument is the effect of the call on the service."""


@functools.cache
def _operations(service: str) -> dict[str, str]:
    return {xform_name(operation): operation for operation in service_model(service).operation_names}


class SimulatedClient:
    """A client of one simulated service, whose methods have the names of boto3's."""

    def __init__(self, name: str, service: object, transport: Transport) -> None:
        self.exceptions = exceptions(name)
        self._name = name
        self._service = service
        self._transport = transport

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method not in _operations(self._name):
            raise AttributeError(f"a boto3 client of {self._name} has no {method}")
        operation, effect = _operations(self._name)[method], getattr(self._service, method)

        def call(**request: Any) -> Any:
            if operation == "TransactWriteItems":
                request.setdefault("ClientRequestToken", str(uuid.uuid4()))
            return self._transport(Call(self._name, operation, request), lambda: effect(**request))

        # Kept as an attribute, so that the next call does not come here: a simulated year makes a million calls.
        self.__dict__[method] = call
        return call

    def get_paginator(self, method: str) -> SimpleNamespace:
        """The simulated services answer on one page."""

        def paginate(PaginationConfig: Any = None, **request: Any) -> Iterator[Any]:  # noqa: N803 - boto3's name
            yield getattr(self, method)(**request)

        return SimpleNamespace(paginate=paginate)


class HookedTransport:
    """Validates requests as botocore does and emits its events, so that a test can intercept a call as with boto3."""

    def __init__(self) -> None:
        self.events = HierarchicalEmitter()

    def __call__(self, call: Call, effect: Callable[[], Any]) -> Any:
        model = service_model(call.service).operation_model(call.operation)
        assert model.input_shape is not None
        validate_parameters(call.request, model.input_shape)
        event = f"{call.service}.{call.operation}"
        handled = self.events.emit_until_response(f"before-call.{event}", model=model, params=call.request)[1]
        if handled is not None:
            http, parsed = handled
            if http.status_code >= 300:
                raise exceptions(call.service).from_code(parsed["Error"]["Code"])(parsed, call.operation)
            return parsed
        answer = effect()
        self.events.emit(f"after-call.{event}", model=model, parsed=answer)
        return answer


def hooked_client(name: str, service: object) -> Any:
    """A client whose calls a test can intercept through ``client.meta.events``."""
    transport = HookedTransport()
    client: Any = SimulatedClient(name, service, transport)
    client.meta = SimpleNamespace(events=transport.events)
    return client
