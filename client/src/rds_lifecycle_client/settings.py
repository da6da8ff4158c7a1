"""Reads the settings from environment variables: one frozen Settings, or one exception that lists all errors."""

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
    """The settings of a backend. At least one of ``url``, ``function`` and ``table`` is set."""

    url: str | None = None
    token: str | None = field(default=None, repr=False)
    database: str | None = None
    function: str | None = None
    table: str | None = None
    activity_key: str = "last_rds_query_time"
    report_interval: timedelta = timedelta(minutes=1)


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read all settings. Raises NotConfigured, which lists every error."""
    values = {name: environ.get(name, "").strip() or None for name in SETTING_NAMES}
    url, token = values["RDS_LIFECYCLE_URL"], values["RDS_LIFECYCLE_TOKEN"]
    database, seconds = values["RDS_LIFECYCLE_DATABASE"], values["RDS_LIFECYCLE_REPORT_SECONDS"] or "60"
    errors = []
    if not (url or values["RDS_LIFECYCLE_FUNCTION"] or values["RDS_LIFECYCLE_TABLE"]):
        errors.append("RDS_LIFECYCLE_URL, RDS_LIFECYCLE_FUNCTION or RDS_LIFECYCLE_TABLE: set at least one")
    if url and "@" in url:
        errors.append("RDS_LIFECYCLE_URL: must not contain a user or a password; use RDS_LIFECYCLE_TOKEN")
    elif url and not _is_http_url(url):
        errors.append(f"RDS_LIFECYCLE_URL: found {url!r}; allowed: an http or https URL")
    if url and not database:
        errors.append("RDS_LIFECYCLE_DATABASE: missing; RDS_LIFECYCLE_URL requires the database id")
    if url and not (token and token.isascii() and token.isprintable()):
        errors.append("RDS_LIFECYCLE_TOKEN: missing or not a valid token; make token creates one")
    if not re.fullmatch(r"\d{1,5}(\.\d+)?", seconds) or not 0 < float(seconds) <= 3600:
        errors.append(f"RDS_LIFECYCLE_REPORT_SECONDS: found {seconds!r}; allowed: a number above 0, at most 3600")
        seconds = "60"
    if errors:
        raise NotConfigured(tuple(errors))
    return Settings(
        url=url,
        token=token,
        database=database,
        function=values["RDS_LIFECYCLE_FUNCTION"],
        table=values["RDS_LIFECYCLE_TABLE"],
        activity_key=values["RDS_LIFECYCLE_ACTIVITY_KEY"] or "last_rds_query_time",
        report_interval=timedelta(seconds=float(seconds)),
    )


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
    except ValueError:
        return False
