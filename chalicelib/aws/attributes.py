"""DynamoDB's typed attributes ↔ plain values.

boto3 has this too, but a cold start would load all of boto3 for it, where botocore is enough to call AWS.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Attributes = Mapping[str, Any]


def from_attributes(item: Attributes) -> dict[str, Any]:
    """DynamoDB's typed attributes as plain values; numbers are Decimals, sets and binary values stay as they are."""
    return {name: _plain(value) for name, value in item.items()}


def to_attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as DynamoDB's typed attributes. Raises TypeError for a value that has none."""
    return {name: _typed(value) for name, value in values.items()}


def _plain(attribute: Attributes) -> Any:
    [(kind, value)] = attribute.items()
    match kind:
        case "NULL":
            return None
        case "N":
            return Decimal(value)
        case "L":
            return [_plain(element) for element in value]
        case "M":
            return from_attributes(value)
        case _:
            return value


def _typed(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | Decimal():
            return {"N": str(value)}
        case list():
            return {"L": [_typed(element) for element in value]}
        case dict():
            return {"M": to_attributes(value)}
        case _:
            raise TypeError(f"DynamoDB has no attribute for {value!r}")
