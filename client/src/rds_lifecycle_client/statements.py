"""Which statements are use of a database, and which only ask whether it is there or set up a connection."""

import re
from typing import Final

# A statement longer than this does something.
_LONGEST: Final = 500
# Groups that match once and for all, so that no text, however made, takes long to judge.
_BLANK: Final = r"(?>\s|/\*(?>.*?\*/)|--[^\n]*)"
_GAP: Final = f"{_BLANK}++"
_LITERAL: Final = rf"(?:\d+|'[^']*'|true|false|null)(?:::\w+)?(?:{_GAP}as{_GAP}\"?\w+\"?)?"
_NO_USE: Final = re.compile(
    rf"{_BLANK}*+(?:"
    rf"select{_GAP}{_LITERAL}|select{_GAP}(?:pg_catalog\.)?(?:version|current_schema|now)\(\)|values{_GAP}\(\d+\)"
    rf"|(?:begin|start{_GAP}transaction|commit|end|rollback|abort|savepoint|release|set|reset|show|discard|deallocate"
    rf"|listen|unlisten)\b[^;]*)?(?>{_BLANK}|;)*+",
    re.IGNORECASE | re.DOTALL,
)


def is_use(statement: str) -> bool:
    """Whether the statement uses the database.

    ``SELECT 1`` and the like, an empty statement, the limits of transactions and a connection's settings do not: a
    pool that looks after its connections must not keep a database awake.
    """
    if len(statement) > _LONGEST:
        return True
    return _NO_USE.fullmatch(statement) is None
