"""The API is tested on the simulated AWS, which passes the same tests as moto: tests/adapters and tests/service."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.served import Serve, Served, serving


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves the app on a World, until the test ends. Takes the arguments of ``serving``."""
    with ExitStack() as stack:

        def serve_app(*args: Any, **options: Any) -> Served:
            return stack.enter_context(serving(*args, **{"backend": "simulated", **options}))

        yield serve_app
