"""The idle timer: the latest known activity of a database. The activity metric is considered by rules of its own."""

from datetime import timedelta

from chalicelib.domain.activity import ActivitySource, LastActivity, LastQuery
from chalicelib.domain.model import Observation
from chalicelib.domain.record import DatabaseRecord


def last_activity(observation: Observation, record: DatabaseRecord) -> LastActivity | None:
    """The latest of: the last query, the last restart request, the first observation, and when it became available.

    A start that AWS announced as its own does not count. None where nothing is known.
    """
    known = []
    if isinstance(observation.activity, LastQuery):
        known.append(LastActivity(observation.activity.at, ActivitySource.QUERY, "the last query was"))
    if record.last_restart_requested_at is not None:
        known.append(LastActivity(record.last_restart_requested_at, ActivitySource.RESTART, "a restart was requested"))
    if record.first_observed_at is not None:
        description = "rds-lifecycle first observed it"
        known.append(LastActivity(record.first_observed_at, ActivitySource.STARTED, description))
    if record.available_since is not None and not record.started_by_aws:
        source = ActivitySource.RESTART if record.started_on_request else ActivitySource.STARTED
        request = " after a restart request" if record.started_on_request else ""
        known.append(LastActivity(record.available_since, source, f"it became available{request}"))
    latest = max(known, key=lambda activity: activity.at, default=None)
    if (
        latest is not None
        and known[0].source is ActivitySource.QUERY
        and latest.at - known[0].at < timedelta(seconds=1)
    ):
        # The activity item has whole seconds: a query in the same second as another activity is named first.
        return LastActivity(latest.at, ActivitySource.QUERY, known[0].description)
    return latest


def runs_from_first_observation(last: LastActivity, record: DatabaseRecord) -> bool:
    """Whether the idle timer runs from the first observation."""
    return last.source is ActivitySource.STARTED and last.at == record.first_observed_at
