"""Values of the activity item as backends write them: which are times, and what happens where one is not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.activity import ActivitySource
from tests.support import MakeWorld

AFTERNOON = datetime(2026, 3, 2, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"S": "2026-03-02"}, id="date without a time of day"),
        pytest.param({"S": "20260302"}, id="date in digits"),
        pytest.param({"S": "2026-W10-1"}, id="week date"),
        pytest.param({"N": "20260302"}, id="date as a number"),
        pytest.param({"N": "0"}, id="epoch 0"),
        pytest.param({"N": "1767"}, id="a few seconds of 1970"),
        pytest.param({"N": "999999999"}, id="before September 2001"),
    ],
)
def test_activity_item__not_a_time__fails_the_check_and_stops_nothing(
    make_world: MakeWorld, value: dict[str, Any]
) -> None:
    world = make_world(status="available")
    world.lifecycle.check()
    world.put_activity_item(value)
    world.clock.now = AFTERNOON
    for _ in range(3):
        assert world.failed_check().reason == "activity-unreadable"
        world.clock.advance(60)
    assert world.status() == "available"
    world.report_query()
    world.wait(75, check_every=15)
    assert world.status() == "stopping"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"N": "1772460000000"}, id="milliseconds, as Date.now() in JavaScript"),
        pytest.param({"S": "1772460000000"}, id="milliseconds as text"),
        pytest.param({"N": "1772460000"}, id="seconds"),
        pytest.param({"N": "1772460000.25"}, id="seconds with a fraction"),
        pytest.param({"S": "2026-03-02T15:00:00+01:00"}, id="text with an offset"),
        pytest.param({"S": "2026-03-02T14:00"}, id="text without an offset"),
    ],
)
def test_activity_item__a_time__keeps_the_database_available(make_world: MakeWorld, value: dict[str, Any]) -> None:
    world = make_world(status="available")
    world.lifecycle.check()
    world.put_activity_item(value)
    world.clock.now = AFTERNOON
    assert world.check().reason == "recent-activity"
    last = world.lifecycle.describe(world.lifecycle.database()).decision.last_activity
    assert last is not None
    assert (last.at.replace(microsecond=0), last.source) == (AFTERNOON, ActivitySource.QUERY)
    world.wait(60, check_every=15)
    assert world.status() == "available"
    world.wait(15, check_every=15)
    assert world.status() == "stopping"
