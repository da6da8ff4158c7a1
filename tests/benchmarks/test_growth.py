"""Growth: an AWS call too many, and work that waits for its turn, show up."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from benchmarks import growth
from chalicelib.model import DatabaseRef, Kind
from chalicelib.table import Stored, Table

REFS = [DatabaseRef(Kind.INSTANCE, f"database-{n}") for n in range(4)]
USED, UNUSED = timedelta(minutes=1), timedelta(hours=2)


def test_a_check_with_nothing_to_do_makes_two_calls_side_by_side() -> None:
    for refs in (REFS[:1], REFS):
        checked = growth.check(refs, USED, 0.02)
        assert (checked.databases, checked.calls, checked.most_at_once) == (len(refs), 2, 2)
        assert checked.seconds >= 0.02


def test_a_call_too_many_shows_up(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Table.read

    def read_twice(table: Table, refs: Sequence[DatabaseRef]) -> dict[DatabaseRef, Stored]:
        read(table, refs)
        return read(table, refs)

    monkeypatch.setattr(Table, "read", read_twice)
    measured = growth.measure(lambda _: None, sizes=(1, 2), rounds=1, latency=0.02)
    calls, waiting, *_ = growth.chapter(measured).figures
    assert (calls.value, calls.is_met) == (3, False)
    assert (waiting.value, waiting.is_met) == (1, False)


def test_stops_that_wait_for_their_turn_show_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert growth.check(REFS, UNUSED, 0.02).most_at_once == len(REFS)
    monkeypatch.setattr("chalicelib.reconcile.PARALLEL_CALLS", 1)
    waiting = growth.check(REFS, UNUSED, 0.02)
    assert waiting.most_at_once == 2, "the first look"
    assert waiting.seconds >= 0.02 * (1 + 4 * len(REFS))


def test_one_by_one_is_the_sum_of_checks_of_one() -> None:
    measured = growth.measure(lambda _: None, sizes=(1, 3), rounds=1, latency=0.005)
    assert [checked.databases for checked in measured.stops.checks] == [1, 3]
    assert measured.quiet.one_by_one.calls == 3 * measured.quiet.checks[0].calls
    assert measured.quiet.one_by_one.seconds >= 3 * 0.005
    table = growth.chapter(measured).tables[0]
    assert [row[0] for row in table.rows if "one by one" in row[0]] == [
        "3, nothing to do, one by one",
        "3, everything to stop, one by one",
    ]
