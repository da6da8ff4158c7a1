"""The monthly costs of the checks, and the database-hours that more frequent checks save. Arithmetic only.

Prices of us-east-1 in US dollars, without a free tier, for Lambda on x86, DynamoDB on demand, CloudWatch Logs in the
standard class, and EventBridge:
https://aws.amazon.com/lambda/pricing/
https://aws.amazon.com/dynamodb/pricing/on-demand/
https://aws.amazon.com/cloudwatch/pricing/
https://aws.amazon.com/eventbridge/pricing/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.results import Result, Section, Table

HOURS_A_MONTH: Final = 730.0
HOURLY_USD: Final = 0.065
"""A db.t4g.medium with PostgreSQL in one availability zone: with a small database, more checks save little."""

MEMORY_GB: Final = 0.5
_FULL_CORE_GB: Final = 1769 / 1024
"""Lambda allocates CPU in proportion to memory, and one full core at 1,769 MB:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
_AWS_SECONDS: Final = 0.1
"""An assumption for the slower of the two AWS calls of a check, which are made concurrently."""
_KEPT_WARM_BELOW: Final = 5
"""Minutes. Lambda guarantees no time for which it keeps an idle environment; from here on every run counts as cold."""
_COLD_AMONG_WARM: Final = 1 / 60

_PER_RUN: Final = 0.20 / 1e6
_PER_GB_SECOND: Final = 0.0000166667
_PER_READ: Final = 0.125 / 1e6
_PER_WRITE: Final = 0.625 / 1e6
_PER_EVENT: Final = 1.00 / 1e6
_PER_LOG_BYTE: Final = (0.50 + 0.03) / 1024**3

_MAX_USD: Final = 0.30
INTERVALS: Final = (15, 5, 1)


@dataclass(frozen=True, slots=True)
class CheckCost:
    """What was measured of one check of one database with nothing to do."""

    own_cpu_seconds: float
    """On a full core, including the work for its AWS calls."""
    cold_seconds: float
    """From the start of the process to the response."""
    reads: int
    """DynamoDB items read with strong consistency, each smaller than 4 kB."""
    log_bytes: int
    """Including the lines that Lambda adds."""


@dataclass(frozen=True, slots=True)
class Bill:
    """One month of checks, in US dollars."""

    checks: float
    lambda_usd: float
    dynamodb_usd: float
    event_bridge_usd: float
    logs_usd: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.lambda_usd + self.dynamodb_usd + self.event_bridge_usd + self.logs_usd


def bill(interval: int, check: CheckCost) -> Bill:
    """A month of checks every ``interval`` minutes."""
    checks = HOURS_A_MONTH * 60 / interval
    cold = 1.0 if interval >= _KEPT_WARM_BELOW else _COLD_AMONG_WARM
    own = check.own_cpu_seconds / min(1.0, MEMORY_GB / _FULL_CORE_GB)
    seconds = _AWS_SECONDS + own + cold * check.cold_seconds
    return Bill(
        checks=checks,
        lambda_usd=checks * (_PER_RUN + seconds * MEMORY_GB * _PER_GB_SECOND),
        dynamodb_usd=checks * check.reads * _PER_READ + _daily_writes() * _PER_WRITE,
        event_bridge_usd=checks * _PER_EVENT,
        logs_usd=checks * check.log_bytes * _PER_LOG_BYTE,
    )


def _daily_writes() -> float:
    """Write units of a month: each day's first event is a transaction of two writes, which cost twice as much."""
    return HOURS_A_MONTH / 24 * 2 * 2


def section(check: CheckCost, hours: Mapping[int, float]) -> Section:
    """The costs and the database-hours of a month, by minutes between checks."""
    bills = {interval: bill(interval, check) for interval in INTERVALS}
    return Section(
        title="Costs of frequent checks",
        method=_method(check),
        tables=(_table_of_bills(bills), _table_of_savings(bills, hours)),
        results=tuple(
            Result(
                f"Checks every {_interval_text(interval)}, costs of a month without free tier",
                bills[interval].total,
                "USD",
                _MAX_USD if interval == 1 else None,
            )
            for interval in INTERVALS
        ),
        conclusion=_conclusion(bills, hours),
    )


