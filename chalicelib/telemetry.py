"""One log line for each reconciliation, and metrics of events only, because custom metrics are billed."""

import json
import os
import sys
from typing import Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from chalicelib.domain.model import (
    APP_ACTOR,
    AWS_ACTOR,
    EXTERNAL_ACTOR,
    Action,
    DatabaseRef,
    Decision,
    Description,
    Event,
    EventName,
    StatusInfo,
)
from chalicelib.domain.statuses import is_known

NAMESPACE: Final = "rds-lifecycle"

logger: Final = Logger(service=NAMESPACE, location=None, utc=True)

_FAILURES: Final = (
    EventName.START_FAILED,
    EventName.STOP_FAILED,
    EventName.RESTART_EXPIRED,
    EventName.RESTART_CANCELLED,
    EventName.FAILED,
)


def log_reconcile(description: Description, observed: StatusInfo, decision: Decision, action_taken: Action) -> None:
    """What was observed, decided and done, in one line. An unknown status is a warning."""
    known, status = is_known(description.status), description.status
    log = logger.info if known else logger.warning
    log(
        decision.detail if known else f"Unknown RDS status: {status}. {decision.detail}",
        extra={
            "database": description.ref.id,
            "status": status,
            "state": observed.state.value,
            "action": action_taken.value,
            "reason": decision.reason.value,
        },
    )


def log_event(ref: DatabaseRef, event: Event) -> None:
    """One line for an event, and its metrics."""
    logger.info(
        event.detail,
        extra={"database": ref.id, "event": event.name.value, "by": event.by, "status": event.status},
    )
    if event.name is EventName.RESTART_REQUESTED:
        _count(ref, "RestartsRequested")
    elif event.name is EventName.STARTING and event.by not in (None, AWS_ACTOR, EXTERNAL_ACTOR):
        _count(ref, "Starts")
    elif event.name is EventName.STOPPING and event.by == APP_ACTOR:
        _count(ref, "Stops")
        if event.open_connections:
            _count_by_function("StopsWithOpenConnections")
    elif event.name in _FAILURES:
        _count(ref, "Failures")
    elif event.seconds is not None:
        _put(ref, "SecondsToAvailable", MetricUnit.Seconds, event.seconds)


def _count(ref: DatabaseRef, name: str) -> None:
    _put(ref, name, MetricUnit.Count, 1)


def _count_by_function(name: str) -> None:
    """A metric for an alarm of the deployment, whichever its databases are.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    """
    _write(name, MetricUnit.Count, 1, "function", os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local"))


def _put(ref: DatabaseRef, name: str, unit: MetricUnit, value: float) -> None:
    _write(name, unit, value, "database", ref.id)


def _write(name: str, unit: MetricUnit, value: float, dimension: str, of: str) -> None:
    metrics = EphemeralMetrics(namespace=NAMESPACE)
    metrics.add_metric(name=name, unit=unit, value=value)
    metrics.add_dimension(name=dimension, value=of)
    # One write for the whole line: threads write at the same time, and CloudWatch ignores an interrupted line.
    sys.stdout.write(json.dumps(metrics.serialize_metric_set(), separators=(",", ":")) + "\n")
