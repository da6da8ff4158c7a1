"""The parts of rds-lifecycle's API model that a backend needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, Self


class State(StrEnum):
    """The database states of rds-lifecycle's API. An unknown state is read as busy."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    BUSY = "busy"
    FAILED = "failed"

    @classmethod
    def _missing_(cls, _: object) -> "State":
        return cls.BUSY


@dataclass(frozen=True, slots=True)
class Database:
    """One database, as rds-lifecycle described it."""

    id: str
    state: State
    status: str
    ready: bool
    detail: str
    stops_at: datetime | None = None
    hold_until: datetime | None = None
    restart_requested_at: datetime | None = None
    estimated_ready_at: datetime | None = None

    @property
    def start_pending(self) -> bool:
        """Whether the database is starting, or will start without another request."""
        return self.state is State.STARTING or self.restart_requested_at is not None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Parse a Database of the API. Raises KeyError, TypeError or ValueError if the body is not one."""
        return cls(
            id=str(body["id"]),
            state=State(body["state"]),
            status=str(body["status"]),
            ready=bool(body["ready"]),
            detail=str(body["detail"]),
            stops_at=_parse_time(body.get("stops_at")),
            hold_until=_parse_time(body.get("hold_until")),
            restart_requested_at=_parse_time(body.get("restart_requested_at")),
            estimated_ready_at=_parse_time(body.get("estimated_ready_at")),
        )


@dataclass(frozen=True, slots=True)
class RestartResult:
    """The response to a restart request. ``retry_after`` is in seconds, or None if the response had no such header."""

    message: str
    database: Database
    retry_after: float | None


class RestartTarget(Protocol):
    """Something that accepts restart requests: the HTTP API or the Lambda function."""

    def restart(self) -> RestartResult:
        """Request a restart. Raises Unavailable, RequestRejected or CannotStart."""
        ...


class ActivitySink(Protocol):
    """Something that accepts activity reports: the HTTP API or the activity item."""

    def report(self, at: datetime) -> None:
        """Report that the database was active at that time. May raise any exception; the caller retries later."""
        ...


def now_utc() -> datetime:
    """The current time."""
    return datetime.now(UTC)


def format_time(at: datetime) -> str:
    """UTC, ISO 8601 with ``Z``, whole seconds: the format of every time in rds-lifecycle."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def round_up(at: datetime) -> datetime:
    """Round up to a whole second. Rounding down would shorten the idle timeout."""
    return at if not at.microsecond else at.replace(microsecond=0) + timedelta(seconds=1)


def _parse_time(text: object) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text)).astimezone(UTC)
