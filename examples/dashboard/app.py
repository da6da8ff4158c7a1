"""A dashboard whose database sleeps when nobody uses it: FastAPI, SQLAlchemy 2 (async), psycopg 3.

`make demo` runs it. Everything that has to do with rds-lifecycle is in the lines that name ``lifecycle``.
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

# A sleeping RDS instance does not refuse connections, it is silent: without connect_timeout, for two minutes.
engine = create_async_engine(os.environ["DATABASE_URL"], pool_pre_ping=True, connect_args={"connect_timeout": 3})
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
    """An amount that was booked on an account."""

    __tablename__ = "entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(Numeric(14, 2))


class NewEntry(BaseModel):
    """What is sent in order to book an entry."""

    account: str = Field(min_length=1, max_length=80, pattern=r"^[^\x00]+$")
    amount: Decimal = Field(max_digits=14, decimal_places=2)


async def a_session() -> AsyncIterator[AsyncSession]:
    """A session in which the tables are there: they cannot be made at startup, when the database may be asleep."""
    async with sessions.begin() as session:
        if not await session.scalar(text("select to_regclass('entries')")):
            # One at a time: PostgreSQL fails all but one that make the same table at once.
            await session.execute(text("select pg_advisory_xact_lock(1)"))
            await (await session.connection()).run_sync(Base.metadata.create_all)
        yield session


async def ping() -> None:
    """A sign of life of the database, which is no use of it."""
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))


# "function": it is committed before the answer is sent, not after.
Session = Annotated[AsyncSession, Depends(a_session, scope="function")]
Checked = Annotated[Health, Depends(HealthCheck(lifecycle, ping))]


@app.get("/balances")
async def balances(session: Session) -> dict[str, Decimal]:
    """What is on each account."""
    rows = await session.execute(select(Entry.account, func.sum(Entry.amount).label("balance")).group_by(Entry.account))
    return {entry.account: entry.balance for entry in rows}


@app.post("/entries", status_code=201)
async def book(entry: NewEntry, session: Session) -> dict[str, int]:
    """Book an amount on an account."""
    booked = Entry(account=entry.account, amount=entry.amount)
    session.add(booked)
    await session.flush()
    return {"id": booked.id}


@app.get("/health")
async def health(checked: Checked, response: Response) -> dict[str, str]:
    """Whether this backend is in order, which it is while its database sleeps."""
    response.status_code = checked.status_code
    return {"database": checked.condition, "detail": checked.detail}


@app.post("/database/restart", status_code=202)
async def restart() -> dict[str, str]:
    """The button on the page. The token that may do this stays in the backend."""
    if lifecycle.api is None:
        raise HTTPException(501, "RDS_LIFECYCLE_URL is not set.")
    try:
        return {"message": (await asyncio.to_thread(lifecycle.api.restart)).message}
    except LifecycleError as error:
        logger.warning("The database could not be restarted: %s", error)
        raise HTTPException(502, "The database could not be asked to start. The log says why.") from error


@app.get("/", include_in_schema=False)
def page() -> FileResponse:
    """The page."""
    return FileResponse(_PAGE)
