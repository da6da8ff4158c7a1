"""The output of `make run`."""

import io
import json

from dev.local.console import Console, ConsoleStream


def printed(*lines: str) -> list[str]:
    out = io.StringIO()
    console = Console(out)
    for line in lines:
        console.show(line)
    return [line[10:] for line in out.getvalue().splitlines()]


def test_decision__is_one_line_and_is_not_repeated() -> None:
    entry = {"database": "db", "state": "running", "action": "none", "reason": "held", "message": "Held."}
    changed = {**entry, "action": "stop", "reason": "idle", "message": "Idle."}
    lines = printed(*map(json.dumps, (entry, entry, changed, entry)))
    assert lines == [
        "decision  db is running: none (held). Held.",
        "decision  db is running: stop (idle). Idle.",
        "decision  db is running: none (held). Held.",
    ]


def test_decision__with_another_reason__is_printed_with_its_sentence() -> None:
    def decided(reason: str, message: str, action: str = "none") -> str:
        return json.dumps(
            {"database": "db", "state": "running", "action": action, "reason": reason, "message": message}
        )

    lines = printed(
        decided("recent-activity", "A restart was requested 5 s ago."),
        decided("unreported-connections", "3 connections were open 4 s ago."),
        decided("unreported-connections", "2 connections were open 1 s ago."),
        decided("unreported-connections", "7 connections were open 2 s ago."),
        decided("idle", "Idle for 2 min.", "stop"),
        decided("unreported-connections", "1 connection was open 1 s ago."),
    )
    assert lines == [
        "decision  db is running: none (recent-activity). A restart was requested 5 s ago.",
        "decision  db is running: none (unreported-connections). 3 connections were open 4 s ago.",
        "decision  db is running: stop (idle). Idle for 2 min.",
        "decision  db is running: none (unreported-connections). 1 connection was open 1 s ago.",
    ]


def test_decisions_of_two_databases__are_compared_separately() -> None:
    entry = {"state": "running", "action": "none", "reason": "held", "message": "Held."}
    first, second = ({**entry, "database": name} for name in ("one", "two"))
    assert printed(*map(json.dumps, (first, second, first, second))) == [
        "decision  one is running: none (held). Held.",
        "decision  two is running: none (held). Held.",
    ]


def test_events_and_errors__are_one_line_each() -> None:
    lines = printed(
        json.dumps({"database": "db", "event": "stopped", "by": "ops", "message": "It has stopped."}),
        json.dumps({"level": "WARNING", "message": "AWS does not respond."}),
        json.dumps({"level": "ERROR", "message": "An error.", "exception": "Traceback: boom"}),
        json.dumps({"_aws": {}, "Stops": [1]}),
    )
    assert lines[:2] == ["history   db: stopped by ops. It has stopped.", "warning   AWS does not respond."]
    assert lines[2] == "error     An error."
    assert len(lines) == 4


def test_requests__are_printed_unless_they_are_successful_reads() -> None:
    assert printed(
        '127.0.0.1 - - [02/Mar/2026 09:00:00] "POST /databases/db/restart HTTP/1.1" 202 -',
        '127.0.0.1 - - [02/Mar/2026 09:00:00] "GET /databases/db HTTP/1.1" 200 -',
        '127.0.0.1 - - [02/Mar/2026 09:00:00] "GET /databases/x HTTP/1.1" 404 -',
        "Found credentials in environment variables.",
        "something else",
        "",
    ) == ["request   POST /databases/db/restart → 202", "request   GET /databases/x → 404", "app       something else"]


def test_stream__passes_on_complete_lines() -> None:
    out = io.StringIO()
    stream = ConsoleStream(Console(out))
    assert stream.writable()
    stream.write("one and ")
    assert out.getvalue() == ""
    stream.write("the same\nrest")
    assert out.getvalue().endswith("app       one and the same\n")
