"""Ids in DATABASES that are not in lower case: RDS stores lower case, and a backend may write either."""

import pytest

from chalicelib.domain.model import DatabaseRef, Kind
from chalicelib.settings import read_settings
from tests.support import MakeWorld, World

SETTINGS = read_settings({"DATABASES": "Orders-DB,cluster:Billing"})
ORDERS, BILLING = SETTINGS.databases


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    world = make_world(*SETTINGS.databases, settings=SETTINGS, status="available")
    world.lifecycle.check()
    return world


@pytest.mark.parametrize(
    ("ref", "key"),
    [
        pytest.param(ORDERS, "last_rds_query_time", id="default database, its own item"),
        pytest.param(ORDERS, "last_rds_query_time/Orders-DB", id="default database, as in DATABASES"),
        pytest.param(ORDERS, "last_rds_query_time/orders-db", id="default database, as in RDS"),
        pytest.param(BILLING, "last_rds_query_time/Billing", id="other database, as in DATABASES"),
        pytest.param(BILLING, "last_rds_query_time/billing", id="other database, as in RDS"),
    ],
)
def test_database__reported_with_the_id_in_any_spelling__stays_available(
    world: World, ref: DatabaseRef, key: str
) -> None:
    for _ in range(8):
        world.put_activity_item({"S": world.clock.now.isoformat()}, key=key)
        world.wait(15, check_every=15)
    assert [found for found in SETTINGS.databases if world.status(found) == "available"] == [ref]


def test_database__two_items_for_it__later_one_counts(world: World) -> None:
    world.wait(30)
    world.put_activity_item({"S": world.clock.now.isoformat()}, key="last_rds_query_time/Billing")
    world.put_activity_item({"S": "2026-03-02T08:00:00Z"}, key="last_rds_query_time/billing")
    world.wait(45, check_every=15)
    assert (world.status(BILLING), world.status(ORDERS)) == ("available", "stopping")


@pytest.mark.parametrize("spelling", ["orders-db", "Orders-DB", "ORDERS-DB"])
def test_lifecycle__id_in_any_spelling__is_the_database(world: World, spelling: str) -> None:
    ref = world.lifecycle.database(spelling)
    assert (ref.kind, ref.id) == (Kind.INSTANCE, "orders-db")
    assert world.lifecycle.describe(ref).description.ref.id == "orders-db"
