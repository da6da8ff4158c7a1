"""Which statements are use of a database, and which only ask whether it is there or set up a connection."""

import re
from typing import Final

# A statement longer than this does something.
_LONGEST: Final = 500
_COMMENT: Final = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_LITERAL: Final = r"(?:\d+|'[^']*'|true|false|null)(?:::\w+)?(?:\s+as\s+\"?\w+\"?)?"
_NO_USE: Final = re.compile(
    rf"(?:select\s+{_LITERAL}|select\s+(?:pg_catalog\.)?(?:version|current_schema|now)\(\)|values\s*\(\s*\d+\s*\)"
    r"|(?:begin|start\s+transaction|commit|end|rollback|abort|savepoint|release|set|reset|show|discard|deallocate"
    r"|listen|unlisten)\b[^;]*)?[\s;]*",
    re.IGNORECASE,
)


def is_use(statement: str) -> bool:
    """Whether the statement uses the database.

    ``SELECT 1`` and the like, an empty statement, the limits of transactions and a connection's settings do not: a
    pool that looks after its connections must not keep a database awake.
    """
    if len(statement) > _LONGEST:
        return True
    return _NO_USE.fullmatch(_COMMENT.sub(" ", statement).strip()) is None
