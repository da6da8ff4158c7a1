"""moto's DynamoDB, made fit for callers side by side.

moto's TransactWriteItems copies its tables, and puts the copies back where a condition fails: a write that another
thread makes meanwhile would be lost, or the copy would meet a dictionary that changes. So its calls take turns.
"""

import functools
import threading
from typing import Any, Final

from moto.dynamodb.responses import DynamoHandler

_turn: Final = threading.RLock()


def take_turns() -> None:
    """From now on moto carries out one DynamoDB call at a time. Doing this twice does no harm."""
    original = DynamoHandler.call_action
    if getattr(original, "takes_turns", False):
        return

    @functools.wraps(original)
    def call_action(handler: DynamoHandler) -> Any:
        with _turn:
            return original(handler)

    call_action.takes_turns = True  # type: ignore[attr-defined]
    DynamoHandler.call_action = call_action  # type: ignore[method-assign]
