"""Makes moto's DynamoDB safe for concurrent calls.

moto's TransactWriteItems copies its tables, and restores the copies where a condition fails. A concurrent write would
be lost, or would change a dictionary while it is copied. Therefore its calls run one at a time.
"""

import functools
import threading
from typing import Any, Final

from moto.dynamodb.responses import DynamoHandler

_lock: Final = threading.RLock()


def serialize_calls() -> None:
    """Let moto run one DynamoDB call at a time. Calling this twice does no harm."""
    original = DynamoHandler.call_action
    if getattr(original, "is_serialized", False):
        return

    @functools.wraps(original)
    def call_action(handler: DynamoHandler) -> Any:
        with _lock:
            return original(handler)

    call_action.is_serialized = True  # type: ignore[attr-defined]
    DynamoHandler.call_action = call_action  # type: ignore[method-assign]
