"""From the start of the process to the first response, and the memory in use by then."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.canned_aws import canned_aws
from benchmarks.results import Progress, Result, Section, Table
from benchmarks.spread import Spread
from benchmarks.subjects import MEMORY, Subject, Subjects

ROUNDS: Final = 20
GOAL: Final = 1.15


@dataclass(frozen=True, slots=True)
class Start:
    """One operation's cold starts and those of the plain handler, in seconds, and the peak memory, in bytes."""

    name: str
    app: Spread
    plain: Spread
    app_memory: int
    plain_memory: int

    @property
    def ratio(self) -> float:
        """The ratio of the medians."""
        return self.app.median / self.plain.median


@dataclass(frozen=True, slots=True)
class Cold:
    """All measurements. The sizes of the zips are in bytes."""

    starts: tuple[Start, ...]
    app_zip: int
    plain_zip: int
    rounds: int


def measure(progress: Progress, subjects: Subjects, rounds: int = ROUNDS) -> Cold:
    """All functions run in every round, so that other load on the machine affects all of them alike."""
    functions = list(
        dict.fromkeys(c for comparison in subjects.comparisons for c in (comparison.app, comparison.plain))
    )
    runs: dict[Subject, list[tuple[float, int]]] = {subject: [] for subject in functions}
    with canned_aws() as aws:
        for number in range(rounds + 1):
            progress(f"cold starts: round {number} of {rounds}")
            for subject in functions:
                run = _first_response(subject, aws.environ)
                if number:  # the first round fills the file cache
                    runs[subject].append(run)
    starts = tuple(
        _start(comparison.name, runs[comparison.app], runs[comparison.plain]) for comparison in subjects.comparisons
    )
    return Cold(starts, subjects.app_zip, subjects.plain_zip, rounds)


def _first_response(subject: Subject, aws: dict[str, str]) -> tuple[float, int]:
    began = time.perf_counter()
    with subject.start(aws) as function:
        function.invoke(subject.event)
        return time.perf_counter() - began, function.peak_memory()


def _start(name: str, app: Sequence[tuple[float, int]], plain: Sequence[tuple[float, int]]) -> Start:
    (app_seconds, app_memory), (plain_seconds, plain_memory) = zip(*app, strict=True), zip(*plain, strict=True)
    return Start(name, Spread.of(app_seconds), Spread.of(plain_seconds), max(app_memory), max(plain_memory))


def section(cold: Cold) -> Section:
    """The section of the cold starts."""
    results = [
        Result(f"Cold start of {start.name}, relative to a plain handler", start.ratio, "×", GOAL, _explanation(start))
        for start in cold.starts
    ]
    memory = max(start.app_memory for start in cold.starts)
    results.append(Result("Peak memory", memory / 1e6, "MB"))
    results.append(Result("Zip", cold.app_zip / 1e6, "MB"))
    return Section(
        "Cold starts",
        f"From the start of the process to the first response: the zip of `make package` and two plain handlers with "
        f"boto3 (`benchmarks/plain`), both with AWS's runtime client, alternately, {cold.rounds} runs each, on an AWS "
        f"that responds at once. Median and quartiles, in milliseconds. For both, Lambda adds the time to download the "
        f"zip and to create the execution environment, and a function of {MEMORY} MB has a third of a core. The "
        f"restart route is api_handler alone, without the authorizer, which is another function.",
        (_table(cold),),
        tuple(results),
    )


def _explanation(start: Start) -> str:
    """The app stores a restart before it calls RDS; the plain handler makes no call to DynamoDB."""
    if start.ratio <= GOAL or start.name == "check":
        return ""
    return (
        "Both make a client of RDS and one of DynamoDB. The plain start makes two AWS calls; the app makes three "
        "more, so that no restart is lost. These measures reduce the cold start: bytecode in the zip, no search "
        "through botocore's models, and fewer garbage collections."
    )


def _table(cold: Cold) -> Table:
    head = (
        "operation",
        "app, ms",
        "quartiles",
        "plain handler, ms",
        "quartiles",
        "ratio",
        "peak memory, MB",
        "plain, MB",
    )
    rows = tuple(
        (
            start.name,
            *start.app.in_milliseconds(),
            *start.plain.in_milliseconds(),
            f"{start.ratio:.2f}",
            f"{start.app_memory / 1e6:.0f}",
            f"{start.plain_memory / 1e6:.0f}",
        )
        for start in cold.starts
    )
    return Table(head, rows)
