"""The output of `make run`: one readable line for each event, made of the app's JSON log."""

import io
import json
import re
import sys
import threading
from datetime import datetime
from typing import Any, Final, TextIO

_REQUEST: Final = re.compile(r'^\S+ - - \[[^]]*\] "(?P<request>\S+ \S+) \S+" (?P<status>\d{3})')

_IGNORED: Final = ("Serving on", "Found credentials", "Found endpoint")


class Console:
    """Prints lines with a time before each. Thread-safe.

    Repetitions are left out: a decision that equals the one before it, and successful GET requests.
    """

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._last_decision: dict[str, tuple[str, ...]] = {}

    def log(self, subject: str, text: str) -> None:
        """Print one line about one subject."""
        self.plain(f"{datetime.now().astimezone():%H:%M:%S}  {subject:<9} {text}")

    def plain(self, text: str) -> None:
        """Print a line as it is."""
        with self._lock:
            self._out.write(f"{text}\n")
            self._out.flush()

    def show(self, line: str) -> None:
        """Print a line of the app's output: a JSON log entry, a request to chalice local, or other text."""
        line = line.rstrip()
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if isinstance(entry, dict):
            self._show_entry(entry)
        elif request := _REQUEST.match(line):
            if not (request["request"].startswith("GET ") and request["status"] == "200"):
                self.log("request", f"{request['request']} → {request['status']}")
        elif line and not line.startswith(_IGNORED):
            self.log("app", line)

    def _show_entry(self, entry: dict[str, Any]) -> None:
        database, message = entry.get("database", ""), entry.get("message", "")
        if "_aws" in entry:
            return
        if "action" in entry:
            decision = tuple(str(entry.get(field)) for field in ("state", "action", "reason"))
            if self._last_decision.get(database) != decision:
                self._last_decision[database] = decision
                state, action, reason = decision
                self.log("decision", f"{database} is {state}: {action} ({reason}). {message}")
        elif "event" in entry:
            by = f" by {entry['by']}" if entry.get("by") else ""
            self.log("history", f"{database}: {entry['event']}{by}. {message}")
        else:
            trace = f"\n{entry['exception']}" if "exception" in entry else ""
            self.log(str(entry.get("level", "app")).lower(), f"{database} {message}{trace}".strip())


class ConsoleStream(io.TextIOBase):
    """Replaces sys.stdout, and passes complete lines to a Console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rest = ""
        self._lock = threading.Lock()

    def writable(self) -> bool:
        """Always: it is written to only."""
        return True

    def write(self, text: str) -> int:
        """Pass on complete lines, and keep the rest."""
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._console.show(line)
        return len(text)
