"""Errors as application/problem+json (RFC 9457)."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from chalicelib.domain import errors
from chalicelib.settings import SettingsError

CONTENT_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """The response to one type of error. ``retry_after`` is in seconds."""

    title: str
    status: HTTPStatus
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class ProblemResponse:
    """Status, headers and body of the response to an error."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


_INTERNAL_ERROR: Final = ProblemType("Internal error", HTTPStatus.INTERNAL_SERVER_ERROR)
_TYPES: Final[dict[type[Exception], ProblemType]] = {
    errors.UnknownDatabase: ProblemType("Unknown database", HTTPStatus.NOT_FOUND),
    errors.DatabaseNotFound: ProblemType("Database not found at RDS", HTTPStatus.NOT_FOUND),
    errors.BadRequest: ProblemType("Bad request", HTTPStatus.BAD_REQUEST),
    errors.CannotStart: ProblemType("The database cannot be started", HTTPStatus.CONFLICT),
    errors.CannotStop: ProblemType("The database cannot be stopped", HTTPStatus.CONFLICT),
    errors.InsufficientCapacity: ProblemType("AWS has no capacity", HTTPStatus.SERVICE_UNAVAILABLE, retry_after=300),
    errors.AccessDenied: ProblemType("Missing permission", HTTPStatus.BAD_GATEWAY),
    errors.AwsError: ProblemType("AWS refused the call", HTTPStatus.BAD_GATEWAY),
    errors.AwsUnavailable: ProblemType("AWS is unavailable", HTTPStatus.SERVICE_UNAVAILABLE, retry_after=15),
    errors.WriteConflict: ProblemType("Too many requests at once", HTTPStatus.SERVICE_UNAVAILABLE, retry_after=5),
    SettingsError: ProblemType("The settings are wrong", HTTPStatus.INTERNAL_SERVER_ERROR),
}
_FRAMEWORK_DETAILS: Final[dict[int, str]] = {
    HTTPStatus.METHOD_NOT_ALLOWED: "This route does not support the method. The Allow header lists the supported ones.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The Content-Type is not application/json. Leave it out, or send JSON.",
}
_SETTINGS_DETAIL: Final = "The settings of this deployment are wrong. The log lists the errors."
_INTERNAL_DETAIL: Final = "Internal error. The log contains the stack trace."


def problem_response(error: errors.Problem | SettingsError, request_id: str) -> ProblemResponse:
    """The response to an error, with the request id of the log lines that have the details."""
    problem = _TYPES.get(type(error), _INTERNAL_ERROR)
    detail = _SETTINGS_DETAIL if isinstance(error, SettingsError) else error.detail
    headers = {} if problem.retry_after is None else {"Retry-After": str(problem.retry_after)}
    return _response(error.slug, problem.title, problem.status, detail, request_id, headers)


def framework_problem_response(status: int, headers: dict[str, str], request_id: str) -> ProblemResponse:
    """The response to an error that Chalice itself detected (405, 415, …). ``headers`` are kept."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        title, code = _INTERNAL_ERROR.title, _INTERNAL_ERROR.status
        return _response(errors.Problem.slug, title, code, _INTERNAL_DETAIL, request_id, headers)
    detail = _FRAMEWORK_DETAILS.get(status, "The request is not valid.")
    title = HTTPStatus(status).phrase
    return _response(title.lower().replace(" ", "-"), title, status, detail, request_id, headers)


def _response(
    slug: str, title: str, status: int, detail: str, request_id: str, headers: dict[str, str]
) -> ProblemResponse:
    body = {
        "type": f"urn:rds-lifecycle:{slug}",
        "title": title,
        "status": int(status),
        "detail": detail,
        "instance": f"urn:uuid:{request_id}",
    }
    return ProblemResponse(int(status), {**headers, "Content-Type": CONTENT_TYPE}, body)
