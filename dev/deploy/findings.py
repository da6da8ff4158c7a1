"""What the checks before a deployment find: each finding is one line that ends with its remedy."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """An error would make the deployment, or a function of it, fail. A notice forbids nothing."""

    ERROR = "error"
    NOTICE = "notice"


@dataclass(frozen=True)
class Finding:
    """One line."""

    severity: Severity
    text: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.text}"


def error(text: str) -> Finding:
    """A finding that prevents the deployment."""
    return Finding(Severity.ERROR, text)


def notice(text: str) -> Finding:
    """A finding that prevents nothing."""
    return Finding(Severity.NOTICE, text)


def errors_of(findings: Iterable[Finding]) -> list[str]:
    """The texts of the errors."""
    return [finding.text for finding in findings if finding.severity is Severity.ERROR]


def notices_of(findings: Iterable[Finding]) -> list[str]:
    """The texts of the notices."""
    return [finding.text for finding in findings if finding.severity is Severity.NOTICE]


def print_notices(notices: Iterable[str]) -> None:
    """Print the notices of a deployment, one line each."""
    for text in notices:
        print(notice(text))


class NotReady(Exception):
    """Why nothing was changed: one line for each error, then one for each notice."""

    def __init__(self, errors: Iterable[str], notices: Iterable[str] = ()) -> None:
        self.errors = tuple(errors)
        lines = [*self.errors, *(str(notice(text)) for text in notices)]
        super().__init__("Nothing was changed:\n  " + "\n  ".join(lines))
