"""The log groups of the deployed functions: events are kept for 30 days, unless another retention is set already.

Chalice's own log_retention_in_days does not work for the function of a REST API:
https://github.com/aws/chalice/issues/2079
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

RETENTION_DAYS: Final = 30


def log_group(function: str) -> str:
    """The log group that Lambda writes to for the function of that complete name.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
    """
    return f"/aws/lambda/{function}"


def set_retention(client: "CloudWatchLogsClient", groups: Iterable[str]) -> None:
    """Create the groups that are missing, and set the retention of those that have none."""
    for group in groups:
        found = client.describe_log_groups(logGroupNamePrefix=group, limit=1)["logGroups"]
        if not found or found[0].get("logGroupName") != group:
            client.create_log_group(logGroupName=group)
        elif "retentionInDays" in found[0]:
            continue
        client.put_retention_policy(logGroupName=group, retentionInDays=RETENTION_DAYS)


def delete(client: "CloudWatchLogsClient", groups: Iterable[str]) -> None:
    """Delete the groups that exist."""
    for group in groups:
        try:
            client.delete_log_group(logGroupName=group)
        except client.exceptions.ResourceNotFoundException:
            continue
