"""A dashboard whose database stops when it is idle: FastAPI, SQLAlchemy 2 (async), psycopg 3.

`make demo` runs it. Every line that concerns rds-lifecycle contains the word ``lifecycle``.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from sqlalchemy import Numeric, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from rds_lifecycle_client import LifecycleClient, LifecycleError
from rds_lifecycle_client.fastapi import Health, HealthCheck, instrument_app
from rds_lifecycle_client.sqlalchemy import instrument_engine

# A stopped RDS instance does not refuse connections, it does not respond. Without a timeout, connecting takes minutes.
CONNECT_TIMEOUT_SECONDS: Final = int(os.environ.get("CONNECT_TIMEOUT_SECONDS", "3"))
engine = create_async_engine(
    os.environ["DATABASE_URL"], pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS}
)
sessions = async_sessionmaker(engine)
app = FastAPI(title="Dashboard")

lifecycle = LifecycleClient.from_environment()
instrument_engine(engine, lifecycle)
instrument_app(app, lifecycle, status_page=os.environ.get("RDS_LIFECYCLE_URL"))

logger: Final = logging.getLogger("uvicorn.error")
_PAGE: Final = Path(__file__).with_name("page.html")


class Base(DeclarativeBase):
    """The tables of the dashboard."""


class Entry(Base):
    """An amount booked on an account."""

    __tablename__ = "entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(Numeric(14, 2))


class NewEntry(BaseModel):
    """The body of a request that books an entry."""

    account: str = Field(min_length=1, max_length=80, pattern=r"^[^\x00]+$")
    amount: Decimal = Field(max_digits=14, decimal_places=2)


async def get_session() -> AsyncIterator[AsyncSession]:
    """A session with existing tables. They cannot be created at startup, when the database may be stopped."""
    async with sessions.begin() as session:
        if not await session.scalar(text("select to_regclass('entries')")):
            # The lock serializes the creation: PostgreSQL rejects all but one of several concurrent create statements.
            await session.execute(text("select pg_advisory_xact_lock(1)"))
            await (await session.connection()).run_sync(Base.metadata.create_all)
        yield session


async def ping() -> None:
    """Check that the database responds. The statement does not count as activity."""
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))


# The scope "function" commits before the response is sent. The default scope commits afterwards.
Session = Annotated[AsyncSession, Depends(get_session, scope="function")]
CheckedHealth = Annotated[Health, Depends(HealthCheck(lifecycle, ping))]


@app.get("/balances")
async def balances(session: Session) -> dict[str, Decimal]:
    """Return the balance of each account."""
    rows = await session.execute(select(Entry.account, func.sum(Entry.amount).label("balance")).group_by(Entry.account))
    return {entry.account: entry.balance for entry in rows}


@app.post("/entries", status_code=201)
async def create_entry(new_entry: NewEntry, session: Session) -> dict[str, int]:
    """Book an amount on an account."""
    entry = Entry(account=new_entry.account, amount=new_entry.amount)
    session.add(entry)
    await session.flush()
    return {"id": entry.id}


@app.get("/health")
async def health(checked: CheckedHealth, response: Response) -> dict[str, str]:
    """Return the health of the backend. A stopped database is not an error."""
    response.status_code = checked.status_code
    return {"database": checked.state, "detail": checked.detail}


@app.post("/database/restart", status_code=202)
async def restart() -> dict[str, str]:
    """Request a restart, for the button on the page. The operator token stays in the backend."""
    if lifecycle.api is None:
        raise HTTPException(501, "RDS_LIFECYCLE_URL is not set.")
    try:
        return {"message": (await asyncio.to_thread(lifecycle.api.restart)).message}
    except LifecycleError as error:
        logger.warning("The restart request failed: %s", error)
        raise HTTPException(502, "The restart request failed. See the log of the backend.") from error


@app.get("/", include_in_schema=False)
def page() -> FileResponse:
    """Serve the page."""
    return FileResponse(_PAGE)
