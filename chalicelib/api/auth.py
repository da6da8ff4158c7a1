"""Authentication and authorization: tokens, roles, and the routes that each role may call."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from chalicelib.settings import AccessToken, Role


@dataclass(frozen=True, slots=True)
class RouteGrant:
    """Routes that a role may call: ``*`` in the path matches anything."""

    path: str
    methods: tuple[str, ...]


# "Optional whitespace" of RFC 9110, 5.6.3; any other white space is part of the token.
_OPTIONAL_WHITESPACE: Final = " \t"

_READ: Final = (RouteGrant("/databases", ("GET",)), RouteGrant("/databases/*", ("GET",)))
_REPORT: Final = (RouteGrant("/databases/*/activity", ("POST",)),)
_OPERATE: Final = (RouteGrant("/databases/*", ("POST", "PUT", "DELETE")),)


def authenticate(header: str, tokens: Iterable[AccessToken]) -> AccessToken | None:
    """The access token in the Authorization header; None if the header has none of ``tokens``. Never raises.

    All digests are compared, each in constant time, so that the response time reveals nothing about them.
    """
    scheme, _, token = header.strip(_OPTIONAL_WHITESPACE).partition(" ")
    token = token.strip(_OPTIONAL_WHITESPACE)
    if scheme.lower() != "bearer" or not token:
        return None
    # Half of a surrogate pair is not valid UTF-8, but two different headers must not have the same digest.
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
    matches = [entry for entry in tokens if hmac.compare_digest(entry.digest, digest)]
    return matches[0] if matches else None


def route_grants(role: Role) -> Sequence[RouteGrant]:
    """All routes that the role may call, not only the requested one, because API Gateway caches the response.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
    """
    match role:
        case Role.VIEWER:
            return _READ
        case Role.REPORTER:
            return _READ + _REPORT
        case Role.OPERATOR:
            return _READ + _OPERATE
        case unexpected:
            assert_never(unexpected)
