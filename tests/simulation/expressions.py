"""DynamoDB's condition and update expressions, as far as the app and its tests use them; others raise an error.

An expression is parsed once: a simulated year evaluates the same few expressions hundreds of thousands of times.
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


class UnsupportedExpression(Exception):
    """The simulated table does not support this expression."""


@dataclass(frozen=True, slots=True)
class Context:
    """The item and the parameters that an expression is evaluated with."""

    item: Item
    names: Names
    values: Values


Operand = Callable[[Context], Attribute | None]
Condition = Callable[[Context], bool]
Update = Callable[[Context], dict[str, Attribute]]


@functools.cache
def condition(text: str) -> Condition:
    """A condition: comparisons with NOT, AND and OR, in this order of precedence; no brackets."""
    tokens = _Tokens(text)
    alternatives = [_all_of(tokens)]
    while tokens.take_if("OR"):
        alternatives.append(_all_of(tokens))
    tokens.end()
    return lambda context: any(alternative(context) for alternative in alternatives)


@functools.cache
def update(text: str) -> Update:
    """``SET a = …, b = … REMOVE c, d`` → a function that returns the updated item."""
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

    def updated(context: Context) -> dict[str, Attribute]:
        after = dict(context.item)
        for path, operand in to_set:
            value = operand(context)
            if value is None:
                raise UnsupportedExpression(f"SET {path} to an attribute that does not exist")
            after[_name(path, context)] = value
        for path in to_remove:
            after.pop(_name(path, context), None)
        return after

    return updated


class _Tokens:
    def __init__(self, text: str) -> None:
        self._text = text
        self._left = _TOKEN.findall(text)
        if "".join(self._left) != re.sub(r"\s", "", text):
            raise UnsupportedExpression(text)

    def take(self, wanted: str | None = None) -> str:
        token: str = self._left.pop(0) if self._left else "the end"
        if wanted is not None and token != wanted:
            raise UnsupportedExpression(f"{self._text}: expected {wanted}, found {token}")
        return token

    def take_if(self, wanted: str) -> bool:
        if self._left[:1] == [wanted]:
            self._left.pop(0)
            return True
        return False

    def end(self) -> None:
        if self._left:
            raise UnsupportedExpression(f"{self._text}: unexpected {self._left[0]}")


def _all_of(tokens: _Tokens) -> Condition:
    parts = [_not(tokens)]
    while tokens.take_if("AND"):
        parts.append(_not(tokens))
    return lambda context: all(part(context) for part in parts)


def _not(tokens: _Tokens) -> Condition:
    if tokens.take_if("NOT"):
        negated = _not(tokens)
        return lambda context: not negated(context)
    return _comparison(tokens)


def _comparison(tokens: _Tokens) -> Condition:
    if tokens.take_if("attribute_not_exists"):
        tokens.take("(")
        path = tokens.take()
        tokens.take(")")
        return lambda context: _name(path, context) not in context.item
    if tokens.take_if("attribute_type"):
        attribute, wanted = _two_operands(tokens)
        return lambda context: next(iter(attribute(context) or {}), None) == (wanted(context) or {})["S"]
    if tokens.take_if("size"):
        tokens.take("(")
        measured = _operand(tokens)
        tokens.take(")")
        left: Operand = lambda context: {"N": str(_size(measured(context)))}  # noqa: E731 - one operand among others
    else:
        left = _operand(tokens)
    compare = _COMPARISONS.get(token := tokens.take())
    if compare is None:
        raise UnsupportedExpression(f"{token} is not a comparison")
    right = _operand(tokens)
    return lambda context: _compared(compare, left(context), right(context))


_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def _compared(compare: Callable[[Any, Any], bool], left: Attribute | None, right: Attribute | None) -> bool:
    """Attributes of different types, or a missing one, make every comparison false."""
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
        return lambda context: {"L": [*_list(first(context)), *_list(second(context))]}
    if token == "if_not_exists":
        stored, default = _two_operands(tokens)
        return lambda context: default(context) if (value := stored(context)) is None else value
    if token.startswith(":"):
        return lambda context: context.values[token]
    return lambda context: context.item.get(_name(token, context))


def _two_operands(tokens: _Tokens) -> tuple[Operand, Operand]:
    tokens.take("(")
    first = _operand(tokens)
    tokens.take(",")
    second = _operand(tokens)
    tokens.take(")")
    return first, second


def _name(path: str, context: Context) -> str:
    return context.names[path] if path.startswith("#") else path


def _list(attribute: Attribute | None) -> list[Attribute]:
    if attribute is None or "L" not in attribute:
        raise UnsupportedExpression(f"{attribute} is not a list")
    found: list[Attribute] = attribute["L"]
    return found


def _size(attribute: Attribute | None) -> int:
    return len(_list(attribute))
