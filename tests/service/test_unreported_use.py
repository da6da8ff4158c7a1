"""Open connections: use where nobody reports queries, and recorded where somebody does."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.support import NOW, MakeWorld, World

LONG_SILENT = [
    pytest.param(None, id="nobody ever reported"),
    pytest.param(timedelta(days=40), id="last report 40 days ago"),
    pytest.param(timedelta(days=30, minutes=1), id="last report over 30 days ago"),
]


def metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if "_aws" in line]


def make_connected(make_world: MakeWorld, connections: int, last_report: timedelta | None) -> World:
    """A running database with open connections, whose last query was reported that long ago."""
    world = make_world(status="available")
    if last_report is not None:
        world.report_query(NOW - last_report)
    world.lifecycle.check()
    world.set_connections(connections)
    return world


@pytest.mark.parametrize("last_report", LONG_SILENT)
@pytest.mark.parametrize("connections", [1, 25])
def test_database__connections_open_and_no_reports__stays_available_until_idle_after_the_last(
    make_world: MakeWorld, connections: int, last_report: timedelta | None
) -> None:
    world = make_connected(make_world, connections, last_report)
    world.wait(120, check_every=15)
    assert world.status() == "available"
    result = world.check()
    assert result.reason == "unreported-connections"
    assert result.detail == (
        f"{'1 connection is' if connections == 1 else '25 connections are'} open, and nobody has reported a query in "
        "the last 30 days. So open connections count as activity: it is stopped 1 h after the last of them is closed. "
        "If they are idle, close them, or let the backend report its queries."
    )

    world.set_connections(0)
    world.wait(60, check_every=15)
    assert world.status() == "available"
    world.wait(15, check_every=15)
    assert world.status() == "stopping"
    assert world.history()[-1]["event"] == "stopping"
    assert "open_connections" not in world.history()[-1]


def test_database__reporting_begins_again__stops_although_connections_are_open(make_world: MakeWorld) -> None:
    world = make_connected(make_world, 4, timedelta(days=40))
    world.wait(75, check_every=15)
    assert world.check().reason == "unreported-connections"
    world.report_query()
    world.wait(75, check_every=15)
    assert world.status() == "stopping"


@pytest.mark.parametrize("last_report", [timedelta(0), timedelta(days=29)], ids=["today", "29 days ago"])
def test_database__connections_open_and_reports_trusted__stops_and_tells_their_number(
    make_world: MakeWorld,
    last_report: timedelta,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = make_connected(make_world, 4, last_report)
    world.wait(60, check_every=15)
    assert world.status() == "available"
    caplog.clear()
    world.wait(15, check_every=15)
    assert world.status() == "stopping"

    event = world.history()[-1]
    number = "4 connections are open, which does not count, because queries are reported."
    assert (event["event"], event["open_connections"]) == ("stopping", 4)
    assert event["detail"].endswith(number)
    assert [number in record.getMessage() for record in caplog.records] == [True, True], "of the event and of the pass"
    found = metrics(capsys)
    [alarming] = [line for line in found if "StopsWithOpenConnections" in line]
    assert alarming["StopsWithOpenConnections"] == [1]
    assert alarming["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["function"]]
    assert [line["Stops"] for line in found if "Stops" in line] == [[1]]


def test_database__no_connections_open__stops_without_the_alarming_metric(
    idle: World, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    idle.check()
    assert idle.status() == "stopping"
    assert [line for line in metrics(capsys) if "StopsWithOpenConnections" in line] == []


def test_database__connections_close_before_the_stop__are_not_counted(make_world: MakeWorld) -> None:
    world = make_connected(make_world, 4, timedelta(0))
    world.wait(45, check_every=15)
    world.set_connections(0)
    world.wait(30, check_every=15)
    assert world.status() == "stopping"
    assert "open_connections" not in world.history()[-1]


def test_database__datapoints_missing_and_reports_trusted__stops(make_world: MakeWorld) -> None:
    world = make_connected(make_world, 0, timedelta(0))
    world.set_connections(None)
    world.wait(75, check_every=15)
    assert world.status() == "stopping"


def test_database__datapoints_missing_and_no_reports__stays_available(make_world: MakeWorld) -> None:
    world = make_connected(make_world, 0, None)
    world.set_connections(None)
    world.wait(75, check_every=15)
    result = world.check()
    assert (result.reason, world.status()) == ("metric-unknown", "available")
    assert "CloudWatch returned no datapoint of DatabaseConnections in the last 10 minutes" in result.detail
