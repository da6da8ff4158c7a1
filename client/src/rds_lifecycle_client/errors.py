"""What can go wrong when rds-lifecycle is asked for something."""


class LifecycleError(Exception):
    """Anything that rds-lifecycle could not do, in a sentence for people."""


class Unavailable(LifecycleError):
    """No answer, or one that says to try again: in ``retry_after`` seconds, where it says when."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class RequestRejected(LifecycleError):
    """An answer that trying again will not change: a wrong token, an unknown database, a missing permission."""


class CannotStart(LifecycleError):
    """The database has failed, or RDS cannot start it: a person has to see to it."""


class WaitTimeout(LifecycleError):
    """The database was not ready within the time that was given to it."""


class NotConfigured(LifecycleError):
    """The settings are missing or wrong. ``faults`` holds one line per fault."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = faults
        super().__init__("rds-lifecycle-client is not set up:\n  " + "\n  ".join(faults))
