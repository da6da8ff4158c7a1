"""Who may do what: tokens, roles and the routes of each role."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from chalicelib.settings import AccessToken, Role


@dataclass(frozen=True, slots=True)
class RouteGrant:
    """Routes that a role may call: ``*`` in the path stands for anything."""

    path: str
    methods: tuple[str, ...]


# "Optional whitespace" of RFC 9110; any other blank is part of the token.
_BLANKS: Final = " \t"

_READ: Final = (RouteGrant("/databases", ("GET",)), RouteGrant("/databases/*", ("GET",)))
_REPORT: Final = (RouteGrant("/databases/*/activity", ("POST",)),)
_OPERATE: Final = (RouteGrant("/databases/*", ("POST", "PUT", "DELETE")),)


def bearer(header: str, tokens: Iterable[AccessToken]) -> AccessToken | None:
    """Whose token the Authorization header carries; None where it carries none that is known. Never raises.

    All digests are compared, each in constant time, so that the time taken tells nothing.
    """
    scheme, _, token = header.strip(_BLANKS).partition(" ")
    token = token.strip(_BLANKS)
    if scheme.lower() != "bearer" or not token:
        return None
    # Half of a surrogate pair is no UTF-8, but two different headers must not have the same digest.
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
    matches = [entry for entry in tokens if hmac.compare_digest(entry.digest, digest)]
    return matches[0] if matches else None


def grants(role: Role) -> Sequence[RouteGrant]:
    """Everything that the role may call, whatever is being called now: API Gateway keeps the answer for minutes."""
    match role:
        case Role.VIEWER:
            return _READ
        case Role.REPORTER:
            return _READ + _REPORT
        case Role.OPERATOR:
            return _READ + _OPERATE
        case unexpected:
            assert_never(unexpected)
