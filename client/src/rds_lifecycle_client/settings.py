"""The environment → one frozen Settings, or one error that lists every fault at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from rds_lifecycle_client.errors import NotConfigured

SETTING_NAMES: Final = (
    "RDS_LIFECYCLE_URL",
    "RDS_LIFECYCLE_TOKEN",
    "RDS_LIFECYCLE_DATABASE",
    "RDS_LIFECYCLE_FUNCTION",
    "RDS_LIFECYCLE_TABLE",
    "RDS_LIFECYCLE_ACTIVITY_KEY",
    "RDS_LIFECYCLE_REPORT_SECONDS",
)
"""Every environment variable that read_settings reads."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a backend is told about rds-lifecycle. At least one of ``url``, ``function`` and ``table`` is set."""

    url: str | None = None
    token: str | None = field(default=None, repr=False)
    database: str | None = None
    function: str | None = None
    table: str | None = None
    activity_key: str = "last_rds_query_time"
    report_interval: timedelta = timedelta(minutes=1)


def read_settings(environ: Mapping[str, str]) -> Settings:
    """All settings from the environment. Raises NotConfigured, which lists every fault."""
    given = {name: environ.get(name, "").strip() or None for name in SETTING_NAMES}
    url, token = given["RDS_LIFECYCLE_URL"], given["RDS_LIFECYCLE_TOKEN"]
    database, seconds = given["RDS_LIFECYCLE_DATABASE"], given["RDS_LIFECYCLE_REPORT_SECONDS"] or "60"
    faults = []
    if not (url or given["RDS_LIFECYCLE_FUNCTION"] or given["RDS_LIFECYCLE_TABLE"]):
        faults.append("RDS_LIFECYCLE_URL, RDS_LIFECYCLE_FUNCTION or RDS_LIFECYCLE_TABLE: at least one has to be set")
    if url and "@" in url:
        faults.append("RDS_LIFECYCLE_URL: it holds a user or a password; allowed: RDS_LIFECYCLE_TOKEN alone")
    elif url and not _is_address(url):
        faults.append(f"RDS_LIFECYCLE_URL: found {url!r}; allowed: an http or https address")
    if url and not database:
        faults.append("RDS_LIFECYCLE_DATABASE: it is missing; RDS_LIFECYCLE_URL needs the database's id")
    if url and not (token and token.isascii() and token.isprintable()):
        faults.append("RDS_LIFECYCLE_TOKEN: it is missing or no token; make token prints one")
    if not re.fullmatch(r"\d{1,5}(\.\d+)?", seconds) or not 0 < float(seconds) <= 3600:
        faults.append(f"RDS_LIFECYCLE_REPORT_SECONDS: found {seconds!r}; allowed: a number over 0, at most 3600")
        seconds = "60"
    if faults:
        raise NotConfigured(tuple(faults))
    return Settings(
        url=url,
        token=token,
        database=database,
        function=given["RDS_LIFECYCLE_FUNCTION"],
        table=given["RDS_LIFECYCLE_TABLE"],
        activity_key=given["RDS_LIFECYCLE_ACTIVITY_KEY"] or "last_rds_query_time",
        report_interval=timedelta(seconds=float(seconds)),
    )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
    except ValueError:
        return False
