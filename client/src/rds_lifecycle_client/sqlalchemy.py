"""SQLAlchemy engines, sync and async: reports statements as activity, and passes errors to the LifecycleClient."""

from typing import Any
from weakref import WeakSet

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext, ExecutionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from rds_lifecycle_client.activity import ActivityReporter
from rds_lifecycle_client.lifecycle import LifecycleClient
from rds_lifecycle_client.statements import is_activity


def instrument_engine(engine: Engine | AsyncEngine, lifecycle: LifecycleClient) -> None:
    """Call once for each engine, right after it is created.

    Health checks (``SELECT 1``, pre-pings, reconnects) do not count as activity. A connection that cannot be opened, or
    that the server closes, starts the database, except for a connection that was idle in the pool.
    """
    engine = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    _handle_errors(engine, lifecycle)
    if lifecycle.reporter is not None:
        _report_statements(engine, lifecycle.reporter)


def _handle_errors(engine: Engine, lifecycle: LifecycleClient) -> None:
    @event.listens_for(engine, "handle_error")
    def on_error(failure: ExceptionContext) -> None:
        # The database may be available although a pooled connection is closed; the reconnect shows whether it is.
        if not failure.is_pre_ping:
            lifecycle.handle_error(failure.original_exception)


def _report_statements(engine: Engine, reporter: ActivityReporter) -> None:
    # Weak references drop contexts whose end raises no event. Ids are not sufficient, because Python reuses them.
    streams: dict[int, WeakSet[ExecutionContext]] = {}

    @event.listens_for(engine, "before_cursor_execute")
    def on_begin(_conn: Connection, _cursor: Any, statement: str, _params: Any, context: Any, _many: bool) -> None:  # noqa: FBT001
        if is_activity(statement):
            reporter.begin_statement(context)

    @event.listens_for(engine, "after_cursor_execute")
    def on_end(conn: Connection, _cursor: Any, _statement: str, _params: Any, context: Any, _many: bool) -> None:  # noqa: FBT001
        if _is_streamed(context):
            # Rows are still to be fetched, until the result is closed or the connection is returned to the pool.
            streams.setdefault(id(conn.connection.dbapi_connection), WeakSet()).add(context)
        else:
            reporter.end_statement(context)

    @event.listens_for(engine, "handle_error")
    def on_error(failure: ExceptionContext) -> None:
        reporter.end_statement(failure.execution_context)

    def on_connection_returned(dbapi_connection: Any, *_: Any) -> None:
        for context in list(streams.pop(id(dbapi_connection), ())):
            reporter.end_statement(context)

    # An invalidated connection is closed, except after a soft invalidation, which closes it at its next checkout.
    for name in ("checkin", "close", "close_detached"):
        event.listen(engine, name, on_connection_returned)


def _is_streamed(context: ExecutionContext | None) -> bool:
    return context is not None and bool(context.execution_options.get("stream_results"))
