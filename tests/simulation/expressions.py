"""DynamoDB's condition and update expressions, as far as the app and its tests use them; the rest is refused.

An expression is read once and kept: a simulated year evaluates the same few hundreds of thousands of times.
"""

import functools
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

Attribute = dict[str, Any]
"""A typed value, as DynamoDB's API has it: ``{"S": "text"}``."""

Item = Mapping[str, Attribute]
Names = Mapping[str, str]
Values = Mapping[str, Attribute]

_TOKEN: Final = re.compile(r"\s*([#:]?\w+|[<>]=|[()=<>,])")


class NotUnderstood(Exception):
    """The simulated table does not know this expression: teach it, or write it as the app writes them."""


@dataclass(frozen=True, slots=True)
class Given:
    """What an expression is evaluated on."""

    item: Item
    names: Names
    values: Values


Operand = Callable[[Given], Attribute | None]
Condition = Callable[[Given], bool]
Update = Callable[[Given], dict[str, Attribute]]


@functools.cache
def condition(text: str) -> Condition:
    """A condition: comparisons with NOT, AND and OR, which bind in this order; no brackets."""
    tokens = _Tokens(text)
    alternatives = [_all_of(tokens)]
    while tokens.take_if("OR"):
        alternatives.append(_all_of(tokens))
    tokens.end()
    return lambda given: any(alternative(given) for alternative in alternatives)


@functools.cache
def update(text: str) -> Update:
    """``SET a = …, b = … REMOVE c, d`` → a function that gives the item as it is afterwards."""
    tokens = _Tokens(text)
    to_set: list[tuple[str, Operand]] = []
    to_remove: list[str] = []
    if tokens.take_if("SET"):
        to_set.append(_assignment(tokens))
        while tokens.take_if(","):
            to_set.append(_assignment(tokens))
    if tokens.take_if("REMOVE"):
        to_remove.append(tokens.take())
        while tokens.take_if(","):
            to_remove.append(tokens.take())
    tokens.end()

    def updated(given: Given) -> dict[str, Attribute]:
        after = dict(given.item)
        for path, operand in to_set:
            value = operand(given)
            if value is None:
                raise NotUnderstood(f"SET {path} to an attribute that does not exist")
            after[_name(path, given)] = value
        for path in to_remove:
            after.pop(_name(path, given), None)
        return after

    return updated


class _Tokens:
    def __init__(self, text: str) -> None:
        self._text = text
        self._left = _TOKEN.findall(text)
        if "".join(self._left) != re.sub(r"\s", "", text):
            raise NotUnderstood(text)

    def take(self, wanted: str | None = None) -> str:
        token: str = self._left.pop(0) if self._left else "the end"
        if wanted is not None and token != wanted:
            raise NotUnderstood(f"{self._text}: {token} where {wanted} should be")
        return token

    def take_if(self, wanted: str) -> bool:
        if self._left[:1] == [wanted]:
            self._left.pop(0)
            return True
        return False

    def end(self) -> None:
        if self._left:
            raise NotUnderstood(f"{self._text}: what does {self._left[0]} mean here?")


def _all_of(tokens: _Tokens) -> Condition:
    parts = [_not(tokens)]
    while tokens.take_if("AND"):
        parts.append(_not(tokens))
    return lambda given: all(part(given) for part in parts)


def _not(tokens: _Tokens) -> Condition:
    if tokens.take_if("NOT"):
        negated = _not(tokens)
        return lambda given: not negated(given)
    return _comparison(tokens)


def _comparison(tokens: _Tokens) -> Condition:
    if tokens.take_if("attribute_not_exists"):
        tokens.take("(")
        path = tokens.take()
        tokens.take(")")
        return lambda given: _name(path, given) not in given.item
    if tokens.take_if("attribute_type"):
        attribute, wanted = _two_operands(tokens)
        return lambda given: next(iter(attribute(given) or {}), None) == (wanted(given) or {})["S"]
    if tokens.take_if("size"):
        tokens.take("(")
        measured = _operand(tokens)
        tokens.take(")")
        left: Operand = lambda given: {"N": str(_size(measured(given)))}  # noqa: E731 - one operand among others
    else:
        left = _operand(tokens)
    compare = _COMPARISONS.get(token := tokens.take())
    if compare is None:
        raise NotUnderstood(f"what does {token} compare?")
    right = _operand(tokens)
    return lambda given: _compared(compare, left(given), right(given))


_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def _compared(compare: Callable[[Any, Any], bool], left: Attribute | None, right: Attribute | None) -> bool:
    """Two attributes of different types, or one that is missing, compare as nothing."""
    if left is None or right is None or left.keys() != right.keys():
        return False
    [kind], [one], [other] = left.keys(), left.values(), right.values()
    return compare(Decimal(one), Decimal(other)) if kind == "N" else compare(one, other)


def _assignment(tokens: _Tokens) -> tuple[str, Operand]:
    path = tokens.take()
    tokens.take("=")
    return path, _operand(tokens)


def _operand(tokens: _Tokens) -> Operand:
    token = tokens.take()
    if token == "list_append":
        first, second = _two_operands(tokens)
        return lambda given: {"L": [*_list(first(given)), *_list(second(given))]}
    if token == "if_not_exists":
        stored, default = _two_operands(tokens)
        return lambda given: default(given) if (value := stored(given)) is None else value
    if token.startswith(":"):
        return lambda given: given.values[token]
    return lambda given: given.item.get(_name(token, given))


def _two_operands(tokens: _Tokens) -> tuple[Operand, Operand]:
    tokens.take("(")
    first = _operand(tokens)
    tokens.take(",")
    second = _operand(tokens)
    tokens.take(")")
    return first, second


def _name(path: str, given: Given) -> str:
    return given.names[path] if path.startswith("#") else path


def _list(attribute: Attribute | None) -> list[Attribute]:
    if attribute is None or "L" not in attribute:
        raise NotUnderstood(f"{attribute} is no list")
    found: list[Attribute] = attribute["L"]
    return found


def _size(attribute: Attribute | None) -> int:
    return len(_list(attribute))
