"""From the start of the process to the first answer, and what it holds by then."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.canned_aws import canned_aws
from benchmarks.subjects import MEMORY, Subject, Subjects
from benchmarks.results import Section, Result, Progress, Table
from benchmarks.spread import Spread

ROUNDS: Final = 20
GOAL: Final = 1.10


@dataclass(frozen=True, slots=True)
class Start:
    """One operation's cold starts beside the plain handler's, in seconds, and the most memory held, in bytes."""

    name: str
    app: Spread
    plain: Spread
    app_memory: int
    plain_memory: int

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return self.app.median / self.plain.median


@dataclass(frozen=True, slots=True)
class Cold:
    """What was measured. Sizes of the zips in bytes."""

    starts: tuple[Start, ...]
    app_zip: int
    plain_zip: int
    rounds: int


def measure(progress: Progress, subjects: Subjects, rounds: int = ROUNDS) -> Cold:
    """Everybody has a turn in every round, so that whatever else the machine does meanwhile falls on all alike."""
    everybody = list(dict.fromkeys(c for comparison in subjects.comparisons for c in (comparison.app, comparison.plain)))
    runs: dict[Subject, list[tuple[float, int]]] = {subject: [] for subject in everybody}
    with canned_aws() as aws:
        for number in range(rounds + 1):
            progress(f"cold starts: round {number} of {rounds}")
            for subject in everybody:
                run = _first_answer(subject, aws.environ)
                if number:  # the first round fills the file cache
                    runs[subject].append(run)
    starts = tuple(_start(comparison.name, runs[comparison.app], runs[comparison.plain]) for comparison in subjects.comparisons)
    return Cold(starts, subjects.app_zip, subjects.plain_zip, rounds)


def _first_answer(subject: Subject, aws: dict[str, str]) -> tuple[float, int]:
    began = time.perf_counter()
    with subject.start(aws) as function:
        function.invoke(subject.event)
        return time.perf_counter() - began, function.peak_memory()


def _start(name: str, app: Sequence[tuple[float, int]], plain: Sequence[tuple[float, int]]) -> Start:
    (app_seconds, app_memory), (plain_seconds, plain_memory) = zip(*app, strict=True), zip(*plain, strict=True)
    return Start(name, Spread.of(app_seconds), Spread.of(plain_seconds), max(app_memory), max(plain_memory))


def section(cold: Cold) -> Section:
    """The cold starts as a reader sees them."""
    results = [
        Result(f"Cold start of {start.name}, beside a plain handler", start.ratio, "×", GOAL, _explanation(start))
        for start in cold.starts
    ]
    memory = max(start.app_memory for start in cold.starts)
    results.append(Result("Peak memory", memory / 1e6, "MB"))
    results.append(Result("Zip", cold.app_zip / 1e6, "MB"))
    return Section(
        "Cold starts",
        f"From the start of the process to the first answer: the zip of `make package` against two plain handlers of "
        f"boto3 (`benchmarks/plain`), both under AWS's runtime client, in turns, {cold.rounds} runs each, on an AWS "
        f"that answers at once. Median and quartiles, in milliseconds. Lambda adds its own time for both: fetching the "
        f"zip and making the sandbox; and a function of {MEMORY} MB has a third of a core. The restart route is "
        f"api_handler alone, without the authorizer, which is a function of its own.",
        (_table(cold),),
        tuple(results),
    )


def _explanation(start: Start) -> str:
    """A start is made durable before RDS is touched; the plain one is not, and knows neither table nor record."""
    if start.ratio <= GOAL or start.name == "check":
        return ""
    return (
        "The plain start makes a client of RDS only, and two AWS calls. This one makes a client of DynamoDB as well, "
        "and three calls more, by which no click is lost. A plain handler with both clients is that of the check. "
        "What was tried and kept: bytecode in the zip, botocore without boto3 around it, no search through botocore's "
        "models, no garbage collection of what is loaded for good."
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