def _method(check: CheckCost) -> str:
    return (
        f"One database, nothing to do. A check takes {_AWS_SECONDS * 1000:.0f} ms for AWS's two responses (an "
        f"assumption), {check.own_cpu_seconds * 1000:.1f} ms of a full core for its own work (measured; Lambda "
        f"allocates {MEMORY_GB / _FULL_CORE_GB:.2f} of a core at {MEMORY_GB * 1024:.0f} MB), and "
        f"{check.cold_seconds:.2f} s more for a cold start (measured below). With an interval of {_KEPT_WARM_BELOW} "
        f"minutes or more all checks count as cold starts, otherwise 1 in {1 / _COLD_AMONG_WARM:.0f}. Each check reads "
        f"{check.reads} items with strong consistency and writes {check.log_bytes} bytes of log, including Lambda's "
        f"own lines. Without an event, no custom metric is sent. Scheduled rules are counted at the price of custom "
        f"events, {_PER_EVENT * 1e6:.2f} USD a million, although AWS's price page has no price for them. Prices: "
        f"Lambda {_PER_RUN * 1e6:.2f} USD a million runs and {_PER_GB_SECOND} a GB-second, DynamoDB "
        f"{_PER_READ * 1e6:.3f} a million reads and {_PER_WRITE * 1e6:.3f} a million writes, logs "
        f"{_PER_LOG_BYTE * 1024**3:.2f} a GB with a month's storage."
    )


def _table_of_bills(bills: Mapping[int, Bill]) -> Table:
    rows = [
        ("checks", [f"{bill.checks:,.0f}" for bill in bills.values()]),
        ("Lambda", [_usd(bill.lambda_usd) for bill in bills.values()]),
        ("DynamoDB", [_usd(bill.dynamodb_usd) for bill in bills.values()]),
        ("EventBridge", [_usd(bill.event_bridge_usd) for bill in bills.values()]),
        ("CloudWatch Logs", [_usd(bill.logs_usd) for bill in bills.values()]),
        ("total, USD", [_usd(bill.total) for bill in bills.values()]),
    ]
    head = ("USD a month", *(f"every {_interval_text(interval)}" for interval in bills))
    return Table(head, tuple((name, *cells) for name, cells in rows))


def _table_of_savings(bills: Mapping[int, Bill], hours: Mapping[int, float]) -> Table:
    slowest = max(bills)
    rows = tuple(
        (
            f"every {_interval_text(interval)}",
            f"{hours[interval]:.1f}",
            f"{hours[slowest] - hours[interval]:.1f}",
            _usd((hours[slowest] - hours[interval]) * HOURLY_USD),
            _usd(bill.total - bills[slowest].total),
            f"{(HOURS_A_MONTH - hours[interval]) * HOURLY_USD - bill.total:.2f}",
        )
        for interval, bill in bills.items()
    )
    head = (
        "checks",
        "database-hours a month",
        f"fewer than every {_interval_text(slowest)}",
        f"saved, at {HOURLY_USD} USD an hour",
        "additional cost of checks, USD",
        "saved compared with always on, USD",
    )
    return Table(head, rows)


def _conclusion(bills: Mapping[int, Bill], hours: Mapping[int, float]) -> str:
    slowest, fastest = max(bills), min(bills)
    fewer = hours[slowest] - hours[fastest]
    more = bills[fastest].total - bills[slowest].total
    if more <= 0:
        often, seldom = _interval_text(fastest), _interval_text(slowest)
        return f"Checks every {often} cost no more than checks every {seldom}, and save {fewer:.1f} hours."
    if fewer <= 0:
        return f"On this trace, checks every {_interval_text(fastest)} save nothing."
    return (
        f"On this trace, checks every {_interval_text(fastest)} are worth it if an hour of the database costs more "
        f"than {more / fewer:.3f} USD."
    )


def _interval_text(minutes: int) -> str:
    return "minute" if minutes == 1 else f"{minutes} minutes"


def _usd(value: float) -> str:
    return f"{value:.3f}"
