"""What can go wrong, in the product's own terms. Each error says what happened, what it means and what to do."""

from typing import Final, Self

_KEPT: Final = "What was asked for is stored and will be carried out; there is no need to ask again."


class Problem(Exception):
    """Something that a person is told: what happened, and what to do.

    Both are safe to show; ``log_detail`` is for the operator only.
    """

    def __init__(self, what: str, todo: str = "", *, log_detail: str = "") -> None:
        self.what = what
        self.log_detail = log_detail
        self.detail = f"{what} {todo}".strip()
        super().__init__(f"{self.detail} [{log_detail}]" if log_detail else self.detail)

    def kept(self) -> Self:
        """The same problem, met after what was asked for had been stored: so nobody needs to ask twice."""
        return type(self)(self.what, _KEPT, log_detail=self.log_detail)


class UnknownDatabase(Problem):
    """The id is not in ``DATABASES``."""

    def __init__(self, database_id: str) -> None:
        super().__init__(
            "This deployment minds no database of that id.",
            "GET /databases lists the ones it minds.",
            # Half of a surrogate pair, as JSON can hold, cannot be written to the log.
            log_detail=ascii(database_id[:80]),
        )


class BadRequest(Problem):
    """The request itself is wrong."""


class DatabaseNotFound(Problem):
    """RDS does not know a configured database."""


class AwsUnavailable(Problem):
    """AWS throttles, fails or does not answer."""


class AccessDenied(Problem):
    """The function's role lacks a permission."""


class AwsError(Problem):
    """AWS refused for a reason that trying again does not mend."""


class InsufficientCapacity(Problem):
    """AWS has no room for the database's instance class at the moment."""


class CannotStart(Problem):
    """The database cannot be started until a person has mended something."""


class CannotStop(Problem):
    """RDS cannot stop a database of this make."""


class InvalidState(Problem):
    """RDS refused because the database is in another state than it was seen in: look again."""


class WriteConflict(Problem):
    """Somebody else changed the record in between: look again."""
