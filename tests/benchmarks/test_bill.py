"""The monthly costs of the checks, compared with sums made by hand."""

from dataclasses import replace

import pytest

from benchmarks import bill
from benchmarks.bill import CheckCost

CHECK = CheckCost(own_cpu_seconds=0.0, cold_seconds=0.9, reads=2, log_bytes=1024)


def test_bill__with_checks_every_minute__is_the_sum_of_all_prices() -> None:
    month = bill.bill(1, CHECK)
    assert month.checks == 43_800
    # 43,800 runs, 0.1 s of waiting for AWS each and 0.9 s more for one in sixty, with half a GB
    assert month.lambda_usd == pytest.approx(43_800 * 0.2e-6 + 43_800 * 0.115 * 0.5 * 0.0000166667)
    assert month.dynamodb_usd == pytest.approx(87_600 * 0.125e-6, rel=0.01)
    assert month.event_bridge_usd == pytest.approx(0.0438)
    assert month.logs_usd == pytest.approx(43_800 * 1024 * 0.53 / 1024**3)
    assert month.total == pytest.approx(0.1277, abs=0.0005)


def test_bill__with_checks_every_fifteen_minutes__has_only_cold_starts() -> None:
    warm = bill.bill(15, replace(CHECK, cold_seconds=0.0))
    assert bill.bill(15, CHECK).lambda_usd - warm.lambda_usd == pytest.approx(2920 * 0.9 * 0.5 * 0.0000166667)


def test_bill__with_work_of_its_own__includes_the_share_of_a_core() -> None:
    busy = bill.bill(1, replace(CHECK, own_cpu_seconds=0.01))
    seconds = 0.01 * 1769 / 512
    assert busy.lambda_usd - bill.bill(1, CHECK).lambda_usd == pytest.approx(43_800 * seconds * 0.5 * 0.0000166667)


@pytest.mark.parametrize(
    "cost", [replace(CHECK, log_bytes=20_000), replace(CHECK, reads=60)], ids=["long-log", "many-reads"]
)
def test_bill__of_an_expensive_check__misses_its_goal(cost: CheckCost) -> None:
    hours = dict.fromkeys(bill.INTERVALS, 30.0)
    assert all(result.is_met for result in bill.section(CHECK, hours).results)
    assert not all(result.is_met for result in bill.section(cost, hours).results)


def test_conclusion__of_the_bill__says_when_frequent_checks_are_worth_it() -> None:
    more = bill.bill(1, CHECK).total - bill.bill(15, CHECK).total
    conclusion = bill.section(CHECK, {15: 32.0, 5: 30.5, 1: 30.0}).conclusion
    assert f"{more / 2:.3f} USD" in conclusion
    assert "save nothing" in bill.section(CHECK, dict.fromkeys(bill.INTERVALS, 30.0)).conclusion
