"""Runs in the app's interpreter, with this folder on its path: CPU seconds of checks, and of their bare AWS calls.

Prints one line of JSON after the app's log. Arguments: the path, the event, the calls, the number of rounds.
"""

import json
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

sys.path[:0] = sys.argv[1].split(":")

import replay  # type: ignore[import-not-found]  # this folder is on the path only when it runs

import app

event, calls, rounds = json.loads(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
context = SimpleNamespace(aws_request_id="01234567-89ab-cdef-0123-456789abcdef")


def cpu_seconds(handler: Callable[[Any, Any], Any], given: Any) -> float:
    """The CPU seconds of all threads of this process."""
    began = time.process_time()
    handler(given, context)
    return time.process_time() - began


times = [(cpu_seconds(app.inactivity_check, event), cpu_seconds(replay.handler, calls)) for _ in range(rounds)]
print(json.dumps(times))
