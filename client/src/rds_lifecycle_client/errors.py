"""The exceptions that the client raises."""


class LifecycleError(Exception):
    """Base class. The message is a sentence for users."""


class Unavailable(LifecycleError):
    """No response, or a response that can be retried, after ``retry_after`` seconds if the response gave a time."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class RequestRejected(LifecycleError):
    """A response that a retry does not change: an invalid token, an unknown database, a missing permission."""


class CannotStart(LifecycleError):
    """The database has failed, or RDS cannot start it: manual action is required."""


class WaitTimeout(LifecycleError):
    """The database was not ready before the timeout."""


class NotConfigured(LifecycleError):
    """Settings are missing or invalid. ``errors`` has one line for each error."""

    def __init__(self, errors: tuple[str, ...]) -> None:
        self.errors = errors
        super().__init__("rds-lifecycle-client is not configured:\n  " + "\n  ".join(errors))
