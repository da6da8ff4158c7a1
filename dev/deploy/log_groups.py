"""The log groups of the deployed functions: kept for a month, where nobody has chosen another time.

Chalice's own log_retention_in_days does not work for the function of a REST API (issue 2079 of aws/chalice).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

RETENTION_DAYS: Final = 30


def log_group(function: str) -> str:
    """The log group in which Lambda writes for a function of that (whole) name."""
    return f"/aws/lambda/{function}"


def limit(client: "CloudWatchLogsClient", groups: Iterable[str]) -> None:
    """Make the groups where they are missing; give them their retention where they have none."""
    for group in groups:
        found = client.describe_log_groups(logGroupNamePrefix=group, limit=1)["logGroups"]
        if not found or found[0].get("logGroupName") != group:
            client.create_log_group(logGroupName=group)
        elif "retentionInDays" in found[0]:
            continue
        client.put_retention_policy(logGroupName=group, retentionInDays=RETENTION_DAYS)


def delete(client: "CloudWatchLogsClient", groups: Iterable[str]) -> None:
    """Delete the groups; those that are gone are no fault."""
    for group in groups:
        try:
            client.delete_log_group(logGroupName=group)
        except client.exceptions.ResourceNotFoundException:
            continue
