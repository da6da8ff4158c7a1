"""The environment → one frozen Settings, or one error that lists every fault at once."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import urlsplit

from chalicelib.domain.model import DatabaseRef, Kind

SETTING_NAMES: Final = (
    "DATABASES",
    "METADATA_TABLE",
    "ACTIVITY_KEY",
    "IDLE_MINUTES",
    "CHECK_INTERVAL_MINUTES",
    "WARM_UP_SCHEDULE",
    "ACTIVITY_METRIC",
    "ACCESS_TOKENS",
    "CORS_ORIGIN",
    "DASHBOARD_URL",
    "HOURLY_COST_USD",
)
"""Every environment variable that read_settings reads."""

T = TypeVar("T")


class Role(StrEnum):
    """What the bearer of a token may do; each role may do what the ones before it may."""

    VIEWER = "viewer"
    REPORTER = "reporter"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """One entry of ``ACCESS_TOKENS``. ``digest`` is the SHA-256 of the token, in lowercase hex."""

    name: str
    role: Role
    digest: str


@dataclass(frozen=True, slots=True)
class MetricRule:
    """``ACTIVITY_METRIC``: a datapoint of this AWS/RDS metric above the number is activity."""

    name: str
    above: float


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that one deployment is told by its environment."""

    databases: tuple[DatabaseRef, ...]
    metadata_table: str = "system-metadata"
    activity_key: str = "last_rds_query_time"
    idle: timedelta = timedelta(minutes=60)
    check_interval: timedelta = timedelta(minutes=15)
    warm_up_schedule: str | None = None
    activity_metric: MetricRule | None = None
    access_tokens: tuple[AccessToken, ...] = ()
    cors_origin: str | None = None
    dashboard_url: str | None = None
    hourly_cost_usd: float | None = None

    @property
    def restart_ttl(self) -> timedelta:
        """How long a restart is kept that cannot be carried out: long enough for two checks, whatever else is set."""
        return max(self.idle, timedelta(minutes=30), 2 * self.check_interval)

    def activity_key_of(self, ref: DatabaseRef) -> str:
        """The key of the item that holds the database's last query time."""
        return self.activity_key if ref == self.databases[0] else f"{self.activity_key}/{ref.id}"

    def database(self, database_id: str) -> DatabaseRef | None:
        """The minded database of that id, or None."""
        return next((ref for ref in self.databases if ref.id == database_id), None)


class SettingsError(Exception):
    """Settings are missing or wrong. ``faults`` holds one line per fault."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = faults
        super().__init__("The settings are wrong; nothing can be done until they are mended:\n  " + "\n  ".join(faults))


_DATABASES: Final = "comma-separated ids of RDS instances, an Aurora or Multi-AZ DB cluster as cluster:<id>"
_ENTRY: Final = "name:role:sha256, role being viewer, reporter or operator (make token prints one)"
_KEY_TEXT: Final = "1 to 1,000 characters, and its part before any / neither rds_lifecycle nor rds_history"
_METRIC: Final = "an AWS/RDS metric, > and a number, such as DatabaseConnections>0"
_SCHEDULE: Final = "cron(...) with six fields, or rate(...), such as cron(0 7 ? * MON-FRI *)"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """All settings from the environment. Raises SettingsError, which lists every fault."""
    reader = _Reader(environ)
    settings = Settings(
        databases=reader.read("DATABASES", (), _databases, _DATABASES, required=True),
        metadata_table=reader.read("METADATA_TABLE", "system-metadata", _table, "a DynamoDB table's name"),
        activity_key=reader.read("ACTIVITY_KEY", "last_rds_query_time", _key, _KEY_TEXT),
        idle=reader.read("IDLE_MINUTES", timedelta(minutes=60), _minutes, "a number over 0, fractions allowed"),
        check_interval=reader.read(
            "CHECK_INTERVAL_MINUTES", timedelta(minutes=15), _whole_minutes, "whole minutes, 1 or more"
        ),
        warm_up_schedule=reader.read("WARM_UP_SCHEDULE", None, _schedule, _SCHEDULE),
        activity_metric=reader.read("ACTIVITY_METRIC", None, _metric, _METRIC),
        access_tokens=reader.read("ACCESS_TOKENS", (), _tokens, f"comma-separated {_ENTRY}", secret=True),
        cors_origin=reader.read("CORS_ORIGIN", None, _origin, "an origin such as https://dashboard.example.com, or *"),
        dashboard_url=reader.read("DASHBOARD_URL", None, _url, "an http or https address"),
        hourly_cost_usd=reader.read("HOURLY_COST_USD", None, _cost, "a number, 0 or more"),
    )
    if reader.faults:
        raise SettingsError(tuple(reader.faults))
    return settings


def read_deploy_time_settings(environ: Mapping[str, str]) -> Settings:
    """What app.py's decorators and the page need: a setting that is missing or wrong has its default.

    The faults are not lost: the first use of any function reports them through read_settings.
    """
    reader = _Reader(environ)
    return Settings(
        databases=reader.read("DATABASES", (), _databases, _DATABASES),
        check_interval=reader.read("CHECK_INTERVAL_MINUTES", timedelta(minutes=15), _whole_minutes, ""),
        warm_up_schedule=reader.read("WARM_UP_SCHEDULE", None, _schedule, _SCHEDULE),
        cors_origin=reader.read("CORS_ORIGIN", None, _origin, ""),
        dashboard_url=reader.read("DASHBOARD_URL", None, _url, ""),
    )


class _Reader:
    """Reads settings one by one and collects their faults."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.faults: list[str] = []

    def read(
        self,
        name: str,
        default: T,
        parse: Callable[[str], T],
        allowed: str,
        *,
        required: bool = False,
        secret: bool = False,
    ) -> T:
        text = self._environ.get(name, "").strip()
        if not text:
            if required:
                self.faults.append(f"{name}: it is missing; allowed: {allowed}")
            return default
        try:
            return parse(text)
        except ValueError as fault:
            found = "(not shown)" if secret else repr(text)
            self.faults.append(f"{name}: found {found}; {fault}; allowed: {allowed}")
            return default


