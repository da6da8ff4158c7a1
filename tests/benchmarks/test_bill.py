"""The month's bill of the checks, against sums made by hand."""

from dataclasses import replace

import pytest

from benchmarks import bill
from benchmarks.bill import CheckCost

CHECK = CheckCost(own_cpu_seconds=0.0, cold_seconds=0.9, reads=2, log_bytes=1024)


def test_a_month_of_checks_every_minute() -> None:
    month = bill.bill(1, CHECK)
    assert month.checks == 43_800
    # 43,800 runs, 0.1 s of waiting for AWS each and 0.9 s more for one in sixty, with half a GB
    assert month.lambda_usd == pytest.approx(43_800 * 0.2e-6 + 43_800 * 0.115 * 0.5 * 0.0000166667)
    assert month.dynamodb_usd == pytest.approx(87_600 * 0.125e-6, rel=0.01)
    assert month.event_bridge_usd == pytest.approx(0.0438)
    assert month.logs_usd == pytest.approx(43_800 * 1024 * 0.53 / 1024**3)
    assert month.total == pytest.approx(0.1277, abs=0.0005)


def test_checks_fifteen_minutes_apart_all_start_cold() -> None:
    warm = bill.bill(15, replace(CHECK, cold_seconds=0.0))
    assert bill.bill(15, CHECK).lambda_usd - warm.lambda_usd == pytest.approx(2920 * 0.9 * 0.5 * 0.0000166667)


def test_the_handlers_own_work_is_slower_on_a_part_of_a_core() -> None:
    busy = bill.bill(1, replace(CHECK, own_cpu_seconds=0.01))
    seconds = 0.01 * 1769 / 512
    assert busy.lambda_usd - bill.bill(1, CHECK).lambda_usd == pytest.approx(43_800 * seconds * 0.5 * 0.0000166667)


@pytest.mark.parametrize("cost", [replace(CHECK, log_bytes=20_000), replace(CHECK, reads=60)])
def test_a_check_that_grew_dear_misses_its_goal(cost: CheckCost) -> None:
    hours = dict.fromkeys(bill.INTERVALS, 30.0)
    assert all(result.is_met for result in bill.section(CHECK, hours).results)
    assert not all(result.is_met for result in bill.section(cost, hours).results)


def test_it_says_from_which_price_on_frequent_checks_pay() -> None:
    more = bill.bill(1, CHECK).total - bill.bill(15, CHECK).total
    told = bill.section(CHECK, {15: 32.0, 5: 30.5, 1: 30.0}).conclusion
    assert f"{more / 2:.3f} USD" in told
    assert "save nothing" in bill.section(CHECK, dict.fromkeys(bill.INTERVALS, 30.0)).conclusion
