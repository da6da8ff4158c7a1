"""Warm functions: the time that the app adds to its AWS calls, and the work of a check with nothing to do."""

import json
import statistics
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.canned_aws import Call, CannedAwsClient, canned_aws
from benchmarks.results import Progress, Result, Section, Table
from benchmarks.spread import Spread
from benchmarks.subjects import BARE, Comparison, Subject, Subjects
from tests.deploy.lambda_runtime import Function

ROUNDS: Final = 200
GOAL_ADDED: Final = 0.002
GOAL_OWN_WORK: Final = 0.005
GOAL_CALLS: Final = 2
_UNMEASURED: Final = 10
_CHECKS_LOGGED: Final = 10

# The lines that Lambda writes for each invocation:
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
_REQUEST: Final = "RequestId: 01234567-89ab-cdef-0123-456789abcdef"
_PLATFORM_LINES: Final = (
    f"START {_REQUEST} Version: $LATEST\n",
    f"END {_REQUEST}\n",
    f"REPORT {_REQUEST}\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 512 MB\tMax Memory Used: 90 MB\t\n",
)


@dataclass(frozen=True, slots=True)
class Served:
    """The seconds of one operation's requests: to the app, to its bare AWS calls, and to the plain handler."""

    name: str
    calls: tuple[Call, ...]
    app: Spread
    bare: Spread
    plain: Spread

    @property
    def added(self) -> float:
        """The seconds that the app adds to its AWS calls made one after the other, by the medians."""
        return self.app.median - self.bare.median


@dataclass(frozen=True, slots=True)
class Work:
    """The CPU seconds of one check with nothing to do, and of the same AWS calls made by boto3 alone."""

    whole: float
    calls: float

    @property
    def own(self) -> float:
        """The CPU time that the app adds."""
        return self.whole - self.calls


@dataclass(frozen=True, slots=True)
class Logged:
    """The log of one check with nothing to do: the lines of the app, and the three lines of Lambda."""

    lines: float
    bytes: float
    metric_lines: int
    platform_lines: int = len(_PLATFORM_LINES)
    platform_bytes: int = sum(len(line) for line in _PLATFORM_LINES)


@dataclass(frozen=True, slots=True)
class Warm:
    """All measurements."""

    served: tuple[Served, ...]
    check: Work
    logged: Logged
    rounds: int


def measure(progress: Progress, subjects: Subjects, rounds: int = ROUNDS) -> Warm:
    """The three functions of a comparison alternate."""
    with canned_aws() as aws:
        served = tuple(serve(progress, comparison, aws, rounds) for comparison in subjects.comparisons)
        check = subjects.comparisons[-1]
        progress("warm: a check's own work, and its log")
        work = own_work(check, served[-1].calls, aws, rounds)
        return Warm(served, work, log_of(check.app, aws), rounds)


def serve(progress: Progress, comparison: Comparison, aws: CannedAwsClient, rounds: int) -> Served:
    """Send requests to the app, to its bare calls and to the plain handler, alternately."""
    progress(f"warm: {comparison.name}, {rounds} rounds")
    with ExitStack() as stack:
        app, bare, plain = (
            stack.enter_context(subject.start(aws.environ))
            for subject in (comparison.app, comparison.bare, comparison.plain)
        )
        calls = calls_of(app, comparison.app.event, aws)
        requests = ((app, comparison.app.event), (bare, calls), (plain, comparison.plain.event))
        times = [[_seconds(*request) for request in requests] for _ in range(rounds + _UNMEASURED)][_UNMEASURED:]
    spreads = [Spread.of(column) for column in zip(*times, strict=True)]
    return Served(comparison.name, calls, *spreads)


def calls_of(function: Function, event: Any, aws: CannedAwsClient) -> tuple[Call, ...]:
    """The AWS calls of one invocation, in their order."""
    aws.calls()
    function.invoke(event)
    return tuple(aws.calls())


def _seconds(function: Function, event: Any) -> float:
    began = time.perf_counter()
    function.invoke(event)
    return time.perf_counter() - began


def own_work(check: Comparison, calls: Sequence[Call], aws: CannedAwsClient, rounds: int) -> Work:
    """The medians of this many rounds in one process, in which checks and the same bare AWS calls alternate."""
    code, interpreter = (BARE / "own_work.py").read_text(), check.app.interpreter
    command = interpreter.command(code, json.dumps(check.app.event), json.dumps(calls), str(rounds + _UNMEASURED))
    command[command.index(code) + 1] += f":{BARE}"
    environ = {**aws.environ, "AWS_DEFAULT_REGION": "us-east-1", **check.app.environ}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    times = json.loads(done.stdout.splitlines()[-1])[_UNMEASURED:]
    app, bare = zip(*times, strict=True)
    return Work(statistics.median(app), statistics.median(bare))


def log_of(check: Subject, aws: CannedAwsClient) -> Logged:
    """The log of an average check."""
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
    """The section of the warm functions."""
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
        f"Requests to warm functions, one after the other, {warm.rounds} each, alternately, on an AWS that responds at "
        f"once: the app, the same AWS calls made by boto3 alone, one after the other, and the plain handler, which "
        f"makes fewer calls. All three include the time of the runtime client. Median and quartiles, in milliseconds. "
        f"Own work is the CPU time of a check without that of its AWS calls. Lambda adds {logged.platform_lines} lines "
        f"of together {logged.platform_bytes} bytes to the log of each invocation.",
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
