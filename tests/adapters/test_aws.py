"""The time that AWS is given."""

import time
from typing import Any

import pytest

from chalicelib.aws.clients import (
    CLOUDWATCH_CONFIG,
    DYNAMODB_CONFIG,
    PARALLEL_CALLS,
    RDS_CONFIG,
    cloudwatch_client,
    dynamodb_client,
    rds_client,
)

API_GATEWAY_GIVES_UP = 29


def worst(times: Any) -> float:
    """The seconds that one call takes if nothing ever answers, without the short pauses between attempts."""
    attempts: float = times.retries["total_max_attempts"]
    return attempts * (float(times.connect_timeout) + float(times.read_timeout))


def test_a_restart_at_its_slowest_fits_into_api_gateways_patience() -> None:
    look = max(worst(RDS_CONFIG), worst(DYNAMODB_CONFIG))
    assert look + worst(DYNAMODB_CONFIG) + worst(RDS_CONFIG) < API_GATEWAY_GIVES_UP - 3


def test_the_list_at_its_slowest_does_too() -> None:
    assert worst(RDS_CONFIG) + worst(CLOUDWATCH_CONFIG) < API_GATEWAY_GIVES_UP - 3


@pytest.mark.parametrize(
    ("make", "times"),
    [(rds_client, RDS_CONFIG), (dynamodb_client, DYNAMODB_CONFIG), (cloudwatch_client, CLOUDWATCH_CONFIG)],
)
def test_every_client_has_its_times(make: Any, times: Any) -> None:
    config = make().meta.config
    assert (config.connect_timeout, config.read_timeout) == (times.connect_timeout, times.read_timeout)
    assert config.retries == {"mode": "standard", "total_max_attempts": times.retries["total_max_attempts"]}


def test_calls_side_by_side_have_connections_of_their_own() -> None:
    clients: list[Any] = [rds_client(), dynamodb_client()]
    assert [client.meta.config.max_pool_connections for client in clients] == [PARALLEL_CALLS] * 2


def test_the_tests_do_not_run_in_utc() -> None:
    assert time.timezone != 0, "a naive time taken for local time has to show"
