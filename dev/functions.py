"""The app's functions, invoked as Lambda would invoke them: by name, with a whole event and a context."""

import uuid
from datetime import datetime
from typing import Any

from chalice.local import LambdaContext


class Functions:
    """Imports the app at its making, so the environment must hold the stage's settings by then."""

    def __init__(self) -> None:
        from app import app  # noqa: PLC0415 - Chalice reads the environment while app.py is imported

        self._handlers = app.handler_map
        self._deployed = {source.name for source in app.event_sources} | {
            function.name for function in app.pure_lambda_functions
        }

    def invoke(self, name: str, event: Any) -> Any:
        """The function's result. Raises KeyError for an unknown name, and whatever the function raises."""
        if name not in self._deployed:
            raise KeyError(name)
        context = LambdaContext(function_name=f"rds-lifecycle-local-{name}", memory_size=512, max_runtime_ms=90_000)
        return self._handlers[name](event, context)


def scheduled_event(at: datetime) -> dict[str, Any]:
    """The event by which EventBridge wakes a schedule's function."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/rds-lifecycle-local-inactivity_check"],
        "detail": {},
    }
