"""A backend for uvicorn's workers: each query is answered with the worker's process number."""

import os

from fastapi import FastAPI
from sqlalchemy import create_engine, text

from rds_lifecycle_client import Lifecycle
from rds_lifecycle_client.fastapi import install
from rds_lifecycle_client.sqlalchemy import watch

engine = create_engine(os.environ["DATABASE_URL"])
lifecycle = Lifecycle.from_environment()
app = FastAPI()
watch(engine, lifecycle)
install(app, lifecycle)


@app.get("/")
def query() -> dict[str, int]:
    """One query."""
    with engine.connect() as connection:
        connection.execute(text("select count(*) from pg_class"))
    return {"worker": os.getpid()}
