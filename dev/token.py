"""`make token NAME=… ROLE=…`: creates a token and its entry for ACCESS_TOKENS."""

import argparse
import hashlib
import secrets
import sys

from chalicelib.settings import Role, SettingsError, read_settings


def entry(name: str, role: str, token: str) -> str:
    """The token's entry in ACCESS_TOKENS. Raises SettingsError where the name or the role is not valid there."""
    text = f"{name}:{role}:{hashlib.sha256(token.encode()).hexdigest()}"
    read_settings({"DATABASES": "any", "ACCESS_TOKENS": text})
    return text


def main() -> int:
    """Print the token and its entry; the token is stored nowhere."""
    parser = argparse.ArgumentParser(prog="make token", description=__doc__)
    parser.add_argument("--name", default="", help="who or what uses the token; appears in records and history")
    parser.add_argument("--role", default="", help=", ".join(Role))
    arguments = parser.parse_args()
    if missing := [name for name in ("name", "role") if not getattr(arguments, name)]:
        for name in missing:
            print(f"{name.upper()} is missing: make token NAME=dashboard ROLE=operator", file=sys.stderr)
        return 1
    if arguments.role not in tuple(Role):
        parser.error(f"ROLE: invalid choice: {arguments.role!r} (allowed: {', '.join(Role)})")
    token = secrets.token_urlsafe(32)
    try:
        line = entry(arguments.name, arguments.role, token)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Token (it cannot be shown again): {token}")
    print(f"Entry for ACCESS_TOKENS: {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
