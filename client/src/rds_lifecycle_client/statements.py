"""Which statements are use of a database, and which only ask whether it is there or set up a connection."""

import re
from typing import Final

# A statement longer than this does something.
_LONGEST: Final = 500
# Groups that match once and for all, so that no text, however made, takes long to judge.
_BLANK: Final = r"(?>\s|/\*(?>.*?\*/)|--[^\n]*)"
_GAP: Final = f"{_BLANK}++"
_LITERAL: Final = r"(?:\d+|'[^']*'|true|false|null)"
# "System Information Functions" and "Date/Time Functions" in the PostgreSQL manual: what a health check may ask for.
_OF_THE_SERVER: Final = (
    "clock_timestamp", "current_catalog", "current_database", "current_date", "current_role", "current_schema",
    "current_setting", "current_time", "current_timestamp", "current_user", "inet_server_addr", "inet_server_port",
    "localtime", "localtimestamp", "now", "pg_backend_pid", "pg_is_in_recovery", "pg_postmaster_start_time",
    "session_user", "statement_timestamp", "transaction_timestamp", "user", "version",
)  # fmt: skip
_ASKED: Final = rf"(?:pg_catalog\.)?(?:{'|'.join(_OF_THE_SERVER)})(?:\((?:{_LITERAL}(?:,{_BLANK}*+{_LITERAL})*+)?\))?"
_NAMED: Final = rf"(?:{_LITERAL}|{_ASKED})(?:::\w++)?(?:{_GAP}as{_GAP}(?:\w++|\"[^\"]*+\"))?"
_NO_USE: Final = re.compile(
    rf"{_BLANK}*+(?:"
    rf"select{_GAP}{_NAMED}(?:{_BLANK}*+,{_BLANK}*+{_NAMED})*+|values{_GAP}\(\d+\)"
    rf"|(?:begin|start{_GAP}transaction|commit|end|rollback|abort|savepoint|release|set|reset|show|discard|deallocate"
    rf"|listen|unlisten)\b[^;]*)?(?>{_BLANK}|;)*+",
    re.IGNORECASE | re.DOTALL,
)


def is_activity(statement: str) -> bool:
    """Whether the statement uses the database.

    An empty statement, the limits of transactions and a connection's settings do not, and neither does a SELECT of
    nothing but literals and of what a server says of itself, such as ``SELECT 1`` or ``SELECT now()``: a pool that
    looks after its connections must not keep a database awake. All else does, other functions included.
    """
    if len(statement) > _LONGEST:
        return True
    return _NO_USE.fullmatch(statement) is None
