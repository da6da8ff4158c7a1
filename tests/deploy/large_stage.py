"""A stage whose settings do not fit into the environment of a function."""

import hashlib
import random

from chalicelib.settings import Role

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def database_ids(count: int, length: int) -> list[str]:
    """Ids without a common part, so that no compression would help."""
    chosen = random.Random(7)  # noqa: S311 - repeatable, no secret
    return ["d" + "".join(chosen.choices(_ALPHABET, k=length - 1)) for _ in range(count)]


def tokens(count: int) -> str:
    """ACCESS_TOKENS with so many entries; the token of entry 3 is "token-3"."""
    return ",".join(
        f"caller-{number:02}:{Role.OPERATOR}:{hashlib.sha256(f'token-{number}'.encode()).hexdigest()}"
        for number in range(count)
    )


LARGE_SETTINGS = {"DATABASES": ",".join(database_ids(100, 40)), "ACCESS_TOKENS": tokens(16)}
