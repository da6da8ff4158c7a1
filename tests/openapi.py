"""docs/openapi.json, and whether what the app answers is what it says."""

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
    def described(self) -> dict[str, Any]:
        """What the document says of it."""
        found: dict[str, Any] = DOCUMENT["paths"][self.path][self.method.lower()]
        return found

    @property
    def least_role(self) -> Role | None:
        """The least role that may call it; None where anybody may."""
        roles = [role for requirement in self.described["security"] for role in requirement["bearer"]]
        return Role(roles[0]) if roles else None

    def responses(self) -> dict[int, dict[str, Any]]:
        """Its answers by status, references resolved."""
        return {int(status): resolve(answer) for status, answer in self.described["responses"].items()}


OPERATIONS: Final = tuple(
    Operation(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item if method in _METHODS
)

GUARDED: Final = tuple(operation for operation in OPERATIONS if operation.least_role is not None)
"""Those that take a token: all but the page."""


def resolve(thing: Mapping[str, Any]) -> dict[str, Any]:
    """The thing itself, where it is only a reference to another part of the document."""
    if set(thing) != {"$ref"}:
        return dict(thing)
    found: Any = DOCUMENT
    for part in str(thing["$ref"]).removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return resolve(found)


def operation_of(method: str, path: str) -> Operation | None:
    """The operation that such a request is for, if there is one."""
    asked = path.split("?", maxsplit=1)[0]
    for operation in OPERATIONS:
        template = re.sub(r"\{\w+\}", "[^/]+", operation.path)
        if operation.method == method and re.fullmatch(f"{template}/?", asked):
            return operation
    return None


def check_answer(operation: Operation, status: int, headers: Mapping[str, Any], body: bytes) -> None:
    """Raises AssertionError where the answer is not one that the document describes."""
    name = f"{operation.method} {operation.path} → {status}"
    described = operation.responses().get(status)
    assert described is not None, f"{name} is not in docs/openapi.json: {body[:300]!r}"
    given = {header.lower(): value for header, value in headers.items()}
    for header, about in described.get("headers", {}).items():
        _check_header(f"{name}: {header}", resolve(about), given.get(header.lower()))
    if "content" not in described:
        assert body == b"", f"{name} has a body"
        return
    content_type = str(given.get("content-type", "application/json"))
    assert content_type in described["content"], f"{name}: no {content_type} is documented"
    if content_type.startswith("text/html"):
        return
    schema = described["content"][content_type]["schema"]
    faults = [f"{error.instance_path}: {error.message}" for error in validator(schema).iter_errors(json.loads(body))]
    assert faults == [], f"{name} is not as docs/openapi.json says: {faults}"


def validator(schema: Mapping[str, Any]) -> Any:
    """A JSON Schema validator for a schema of the document; dates and times are checked too."""
    return _validator(json.dumps(schema))


@functools.cache
def _validator(schema: str) -> Any:
    whole = {"$id": _BASE, **DOCUMENT, "allOf": [json.loads(schema)]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def _check_header(name: str, about: Mapping[str, Any], value: object) -> None:
    if value is None:
        assert not about.get("required"), f"{name} is missing"
        return
    schema = resolve(about["schema"])
    typed = int(str(value)) if schema.get("type") == "integer" else str(value)
    assert validator(schema).is_valid(typed), f"{name} is {value!r}"
