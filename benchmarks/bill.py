"""What the checks of a month cost, beside the database-hours that more frequent checks save. Arithmetic only.

Prices of us-east-1 in US dollars without any free tier, as AWS's price pages list them (Lambda x86, DynamoDB on demand,
CloudWatch Logs standard class, EventBridge).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.results import Section, Result, Table

HOURS_A_MONTH: Final = 730.0
HOURLY_USD: Final = 0.065
"""A db.t4g.medium with PostgreSQL in one zone: a small database, so that little is to be saved by more checks."""

MEMORY_GB: Final = 0.5
_FULL_CORE_GB: Final = 1769 / 1024
"""Lambda gives CPU by memory, and one whole core with 1,769 MB ("Configure Lambda function memory")."""
_AWS_SECONDS: Final = 0.1
"""Taken for the slower of the two AWS calls of a check, which are made side by side."""
_KEPT_WARM_BELOW: Final = 5
"""Minutes. Lambda promises no time for which it keeps an idle environment; from here on every run is taken as cold."""
_COLD_AMONG_WARM: Final = 1 / 60

_PER_RUN: Final = 0.20 / 1e6
_PER_GB_SECOND: Final = 0.0000166667
_PER_READ: Final = 0.125 / 1e6
_PER_WRITE: Final = 0.625 / 1e6
_PER_EVENT: Final = 1.00 / 1e6
_PER_LOG_BYTE: Final = (0.50 + 0.03) / 1024**3

_MOST_USD: Final = 0.30
INTERVALS: Final = (15, 5, 1)


@dataclass(frozen=True, slots=True)
class CheckCost:
    """What was measured of one check of one database with nothing to do."""

    own_cpu_seconds: float
    """On a whole core, the work of making its AWS calls included."""
    cold_seconds: float
    """From the start of the process to the answer."""
    reads: int
    """DynamoDB items read consistently, each below 4 kB."""
    log_bytes: int
    """With the lines that Lambda itself adds."""


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
        dynamodb_usd=checks * check.reads * _PER_READ + _notes_of_a_month() * _PER_WRITE,
        event_bridge_usd=checks * _PER_EVENT,
        logs_usd=checks * check.log_bytes * _PER_LOG_BYTE,
    )


def _notes_of_a_month() -> float:
    """Write units: each day's history opens with a transaction of two writes, billed twice."""
    return HOURS_A_MONTH / 24 * 2 * 2


def section(check: CheckCost, hours: Mapping[int, float]) -> Section:
    """The bills beside the database-hours of a month, by minutes between checks."""
    bills = {interval: bill(interval, check) for interval in INTERVALS}
    return Section(
        title="What frequent checks cost",
        method=_method(check),
        tables=(_table_of_bills(bills), _table_of_savings(bills, hours)),
        results=tuple(
            Result(
                f"checks every {_spell(interval)}, a month without free tier",
                bills[interval].total,
                "USD",
                _MOST_USD if interval == 1 else None,
            )
            for interval in INTERVALS
        ),
        conclusion=_conclusion(bills, hours),
    )


def _method(check: CheckCost) -> str:
    return (
        f"One database, nothing to do. A check takes {_AWS_SECONDS * 1000:.0f} ms for AWS's two answers (taken, not "
        f"measured), {check.own_cpu_seconds * 1000:.1f} ms of a whole core for itself (measured; Lambda gives "
        f"{MEMORY_GB / _FULL_CORE_GB:.2f} of a core at {MEMORY_GB * 1024:.0f} MB), and where it starts cold "
        f"{check.cold_seconds:.2f} s more (measured below). Checks {_KEPT_WARM_BELOW} minutes apart or more are all "
        f"taken as cold, of the others 1 in {1 / _COLD_AMONG_WARM:.0f}. Each reads {check.reads} items consistently "
        f"and writes {check.log_bytes} bytes of log, Lambda's own lines among them. No custom metric is sent where "
        f"nothing happened. Scheduled rules are counted at the price of custom events, {_PER_EVENT * 1e6:.2f} USD a "
        f"million, although AWS's price page names none for them. Prices: Lambda {_PER_RUN * 1e6:.2f} USD a million "
        f"runs and {_PER_GB_SECOND} a GB-second, DynamoDB {_PER_READ * 1e6:.3f} a million reads and "
        f"{_PER_WRITE * 1e6:.3f} a million writes, logs {_PER_LOG_BYTE * 1024**3:.2f} a GB with a month's storage."
    )


def _table_of_bills(bills: Mapping[int, Bill]) -> Table:
    rows = [
        ("checks", [f"{bill.checks:,.0f}" for bill in bills.values()]),
        ("Lambda", [_usd(bill.lambda_usd) for bill in bills.values()]),
        ("DynamoDB", [_usd(bill.dynamodb_usd) for bill in bills.values()]),
        ("EventBridge", [_usd(bill.event_bridge_usd) for bill in bills.values()]),
        ("CloudWatch Logs", [_usd(bill.logs_usd) for bill in bills.values()]),
        ("together, USD", [_usd(bill.total) for bill in bills.values()]),
    ]
    head = ("USD a month", *(f"every {_spell(interval)}" for interval in bills))
    return Table(head, tuple((name, *cells) for name, cells in rows))


def _table_of_savings(bills: Mapping[int, Bill], hours: Mapping[int, float]) -> Table:
    slowest = max(bills)
    rows = tuple(
        (
            f"every {_spell(interval)}",
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
        f"fewer than every {_spell(slowest)}",
        f"worth, at {HOURLY_USD} USD an hour",
        "more for checks, USD",
        "saved of always-on, all paid, USD",
    )
    return Table(head, rows)


def _conclusion(bills: Mapping[int, Bill], hours: Mapping[int, float]) -> str:
    slowest, fastest = max(bills), min(bills)
    fewer = hours[slowest] - hours[fastest]
    more = bills[fastest].total - bills[slowest].total
    if more <= 0:
        return f"Checks every {_spell(fastest)} cost no more than every {_spell(slowest)}, and save {fewer:.1f} hours."
    return (
        f"On this trace, checks every {_spell(fastest)} pay where an hour of the database costs more than "
        f"{more / fewer:.3f} USD."
        if fewer > 0
        else f"On this trace, checks every {_spell(fastest)} save nothing."
    )


def _spell(minutes: int) -> str:
    return "minute" if minutes == 1 else f"{minutes} minutes"


def _usd(value: float) -> str:
    return f"{value:.3f}"
