"""Warm functions: what the app adds to its AWS calls, and what a check with nothing to do costs."""

import json
import statistics
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.canned_aws import CannedAwsClient, Call, canned_aws
from benchmarks.subjects import BARE, Subject, Comparison, Subjects
from benchmarks.results import Section, Result, Progress, Table
from benchmarks.spread import Spread
from tests.deploy.lambda_runtime import Function

ROUNDS: Final = 200
GOAL_ADDED: Final = 0.002
GOAL_OWN_WORK: Final = 0.005
GOAL_CALLS: Final = 2
_UNMEASURED: Final = 10
_CHECKS_LOGGED: Final = 10

# What Lambda itself writes for each invocation: "Log formats" in the Lambda developer guide.
_REQUEST: Final = "RequestId: 01234567-89ab-cdef-0123-456789abcdef"
_PLATFORM_LINES: Final = (
    f"START {_REQUEST} Version: $LATEST\n",
    f"END {_REQUEST}\n",
    f"REPORT {_REQUEST}\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 512 MB\tMax Memory Used: 90 MB\t\n",
)


@dataclass(frozen=True, slots=True)
class Served:
    """One operation's requests, in seconds each: the app's, those of its bare AWS calls, the plain handler's."""

    name: str
    calls: tuple[Call, ...]
    app: Spread
    bare: Spread
    plain: Spread

    @property
    def added(self) -> float:
        """Seconds that the app adds to its AWS calls made one after the other, by the medians."""
        return self.app.median - self.bare.median


@dataclass(frozen=True, slots=True)
class Work:
    """CPU seconds of one check with nothing to do, and of its AWS calls made bare by boto3."""

    whole: float
    calls: float

    @property
    def own(self) -> float:
        """What the app itself adds."""
        return self.whole - self.calls


@dataclass(frozen=True, slots=True)
class Logged:
    """What one check with nothing to do writes to its log: the app's own lines, and the three of Lambda itself."""

    lines: float
    bytes: float
    metric_lines: int
    platform_lines: int = len(_PLATFORM_LINES)
    platform_bytes: int = sum(len(line) for line in _PLATFORM_LINES)


@dataclass(frozen=True, slots=True)
class Warm:
    """What was measured."""

    served: tuple[Served, ...]
    check: Work
    logged: Logged
    rounds: int


def measure(progress: Progress, subjects: Subjects, rounds: int = ROUNDS) -> Warm:
    """The three of a match have their turns in every round."""
    with canned_aws() as aws:
        served = tuple(serve(progress, comparison, aws, rounds) for comparison in subjects.comparisons)
        check = subjects.comparisons[-1]
        progress("warm: a check's own work, and its log")
        work = own_work(check, served[-1].calls, aws, rounds)
        return Warm(served, work, log_of(check.app, aws), rounds)


def serve(progress: Progress, comparison: Comparison, aws: CannedAwsClient, rounds: int) -> Served:
    """Requests to the app, to its bare calls and to the plain handler, in turns."""
    progress(f"warm: {comparison.name}, {rounds} rounds")
    with ExitStack() as stack:
        app, bare, plain = (
            stack.enter_context(subject.start(aws.environ)) for subject in (comparison.app, comparison.bare, comparison.plain)
        )
        calls = calls_of(app, comparison.app.event, aws)
        turns = ((app, comparison.app.event), (bare, calls), (plain, comparison.plain.event))
        times = [[_seconds(*turn) for turn in turns] for _ in range(rounds + _UNMEASURED)][_UNMEASURED:]
    spreads = [Spread.of(column) for column in zip(*times, strict=True)]
    return Served(comparison.name, calls, *spreads)


def calls_of(function: Function, event: Any, aws: CannedAwsClient) -> tuple[Call, ...]:
    """The AWS calls of one invocation, by their order."""
    aws.calls()
    function.invoke(event)
    return tuple(aws.calls())


def _seconds(function: Function, event: Any) -> float:
    began = time.perf_counter()
    function.invoke(event)
    return time.perf_counter() - began


def own_work(check: Comparison, calls: Sequence[Call], aws: CannedAwsClient, rounds: int) -> Work:
    """By the medians of so many rounds in one process, in which checks and the same AWS calls made bare take turns."""
    code, interpreter = (BARE / "own_work.py").read_text(), check.app.interpreter
    command = interpreter.command(code, json.dumps(check.app.event), json.dumps(calls), str(rounds + _UNMEASURED))
    command[command.index(code) + 1] += f":{BARE}"
    environ = {**aws.environ, "AWS_DEFAULT_REGION": "us-east-1", **check.app.environ}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    times = json.loads(done.stdout.splitlines()[-1])[_UNMEASURED:]
    app, bare = zip(*times, strict=True)
    return Work(statistics.median(app), statistics.median(bare))


def log_of(check: Subject, aws: CannedAwsClient) -> Logged:
    """The lines of some checks, by their number."""
    with check.start(aws.environ) as function:
        for _ in range(_CHECKS_LOGGED):
            function.invoke(check.event)
    lines = function.lines
    return Logged(
        len(lines) / _CHECKS_LOGGED,
        sum(len(line.encode()) for line in lines) / _CHECKS_LOGGED,
        sum("_aws" in entry for entry in function.entries()),
    )


def section(warm: Warm) -> Section:
    """The warm functions as a reader sees them."""
    check, logged = warm.served[-1], warm.logged
    results = [
        Result(f"Warm {s.name}: added to its AWS calls", s.added * 1000, "ms", GOAL_ADDED * 1000) for s in warm.served
    ]
    results += [
        Result("A check with nothing to do: AWS calls", len(check.calls), "calls", GOAL_CALLS),
        Result("A check with nothing to do: its own work", warm.check.own * 1000, "ms of CPU", GOAL_OWN_WORK * 1000),
        Result("A check with nothing to do: lines of its log", logged.lines, "lines", 1),
        Result("A check with nothing to do: bytes of its log", logged.bytes, "bytes"),
        Result("A check with nothing to do: metrics sent", logged.metric_lines, "metrics", 0),
    ]
    return Section(
        "Warm functions",
        f"Requests to functions that are up, one after the other, {warm.rounds} each in turns, on an AWS that answers "
        f"at once: the app, the same AWS calls made bare by boto3 one after the other, and the plain handler, which "
        f"makes fewer. The runtime client's own time is in all three. Milliseconds, median and quartiles. Own work is "
        f"the CPU time of a check without that of its AWS calls. Lambda writes {logged.platform_lines} lines of "
        f"{logged.platform_bytes} bytes of its own to the log of each invocation.",
        (_table(warm),),
        tuple(results),
    )


def _table(warm: Warm) -> Table:
    head = ("operation", "AWS calls", "app, ms", "quartiles", "requests/s", "bare calls, ms", "quartiles", "requests/s")
    rows = tuple(
        (s.name, str(len(s.calls)), *_columns(s.app), *_columns(s.bare), *_columns(s.plain)) for s in warm.served
    )
    return Table((*head, "plain handler, ms", "quartiles", "requests/s"), rows)


def _columns(spread: Spread) -> tuple[str, str, str]:
    median, quartiles = spread.in_milliseconds(1)
    return median, quartiles, f"{1 / spread.median:.0f}"
