"""Our errors as application/problem+json (RFC 9457): one table."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from chalicelib.domain import errors
from chalicelib.settings import SettingsError

CONTENT_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of error is answered. ``retry_after`` is in seconds."""

    slug: str
    title: str
    status: HTTPStatus
    retry_after: int | None = None


_KINDS: Final[dict[type[Exception], Kind]] = {
    errors.UnknownDatabase: Kind("unknown-database", "Unknown database", HTTPStatus.NOT_FOUND),
    errors.DatabaseNotFound: Kind("database-not-found", "Database not found at RDS", HTTPStatus.NOT_FOUND),
    errors.BadRequest: Kind("bad-request", "Bad request", HTTPStatus.BAD_REQUEST),
    errors.CannotStart: Kind("cannot-start", "The database cannot be started", HTTPStatus.CONFLICT),
    errors.CannotStop: Kind("cannot-stop", "The database cannot be stopped", HTTPStatus.CONFLICT),
    errors.InsufficientCapacity: Kind(
        "insufficient-capacity", "AWS has no capacity", HTTPStatus.SERVICE_UNAVAILABLE, retry_after=300
    ),
    errors.AccessDenied: Kind("missing-permission", "Missing permission", HTTPStatus.BAD_GATEWAY),
    errors.AwsError: Kind("aws-refused", "AWS refused", HTTPStatus.BAD_GATEWAY),
    errors.AwsUnavailable: Kind(
        "aws-unavailable", "AWS is unavailable", HTTPStatus.SERVICE_UNAVAILABLE, retry_after=15
    ),
    errors.WriteConflict: Kind("aws-unavailable", "Too busy", HTTPStatus.SERVICE_UNAVAILABLE, retry_after=5),
    SettingsError: Kind("invalid-settings", "The settings are wrong", HTTPStatus.INTERNAL_SERVER_ERROR),
}
_UNFORESEEN: Final = Kind("internal-error", "Internal error", HTTPStatus.INTERNAL_SERVER_ERROR)
_FRAMEWORK_DETAILS: Final[dict[int, str]] = {
    HTTPStatus.METHOD_NOT_ALLOWED: "This route does not know that method; the header Allow names those that it knows.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The Content-Type is not application/json. Leave it out, or send JSON.",
}
_SETTINGS_DETAIL: Final = "The settings of this deployment are wrong. The operator finds the list in the log."
_UNFORESEEN_DETAIL: Final = "A fault in rds-lifecycle itself. The operator finds its trace in the log."


@dataclass(frozen=True, slots=True)
class ProblemAnswer:
    """Status, headers and body of an error's answer."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


def slug_of(error: errors.Problem | SettingsError) -> str:
    """The error's slug, as in the ``type`` of its answer."""
    return _KINDS.get(type(error), _UNFORESEEN).slug


def problem_response(error: errors.Problem | SettingsError, request_id: str) -> ProblemAnswer:
    """The answer to an error: only what is meant for people, and the request id that finds the rest in the log."""
    kind = _KINDS.get(type(error), _UNFORESEEN)
    detail = _SETTINGS_DETAIL if isinstance(error, SettingsError) else error.detail
    headers = {} if kind.retry_after is None else {"Retry-After": str(kind.retry_after)}
    return _answer(kind.slug, kind.title, kind.status, detail, request_id, headers)


def answer_framework_problem(status: int, headers: dict[str, str], request_id: str) -> ProblemAnswer:
    """An error that Chalice itself answered (405, 415, …), in our form and our words. ``headers`` are kept."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        kind, detail = _UNFORESEEN, _UNFORESEEN_DETAIL
        return _answer(kind.slug, kind.title, kind.status, detail, request_id, headers)
    detail = _FRAMEWORK_DETAILS.get(status, "The request is not understood.")
    phrase = HTTPStatus(status).phrase
    return _answer(phrase.lower().replace(" ", "-"), phrase, status, detail, request_id, headers)


def _answer(slug: str, title: str, status: int, detail: str, request_id: str, headers: dict[str, str]) -> ProblemAnswer:
    body = {
        "type": f"urn:rds-lifecycle:{slug}",
        "title": title,
        "status": int(status),
        "detail": detail,
        "instance": f"urn:uuid:{request_id}",
    }
    return ProblemAnswer(int(status), {**headers, "Content-Type": CONTENT_TYPE}, body)
