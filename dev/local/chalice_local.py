"""`chalice local` for many concurrent requests: `python -m dev.local.chalice_local` takes Chalice's arguments."""

import functools
import socketserver
import sys
import threading
from typing import Any, Final

from chalice.cli import main
from chalice.local import LocalGateway

# Python's default is 5; beyond that the kernel drops connection requests, and clients retry after seconds.
_CONNECTION_BACKLOG: Final = 128
# All requests share one Python process. With more at once, each takes so long between reading and writing the record
# that another one writes first, over and over. On AWS each request has a process of its own.
_CONCURRENT_REQUESTS: Final = 4


def limit_concurrency() -> None:
    """Let the gateway handle a few requests at once; the others wait."""
    slots = threading.BoundedSemaphore(_CONCURRENT_REQUESTS)
    original = LocalGateway.handle_request

    @functools.wraps(original)
    def handle_request(gateway: LocalGateway, *args: Any, **kwargs: Any) -> Any:
        with slots:
            return original(gateway, *args, **kwargs)

    LocalGateway.handle_request = handle_request  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    socketserver.TCPServer.request_queue_size = _CONNECTION_BACKLOG
    limit_concurrency()
    sys.exit(main())
