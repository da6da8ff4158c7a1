"""What rds-lifecycle says of a database, as far as a backend needs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, Self


class State(StrEnum):
    """The states of rds-lifecycle's contract. One that this version does not know counts as busy."""

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
    """One database, as it stood when rds-lifecycle was asked."""

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
        """Whether it will take connections without being asked again."""
        return self.state is State.STARTING or self.restart_requested_at is not None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Read the contract's Database. Raises KeyError, TypeError or ValueError where it is none."""
        return cls(
            id=str(body["id"]),
            state=State(body["state"]),
            status=str(body["status"]),
            ready=bool(body["ready"]),
            detail=str(body["detail"]),
            stops_at=_time(body.get("stops_at")),
            hold_until=_time(body.get("hold_until")),
            restart_requested_at=_time(body.get("restart_requested_at")),
            estimated_ready_at=_time(body.get("estimated_ready_at")),
        )


@dataclass(frozen=True, slots=True)
class RestartResult:
    """The answer to a restart. ``retry_after`` is in seconds, None where the answer did not say."""

    message: str
    database: Database
    retry_after: float | None


class RestartTarget(Protocol):
    """A way to ask rds-lifecycle for a restart."""

    def restart(self) -> RestartResult:
        """Ask for it. Raises Unavailable, RequestRejected or CannotStart."""
        ...


class ActivitySink(Protocol):
    """Where the time of the last query is reported to."""

    def report(self, at: datetime) -> None:
        """The database was used at that time. May raise anything; it is tried again later."""
        ...


def now_utc() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


def format_time(at: datetime) -> str:
    """UTC, ISO 8601 with ``Z``, whole seconds: the form of every time of rds-lifecycle."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def round_up(at: datetime) -> datetime:
    """To the whole second: a use is reported no earlier than it was, so that the idle window is never short."""
    return at if not at.microsecond else at.replace(microsecond=0) + timedelta(seconds=1)


def _time(text: object) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text)).astimezone(UTC)