def _databases(text: str) -> tuple[DatabaseRef, ...]:
    refs = tuple(_database(part.strip()) for part in text.split(","))
    ids = [ref.id for ref in refs]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise ValueError(f"{', '.join(twice)} is named more than once")
    return refs


def _database(text: str) -> DatabaseRef:
    prefix, colon, rest = text.partition(":")
    if colon and prefix != Kind.CLUSTER:
        raise ValueError(f"{prefix!r} is no kind of database, only 'cluster:' can stand before an id")
    # RDS stores identifiers in lowercase, whatever was typed when the database was made.
    database_id = (rest if colon else text).lower()
    if len(database_id) > 63 or not re.fullmatch(r"[a-z](-?[a-z0-9])*", database_id):
        raise ValueError(f"{text!r} is no RDS identifier")
    return DatabaseRef(Kind.CLUSTER if colon else Kind.INSTANCE, database_id)


def _table(text: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9_.-]{3,255}", text):
        raise ValueError("that is no table name")
    return text


def _key(text: str) -> str:
    if len(text) > 1000 or text.split("/", maxsplit=1)[0] in ("rds_lifecycle", "rds_history"):
        raise ValueError("that is no key for the activity item")
    return text


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError("that is no number") from None
    if not math.isfinite(number):
        raise ValueError("that is no finite number")
    return number


def _minutes(text: str) -> timedelta:
    minutes = _number(text)
    if not 0 < minutes <= 525_600:
        raise ValueError("that is not between 0 and a year")
    return max(timedelta(minutes=minutes), timedelta(microseconds=1))


def _whole_minutes(text: str) -> timedelta:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError("that is no whole number of minutes")
    return timedelta(minutes=int(text))


def _schedule(text: str) -> str:
    cron = re.fullmatch(r"cron\(([^()]+)\)", text)
    if not (cron and len(cron[1].split()) == 6) and not re.fullmatch(
        r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)", text
    ):
        raise ValueError("EventBridge would refuse it")
    return text


def _metric(text: str) -> MetricRule:
    match = re.fullmatch(r"([A-Za-z][A-Za-z0-9]*)\s*>\s*(\S+)", text)
    if not match:
        raise ValueError("that is no metric with a number")
    return MetricRule(match[1], _number(match[2]))


def _tokens(text: str) -> tuple[AccessToken, ...]:
    return tuple(_token(number, part.strip()) for number, part in enumerate(text.split(","), start=1))


def _token(number: int, text: str) -> AccessToken:
    match text.split(":"):
        case [name, role, digest] if re.fullmatch(r"[A-Za-z0-9_.@-]{1,64}", name):
            if role not in tuple(Role):
                raise ValueError(f"entry {number}: the second part is no role")
            if not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
                raise ValueError(f"entry {number}: the third part is no SHA-256 in hex")
            return AccessToken(name, Role(role), digest.lower())
        case parts:
            raise ValueError(f"entry {number} has {len(parts)} parts, or a name that is not letters, digits and _.@-")


def _origin(text: str) -> str:
    if text != "*" and not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?", text):
        raise ValueError("that is no origin (no path, no slash at the end)")
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s<>\"\x00-\x1f]", text):
        raise ValueError("that is no web address")
    return text


def _cost(text: str) -> float:
    cost = _number(text)
    if cost < 0:
        raise ValueError("that is below 0")
    return cost
