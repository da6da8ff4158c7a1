"""Reads the environment variables: one frozen Settings, or one exception that lists all errors."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from chalicelib.domain.activity import AUTO, MetricRule
from chalicelib.domain.model import DatabaseRef, Kind, Policy


class Role(StrEnum):
    """What a token permits. ``reporter`` and ``operator`` also permit what ``viewer`` does."""

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
class Settings:
    """The settings of one deployment."""

    databases: tuple[DatabaseRef, ...]
    metadata_table: str = "system-metadata"
    activity_key: str = "last_rds_query_time"
    idle_timeout: timedelta = timedelta(minutes=60)
    check_interval: timedelta = timedelta(minutes=15)
    warm_up_schedule: str | None = None
    activity_metric: MetricRule | None = AUTO
    access_tokens: tuple[AccessToken, ...] = ()
    cors_origin: str | None = None
    dashboard_url: str | None = None
    hourly_cost_usd: float | None = None
    table_kms_key: str | None = None

    @property
    def policy(self) -> Policy:
        """The rules that decisions depend on. A pending restart is kept for at least two checks."""
        restart_ttl = max(self.idle_timeout, timedelta(minutes=30), 2 * self.check_interval)
        return Policy(self.idle_timeout, restart_ttl, self.activity_metric)

    def activity_keys_of(self, ref: DatabaseRef) -> tuple[str, ...]:
        """The keys of the items that hold the time of the database's last query. The app itself writes the first one.

        A backend may write the id as it is spelled in ``DATABASES``, and that of the default database as well.
        """
        ids = dict.fromkeys((ref.id, ref.spelling or ref.id))
        default = [self.activity_key] if ref == self.databases[0] else []
        return (*default, *(f"{self.activity_key}/{database_id}" for database_id in ids))

    def database(self, database_id: str) -> DatabaseRef | None:
        """The managed database with that id, in upper or lower case, or None."""
        return next((ref for ref in self.databases if ref.id == database_id.lower()), None)


class SettingsError(Exception):
    """Settings are missing or wrong. ``errors`` has one line for each."""

    slug: ClassVar[str] = "invalid-settings"

    def __init__(self, errors: tuple[str, ...]) -> None:
        self.errors = errors
        message = "The settings are wrong, and nothing works until they are corrected:\n  "
        super().__init__(message + "\n  ".join(errors))


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable. ``default`` is its text in the documentation.

    ``deploy_time``: app.py also reads it while it is imported. ``secret``: its value is never shown.
    """

    name: str
    field: str
    default: str
    parse: Callable[[str], Any]
    allowed: str
    deploy_time: bool = False
    secret: bool = False


def read_settings(environ: Mapping[str, str]) -> Settings:
    """All settings from the environment. Raises SettingsError, which lists every error."""
    values, errors = _read(environ, SETTINGS)
    if errors:
        raise SettingsError(errors)
    return Settings(**values)


def read_deploy_time_settings(environ: Mapping[str, str]) -> Settings:
    """What app.py's decorators and the page need: a setting that is missing or wrong has its default.

    Its errors are reported by read_settings, at the first use of any function.
    """
    values, _ = _read(environ, tuple(setting for setting in SETTINGS if setting.deploy_time))
    return Settings(**{"databases": (), **values})


