"""Distinguishes statements that count as activity from health checks and connection setup."""

import re
from typing import Final

# Health checks are shorter.
_MAX_LENGTH: Final = 500
# Possessive quantifiers and atomic groups: the regular expression never backtracks, whatever the input.
_BLANK: Final = r"(?>\s|/\*(?>.*?\*/)|--[^\n]*)"
_GAP: Final = f"{_BLANK}++"
_LITERAL: Final = r"(?:\d+|'[^']*'|true|false|null)"
# Functions about the server and the session that health checks call.
# https://www.postgresql.org/docs/current/functions-info.html
# https://www.postgresql.org/docs/current/functions-datetime.html
_SERVER_FUNCTIONS: Final = (
    "clock_timestamp", "current_catalog", "current_database", "current_date", "current_role", "current_schema",
    "current_setting", "current_time", "current_timestamp", "current_user", "inet_server_addr", "inet_server_port",
    "localtime", "localtimestamp", "now", "pg_backend_pid", "pg_is_in_recovery", "pg_postmaster_start_time",
    "session_user", "statement_timestamp", "transaction_timestamp", "user", "version",
)  # fmt: skip
_CALL: Final = rf"(?:pg_catalog\.)?(?:{'|'.join(_SERVER_FUNCTIONS)})(?:\((?:{_LITERAL}(?:,{_BLANK}*+{_LITERAL})*+)?\))?"
_COLUMN: Final = rf"(?:{_LITERAL}|{_CALL})(?:::\w++)?(?:{_GAP}as{_GAP}(?:\w++|\"[^\"]*+\"))?"
_NOT_ACTIVITY: Final = re.compile(
    rf"{_BLANK}*+(?:"
    rf"select{_GAP}{_COLUMN}(?:{_BLANK}*+,{_BLANK}*+{_COLUMN})*+|values{_GAP}\(\d+\)"
    rf"|(?:begin|start{_GAP}transaction|commit|end|rollback|abort|savepoint|release|set|reset|show|discard|deallocate"
    rf"|listen|unlisten)\b[^;]*)?(?>{_BLANK}|;)*+",
    re.IGNORECASE | re.DOTALL,
)


def is_activity(statement: str) -> bool:
    """Return whether the statement counts as database activity.

    Empty statements, transaction control and session settings do not count, and neither does a SELECT of only literals
    and functions about the server, such as ``SELECT 1`` or ``SELECT now()``: otherwise the health checks of a
    connection pool would keep an idle database available. Every other statement counts, and every other function.
    """
    if len(statement) > _MAX_LENGTH:
        return True
    return _NOT_ACTIVITY.fullmatch(statement) is None
