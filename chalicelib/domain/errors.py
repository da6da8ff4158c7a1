"""The errors of the app. The text of each describes what happened and what to do."""

from typing import ClassVar, Final, Self

_SAVED: Final = "The request is saved and will be carried out. You do not need to send it again."


class Problem(Exception):
    """An error that is shown to users: ``message`` is what happened, ``remedy`` what to do.

    Both are safe to show. ``log_detail`` is for the log only: it may contain ARNs and the error message of AWS.
    ``slug`` identifies the error in responses and in the results of a check.
    """

    slug: ClassVar[str] = "internal-error"

    def __init__(self, message: str, remedy: str = "", *, log_detail: str = "") -> None:
        self.message = message
        self.log_detail = log_detail
        self.detail = f"{message} {remedy}".strip()
        super().__init__(f"{self.detail} [{log_detail}]" if log_detail else self.detail)

    def as_saved(self) -> Self:
        """The same problem where the request had been saved before it occurred."""
        return type(self)(self.message, _SAVED, log_detail=self.log_detail)


class UnknownDatabase(Problem):
    """The id is not in ``DATABASES``."""

    slug = "unknown-database"

    def __init__(self, database_id: str) -> None:
        super().__init__(
            "This deployment manages no database with that id.",
            "GET /databases lists the managed databases.",
            # ascii(): JSON can contain half of a surrogate pair, which cannot be written to the log.
            log_detail=ascii(database_id[:80]),
        )


class BadRequest(Problem):
    """The request itself is wrong."""

    slug = "bad-request"


class DatabaseNotFound(Problem):
    """RDS does not find a configured database."""

    slug = "database-not-found"


class AwsUnavailable(Problem):
    """AWS throttles, fails or does not respond."""

    slug = "aws-unavailable"


class AccessDenied(Problem):
    """The function's role lacks a permission."""

    slug = "missing-permission"


class AwsError(Problem):
    """AWS refused the call for a reason that a retry does not fix."""

    slug = "aws-refused"


class InsufficientCapacity(Problem):
    """AWS has no capacity for the database's instance class at the moment."""

    slug = "insufficient-capacity"


class CannotStart(Problem):
    """RDS cannot start the database until the cause is fixed manually."""

    slug = "cannot-start"


class CannotStop(Problem):
    """RDS cannot stop a database of this engine or deployment type."""

    slug = "cannot-stop"


class InvalidState(Problem):
    """RDS refused a call because of the database's state, which has changed since it was observed."""


class WriteConflict(Problem):
    """The record has been changed by another writer since it was read."""

    slug = "aws-unavailable"
