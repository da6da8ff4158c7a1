"""The time-outs of the clients: a request ends before API Gateway ends it."""

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

API_GATEWAY_SECONDS = 29
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"""


def longest(config: Any) -> float:
    """The seconds that one call takes if nothing ever answers, without the short pauses between attempts."""
    attempts: float = config.retries["total_max_attempts"]
    return attempts * (float(config.connect_timeout) + float(config.read_timeout))


def test_restart__no_call_is_answered__ends_before_api_gateway_does() -> None:
    observation = max(longest(RDS_CONFIG), longest(DYNAMODB_CONFIG))
    assert observation + longest(DYNAMODB_CONFIG) + longest(RDS_CONFIG) < API_GATEWAY_SECONDS - 3


def test_list__no_call_is_answered__ends_before_api_gateway_does() -> None:
    assert longest(RDS_CONFIG) + longest(CLOUDWATCH_CONFIG) < API_GATEWAY_SECONDS - 3


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(rds_client, RDS_CONFIG, id="RDS"),
        pytest.param(dynamodb_client, DYNAMODB_CONFIG, id="DynamoDB"),
        pytest.param(cloudwatch_client, CLOUDWATCH_CONFIG, id="CloudWatch"),
    ],
)
def test_client__made__has_its_time_outs(make: Any, expected: Any) -> None:
    config = make().meta.config
    assert (config.connect_timeout, config.read_timeout) == (expected.connect_timeout, expected.read_timeout)
    assert config.retries == {"mode": "standard", "total_max_attempts": expected.retries["total_max_attempts"]}


def test_client__made__has_a_connection_for_each_parallel_call() -> None:
    clients: list[Any] = [rds_client(), dynamodb_client()]
    assert [client.meta.config.max_pool_connections for client in clients] == [PARALLEL_CALLS] * 2


def test_time_zone__of_the_tests__is_not_utc() -> None:
    assert time.timezone != 0, "a naive time that is taken for local time must be noticed"
