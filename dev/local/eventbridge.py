"""Events in the form in which EventBridge delivers them to Lambda functions."""

import uuid
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.model import Kind
from dev.local.options import REGION
from dev.local.rds_changes import RdsEvent

_ACCOUNT = "123456789012"


def scheduled_event(at: datetime) -> dict[str, Any]:
    """The event of a schedule.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
    """
    arn = f"arn:aws:events:{REGION}:{_ACCOUNT}:rule/rds-lifecycle-local-inactivity_check"
    return _event("Scheduled Event", "aws.events", at, arn, {}, _ACCOUNT, REGION)


def rds_event(event: RdsEvent, account: str, region: str) -> dict[str, Any]:
    """The event of an RDS database.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloudwatch-events.sample.html
    """
    is_cluster = event.ref.kind is Kind.CLUSTER
    arn = f"arn:aws:rds:{region}:{account}:{'cluster' if is_cluster else 'db'}:{event.ref.id}"
    detail = {
        "EventCategories": ["notification"],
        "SourceType": "CLUSTER" if is_cluster else "DB_INSTANCE",
        "SourceArn": arn,
        "Date": _time(event.at),
        "Message": event.message,
        "SourceIdentifier": event.ref.id,
        "EventID": event.event_id,
    }
    name = f"RDS DB {'Cluster' if is_cluster else 'Instance'} Event"
    return _event(name, "aws.rds", event.at, arn, detail, account, region)


def _event(
    detail_type: str, source: str, at: datetime, arn: str, detail: dict[str, Any], account: str, region: str
) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": _time(at),
        "region": region,
        "resources": [arn],
        "detail": detail,
    }


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