def _read(environ: Mapping[str, str], settings: tuple[Setting, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
    values: dict[str, Any] = {}
    errors = []
    for setting in settings:
        text = environ.get(setting.name, "").strip()
        if not text:
            if setting.default == REQUIRED:
                errors.append(f"{setting.name}: it is missing; allowed: {setting.allowed}")
            continue
        try:
            values[setting.field] = setting.parse(text)
        except ValueError as error:
            found = "(not shown)" if setting.secret else repr(text)
            errors.append(f"{setting.name}: found {found}; {error}; allowed: {setting.allowed}")
    return values, tuple(errors)


def _databases(text: str) -> tuple[DatabaseRef, ...]:
    parts = [part.strip() for part in text.split(",")]
    refs = tuple(_database(part, "it" if len(parts) == 1 else repr(part)) for part in parts)
    ids = [ref.id for ref in refs]
    if repeated := sorted({i for i in ids if ids.count(i) > 1}):
        raise ValueError(f"{', '.join(repeated)} is named more than once")
    return refs


def _database(text: str, subject: str) -> DatabaseRef:
    prefix, colon, rest = text.partition(":")
    if colon and prefix != Kind.CLUSTER:
        raise ValueError(f"{prefix!r} is not a kind of database; only 'cluster:' may precede an id")
    # RDS stores identifiers in lowercase:
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
    spelling = rest if colon else text
    database_id = spelling.lower()
    if len(database_id) > 63 or not re.fullmatch(r"[a-z](-?[a-z0-9])*", database_id):
        raise ValueError(f"{subject} is not {_IDENTIFIER}")
    return DatabaseRef(Kind.CLUSTER if colon else Kind.INSTANCE, database_id, spelling)


def _matching(pattern: str, error: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(error)
        return text

    return parse


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError("it is not a number") from None
    if not math.isfinite(number):
        raise ValueError("it is not a finite number")
    return number


def _minutes(text: str) -> timedelta:
    minutes = _number(text)
    if not 0 < minutes <= 525_600:
        raise ValueError("it is not between 0 and a year")
    return max(timedelta(minutes=minutes), timedelta(microseconds=1))


def _whole_minutes(text: str) -> timedelta:
    return timedelta(minutes=int(_matching(r"[1-9][0-9]{0,5}", "it is not a whole number of minutes")(text)))


def _metric(text: str) -> MetricRule | None:
    if text.lower() in ("auto", "none"):
        return AUTO if text.lower() == "auto" else None
    match = re.fullmatch(r"([A-Za-z][A-Za-z0-9]*)\s*>\s*(\S+)", text)
    if not match:
        raise ValueError("it is not a metric with a number")
    return MetricRule(match[1], _number(match[2]))


def _tokens(text: str) -> tuple[AccessToken, ...]:
    return tuple(_token(number, part.strip()) for number, part in enumerate(text.split(","), start=1))


def _token(number: int, text: str) -> AccessToken:
    match text.split(":"):
        case [name, role, digest] if re.fullmatch(r"[A-Za-z0-9_.@-]{1,64}", name):
            if role not in tuple(Role):
                raise ValueError(f"entry {number}: the second part is not a role")
            if not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
                raise ValueError(f"entry {number}: the third part is not a SHA-256 in hex")
            return AccessToken(name, Role(role), digest.lower())
        case parts:
            raise ValueError(f"entry {number} has {len(parts)} parts, or a name that is not letters, digits and _.@-")


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s<>\"\x00-\x1f]", text):
        raise ValueError("it is not a web address")
    return text


def _schedule(text: str) -> str:
    """A schedule expression of EventBridge. Of the two days of a cron expression, exactly one is ``?``.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
    """
    _schedule_form(text)
    if text.startswith("cron"):
        _, _, day_of_month, _, day_of_week, _ = text[len("cron(") : -1].split()
        if (day_of_month == "?") == (day_of_week == "?"):
            raise ValueError("exactly one of day-of-month and day-of-week (the third and the fifth field) must be ?")
    return text


def _cost(text: str) -> float:
    cost = _number(text)
    if cost < 0:
        raise ValueError("it is below 0")
    return cost


_table: Final = _matching(r"[a-zA-Z0-9_.-]{3,255}", "it is not a valid table name")
_key: Final = _matching(
    r"(?s)(?!(rds_lifecycle|rds_history|rds_access)(/|\Z)).{1,1000}", "it cannot be the key of the activity item"
)
_kms_key: Final = _matching(
    r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+", "it is not the ARN of a KMS key (an alias is none)"
)
_schedule_form: Final = _matching(
    r"cron\(\s*[^()\s]+(\s+[^()\s]+){5}\s*\)|rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)",
    "EventBridge does not accept it",
)
_origin: Final = _matching(
    r"\*|https?://[A-Za-z0-9.-]+(:\d{1,5})?", "it is not an origin (an origin has no path and no slash at the end)"
)

REQUIRED: Final = "required"
NO_DEFAULT: Final = "none"

# Multi-AZ DB clusters cannot be stopped:
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/multi-az-db-clusters-concepts.Limitations.html
_DATABASES: Final = "comma-separated ids of RDS instances, an Aurora cluster as cluster:<id>"
_IDENTIFIER: Final = (
    "an RDS identifier (letters, digits and single hyphens between them; begins with a letter; at most 63 characters)"
)
_KEY: Final = "1 to 1,000 characters; the part before any / is not rds_lifecycle, rds_history or rds_access"
_SCHEDULE: Final = "cron(...) with six fields, or rate(...), such as cron(0 7 ? * MON-FRI *)"
_METRIC: Final = "auto, none, or an AWS/RDS metric, > and a number, such as DatabaseConnections>0"
_ENTRIES: Final = (
    "comma-separated name:role:sha256, with role viewer, reporter or operator (make token prints an entry)"
)
_ORIGIN: Final = "an origin such as https://dashboard.example.com, or *"
_INTERVAL: Final = "whole minutes, 1 or more"
_KMS_KEY: Final = "an ARN such as arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

SETTINGS: Final = (
    Setting("DATABASES", "databases", REQUIRED, _databases, _DATABASES),
    Setting("METADATA_TABLE", "metadata_table", "system-metadata", _table, "the name of a DynamoDB table"),
    Setting("ACTIVITY_KEY", "activity_key", "last_rds_query_time", _key, _KEY),
    Setting("IDLE_MINUTES", "idle_timeout", "60", _minutes, "a number over 0, fractions allowed"),
    Setting("CHECK_INTERVAL_MINUTES", "check_interval", "15", _whole_minutes, _INTERVAL, deploy_time=True),
    Setting("WARM_UP_SCHEDULE", "warm_up_schedule", NO_DEFAULT, _schedule, _SCHEDULE, deploy_time=True),
    Setting("ACTIVITY_METRIC", "activity_metric", "auto", _metric, _METRIC),
    Setting("ACCESS_TOKENS", "access_tokens", NO_DEFAULT, _tokens, _ENTRIES, secret=True),
    Setting("CORS_ORIGIN", "cors_origin", NO_DEFAULT, _origin, _ORIGIN, deploy_time=True),
    Setting("DASHBOARD_URL", "dashboard_url", NO_DEFAULT, _url, "an http or https address", deploy_time=True),
    Setting("HOURLY_COST_USD", "hourly_cost_usd", NO_DEFAULT, _cost, "a number, 0 or more"),
    Setting("TABLE_KMS_KEY", "table_kms_key", NO_DEFAULT, _kms_key, _KMS_KEY),
)
"""Every environment variable that the app reads."""

SETTING_NAMES: Final = tuple(setting.name for setting in SETTINGS)
