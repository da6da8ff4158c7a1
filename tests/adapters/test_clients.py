"""The time-outs of the clients: a request ends before API Gateway ends it."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.clients import (
    CLOUDWATCH_CONFIG,
    DYNAMODB_CONFIG,
    PARALLEL_CALLS,
    RDS_CONFIG,
    aws_call,
    cloudwatch_client,
    dynamodb_client,
    rds_client,
)
from chalicelib.domain.errors import AccessDenied

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


ROLE = "User: arn:aws:sts::123456789012:assumed-role/rds-lifecycle-prod-api_handler/x is not authorized to perform: "
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(f"{ROLE}kms:Decrypt on resource: {KEY} because no policy allows it", id="a KMS action"),
        pytest.param(f"The ciphertext refers to {KEY}, which does not allow access", id="the ARN of a key"),
        pytest.param("KMS key access denied error: the KMS key is disabled", id="a disabled key"),
    ],
)
def test_aws_call__denied_because_of_the_kms_key__names_the_key_and_the_setting(message: str) -> None:
    with pytest.raises(AccessDenied) as error, aws_call("dynamodb:BatchGetItem"):
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, "BatchGetItem")
    assert "KMS key that encrypts the metadata table" in error.value.detail
    assert "Set TABLE_KMS_KEY" in error.value.detail
    assert "the key's policy must allow the role kms:Decrypt" in error.value.detail
    assert "dynamodb:BatchGetItem" not in error.value.detail
    assert "arn:" not in error.value.detail
    assert message in error.value.log_detail


def test_aws_call__denied_for_a_table_with_kms_in_its_name__names_the_iam_action() -> None:
    message = f"{ROLE}dynamodb:BatchGetItem on resource: arn:aws:dynamodb:us-east-1:123456789012:table/KMS-metadata"
    with (
        pytest.raises(AccessDenied, match="lacks the permission dynamodb:BatchGetItem"),
        aws_call("dynamodb:BatchGetItem"),
    ):
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, "BatchGetItem")
