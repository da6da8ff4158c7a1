"""Invokes the app's functions as Lambda does: by name, with a complete event and a context."""

from typing import Any

from chalice.local import LambdaContext


class Functions:
    """The functions of app.py. The environment must contain the stage's settings when an instance is created."""

    def __init__(self) -> None:
        from app import app  # noqa: PLC0415 - Chalice reads the environment while app.py is imported

        self._handlers = app.handler_map
        self._deployed = {source.name for source in app.event_sources} | {
            function.name for function in app.pure_lambda_functions
        }

    def invoke(self, name: str, event: Any) -> Any:
        """The function's result. Raises KeyError for an unknown name, and every exception of the function."""
        if name not in self._deployed:
            raise KeyError(name)
        context = LambdaContext(function_name=f"rds-lifecycle-local-{name}", memory_size=512, max_runtime_ms=90_000)
        return self._handlers[name](event, context)
