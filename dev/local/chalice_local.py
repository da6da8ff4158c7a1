"""`chalice local` for a crowd: `python -m dev.local.chalice_local` takes chalice's own arguments."""

import functools
import socketserver
import sys
import threading
from typing import Any, Final

from chalice.cli import main
from chalice.local import LocalGateway

# Python's default is 5: where more connect at the same moment, the kernel refuses or delays the others by seconds.
_WAITING_CONNECTIONS: Final = 128
# All requests share one Python process. Fifty at once would each take so long between reading the record and writing
# it that somebody else always came first; on AWS each has a process of its own.
_REQUESTS_AT_ONCE: Final = 4


def serve_in_turns() -> None:
    """From now on a gateway handles so many requests at once; the others wait for their turn."""
    turns = threading.BoundedSemaphore(_REQUESTS_AT_ONCE)
    original = LocalGateway.handle_request

    @functools.wraps(original)
    def handle_request(gateway: LocalGateway, *args: Any, **kwargs: Any) -> Any:
        with turns:
            return original(gateway, *args, **kwargs)

    LocalGateway.handle_request = handle_request  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    socketserver.TCPServer.request_queue_size = _WAITING_CONNECTIONS
    serve_in_turns()
    sys.exit(main())
