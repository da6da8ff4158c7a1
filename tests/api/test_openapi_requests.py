"""Requests that Schemathesis generates from docs/openapi.json, both valid and invalid ones."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.openapi import DOCUMENT, OPERATIONS, PROTECTED, Operation
from tests.probe import Probe
from tests.served import Serve
from tests.support import PROD

STATUSES = ["stopped", "available", "stopping", "storage-full"]
StartResponse = Callable[[str, list[tuple[str, str]]], object]


def wsgi(probe: Probe) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """The app behind Chalice's gateway as a WSGI application, which Schemathesis can call."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        headers = {
            name.removeprefix("HTTP_").replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or name == "CONTENT_TYPE"
        }
        query = environ["QUERY_STRING"]
        path = environ["REQUEST_URI"].partition("?")[0] + (f"?{query}" if query else "")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        response = probe.request(environ["REQUEST_METHOD"], path, headers, body or None)
        sent = {"Content-Type": "application/json", **response.headers}
        start_response(f"{response.status} x", [(name, str(value)) for name, value in sent.items()])
        return [response.body]

    return application


@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        pytest.param(op, mode, id=f"{op.method} {op.path}-{mode.value}")
        for op in OPERATIONS
        for mode in GenerationMode
        if op in PROTECTED or mode is GenerationMode.POSITIVE  # no request for the page is invalid
    ],
)
def test_response__to_generated_requests__is_as_documented(
    serve: Serve, operation: Operation, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    probe = Probe(serve())
    schema.app = wsgi(probe)
    definition = schema[operation.path][operation.method]

    @settings(max_examples=15)
    @given(case=definition.as_strategy(generation_mode=mode), known=st.booleans(), status=st.sampled_from(STATUSES))
    def holds(case: schemathesis.Case[Any], known: bool, status: str) -> None:
        probe.reset(status)
        # A schema cannot limit a time to the next 168 hours.
        excluded: list[Any] = [positive_data_acceptance]
        if known and "id" in case.path_parameters:
            case.path_parameters["id"] = PROD.id
            excluded.append(negative_data_rejection)  # the id may have been what was invalid
        case.call_and_validate(headers={"Authorization": "Bearer operator"}, excluded_checks=excluded)

    holds()
