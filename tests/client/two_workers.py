"""A backend for Uvicorn workers: each response holds the worker's process id."""

import os

from fastapi import FastAPI
from sqlalchemy import create_engine, text

from rds_lifecycle_client import LifecycleClient
from rds_lifecycle_client.fastapi import instrument_app
from rds_lifecycle_client.sqlalchemy import instrument_engine

engine = create_engine(os.environ["DATABASE_URL"])
lifecycle = LifecycleClient.from_environment()
app = FastAPI()
instrument_engine(engine, lifecycle)
instrument_app(app, lifecycle)


@app.get("/")
def query() -> dict[str, int]:
    """Run one query."""
    with engine.connect() as connection:
        connection.execute(text("select count(*) from pg_class"))
    return {"worker": os.getpid()}
