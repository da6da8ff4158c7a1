"""docs/openapi.json, and whether a response of the app is one that it describes."""

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import jsonschema_rs

from chalicelib.settings import Role

_PATH: Final = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"
DOCUMENT: Final[dict[str, Any]] = json.loads(_PATH.read_text())
_BASE: Final = "urn:openapi"
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class Operation(NamedTuple):
    """One operation of the document. ``path`` is its template, with ``{id}``."""

    method: str
    path: str

    @property
    def definition(self) -> dict[str, Any]:
        """The operation in the document."""
        found: dict[str, Any] = DOCUMENT["paths"][self.path][self.method.lower()]
        return found

    @property
    def minimum_role(self) -> Role | None:
        """The role with the fewest rights that may call it; None where no token is needed."""
        roles = [role for requirement in self.definition["security"] for role in requirement["bearer"]]
        return Role(roles[0]) if roles else None

    def responses(self) -> dict[int, dict[str, Any]]:
        """Its responses by status, references resolved."""
        return {int(status): resolve(response) for status, response in self.definition["responses"].items()}


OPERATIONS: Final = tuple(
    Operation(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item if method in _METHODS
)

PROTECTED: Final = tuple(operation for operation in OPERATIONS if operation.minimum_role is not None)
"""Those that need a token: all but the page."""


def resolve(value: Mapping[str, Any]) -> dict[str, Any]:
    """The value; what it refers to, where it is a reference to another part of the document."""
    if set(value) != {"$ref"}:
        return dict(value)
    found: Any = DOCUMENT
    for part in str(value["$ref"]).removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return resolve(found)


def operation_of(method: str, path: str) -> Operation | None:
    """The operation of such a request, if there is one."""
    requested = path.split("?", maxsplit=1)[0]
    for operation in OPERATIONS:
        template = re.sub(r"\{\w+\}", "[^/]+", operation.path)
        if operation.method == method and re.fullmatch(f"{template}/?", requested):
            return operation
    return None


def check_response(operation: Operation, status: int, headers: Mapping[str, Any], body: bytes) -> None:
    """Raises AssertionError where the document does not describe the response."""
    name = f"{operation.method} {operation.path} → {status}"
    definition = operation.responses().get(status)
    assert definition is not None, f"{name} is not in docs/openapi.json: {body[:300]!r}"
    headers_sent = {header.lower(): value for header, value in headers.items()}
    for header, expected in definition.get("headers", {}).items():
        _check_header(f"{name}: {header}", resolve(expected), headers_sent.get(header.lower()))
    if "content" not in definition:
        assert body == b"", f"{name} has a body"
        return
    content_type = str(headers_sent.get("content-type", "application/json"))
    assert content_type in definition["content"], f"{name}: no {content_type} is documented"
    if content_type.startswith("text/html"):
        return
    schema = definition["content"][content_type]["schema"]
    errors = [f"{error.instance_path}: {error.message}" for error in validator(schema).iter_errors(json.loads(body))]
    assert errors == [], f"{name} does not match docs/openapi.json: {errors}"


def validator(schema: Mapping[str, Any]) -> Any:
    """A JSON Schema validator for a schema of the document. It also checks the format of dates and times."""
    return _validator(json.dumps(schema))


@functools.cache
def _validator(schema: str) -> Any:
    whole = {"$id": _BASE, **DOCUMENT, "allOf": [json.loads(schema)]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def _check_header(name: str, definition: Mapping[str, Any], value: object) -> None:
    if value is None:
        assert not definition.get("required"), f"{name} is missing"
        return
    schema = resolve(definition["schema"])
    typed = int(str(value)) if schema.get("type") == "integer" else str(value)
    assert validator(schema).is_valid(typed), f"{name} is {value!r}"
