"""Creates the service: the only module that connects settings, adapters and the reconciler."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from chalicelib.aws.clients import cloudwatch_client, dynamodb_client, rds_client
from chalicelib.aws.metric import ActivityMetric
from chalicelib.aws.rds import Rds
from chalicelib.aws.table import Table
from chalicelib.service.executor import Clock, Sleep
from chalicelib.service.lifecycle import Lifecycle
from chalicelib.service.reconciler import ExecutorFactory, Reconciler, thread_pool
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_rds import RDSClient

_lock: Final = threading.Lock()


def connect(settings: Settings) -> Lifecycle:
    """The service on AWS. Created once for the same settings, because clients are expensive to create."""
    with _lock:
        return _connect(settings)


@lru_cache(maxsize=1)
def _connect(settings: Settings) -> Lifecycle:
    return build(settings, rds_client(), dynamodb_client(), cloudwatch_client, lambda: datetime.now(UTC))


def build(
    settings: Settings,
    rds: RDSClient,
    dynamodb: DynamoDBClient,
    make_cloudwatch: Callable[[], CloudWatchClient],
    clock: Clock,
    sleep: Sleep = time.sleep,
    make_pool: ExecutorFactory = thread_pool,
) -> Lifecycle:
    """The service with these clients. The CloudWatch client is created at its first call."""
    policy = settings.policy
    table = Table(dynamodb, settings, sleep)
    metric = None if policy.activity_rule is None else ActivityMetric(make_cloudwatch, policy.activity_rule)
    reconciler = Reconciler(policy, Rds(rds), table, metric, clock, sleep, make_pool)
    return Lifecycle(settings, reconciler, table, clock, sleep, make_pool)
