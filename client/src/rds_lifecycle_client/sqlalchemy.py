"""SQLAlchemy's engines, sync and async: every statement that uses the database is reported, every failure told."""

from typing import Any
from weakref import WeakSet

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext, ExecutionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from rds_lifecycle_client.activity import ActivityReporter
from rds_lifecycle_client.lifecycle import LifecycleClient
from rds_lifecycle_client.statements import is_activity


def instrument_engine(engine: Engine | AsyncEngine, lifecycle: LifecycleClient) -> None:
    """Call once for each engine, right after it was made.

    Health checks (``SELECT 1``, pre-ping, reconnecting) do not count as activity. A connection that cannot be made, or
    that the server has cut, wakes the database, except for one that lay idle in the pool.
    """
    engine = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    _tell_failures(engine, lifecycle)
    if lifecycle.reporter is not None:
        _report_statements(engine, lifecycle.reporter)


def _tell_failures(engine: Engine, lifecycle: LifecycleClient) -> None:
    @event.listens_for(engine, "handle_error")
    def failed(failure: ExceptionContext) -> None:
        if not failure.is_pre_ping:
            # A pooled connection that is dead says nothing; what becomes of the next one does.
            lifecycle.handle_error(failure.original_exception)


def _report_statements(engine: Engine, reporter: ActivityReporter) -> None:
    # Weak, so that what has ended unseen is forgotten; never ids of contexts, which Python gives to the next one.
    streams: dict[int, WeakSet[ExecutionContext]] = {}

    @event.listens_for(engine, "before_cursor_execute")
    def begins(_conn: Connection, _cursor: Any, statement: str, _params: Any, context: Any, _many: bool) -> None:  # noqa: FBT001
        if is_activity(statement):
            reporter.begin(context)

    @event.listens_for(engine, "after_cursor_execute")
    def ends(conn: Connection, _cursor: Any, _statement: str, _params: Any, context: Any, _many: bool) -> None:  # noqa: FBT001
        if _is_streamed(context):
            # Rows are still to come. It lasts until its result is dropped or its connection is given back.
            streams.setdefault(id(conn.connection.dbapi_connection), WeakSet()).add(context)
        else:
            reporter.end(context)

    @event.listens_for(engine, "handle_error")
    def fails(failure: ExceptionContext) -> None:
        reporter.end(failure.execution_context)

    def given_back(dbapi_connection: Any, *_: Any) -> None:
        for context in list(streams.pop(id(dbapi_connection), ())):
            reporter.end(context)

    # One that is invalidated is closed, unless it was told to be later.
    for name in ("checkin", "close", "close_detached"):
        event.listen(engine, name, given_back)


def _is_streamed(context: ExecutionContext | None) -> bool:
    return context is not None and bool(context.execution_options.get("stream_results"))
