"""Views and histories → the JSON of the API."""

import math
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

from chalicelib.domain.errors import Problem
from chalicelib.domain.history import History, summarize
from chalicelib.domain.model import DatabaseRef, Reason, State
from chalicelib.domain.record import DatabaseRecord
from chalicelib.domain.statuses import classify_status, effective_status
from chalicelib.domain.timestamps import format_time
from chalicelib.service.lifecycle import RestartResult
from chalicelib.service.reconciler import DatabaseView
from chalicelib.settings import Settings

_USUAL_START: Final = timedelta(minutes=5)
_HOUR: Final = timedelta(hours=1)

MAX_EVENTS: Final = 2000
"""In one response, whose size Lambda limits to 6 MB. The sums count all events.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

_CAN_STOP: Final = (
    Reason.RECENT_ACTIVITY,
    Reason.NO_ACTIVITY_DATA,
    Reason.METRIC_ACTIVE,
    Reason.UNREPORTED_CONNECTIONS,
    Reason.IDLE,
)


def database_to_json(view: DatabaseView, settings: Settings) -> dict[str, Any]:
    """A Database."""
    record, decision, description = view.record, view.decision, view.description
    info = effective_status(description, record, view.at)
    last = decision.last_activity
    return {
        "id": description.ref.id,
        "kind": description.ref.kind,
        "status": description.status,
        "state": info.state,
        "ready": info.ready,
        "reason": decision.reason,
        "detail": decision.detail,
        "last_activity_at": _time(last.at if last else None),
        "last_activity_source": last and last.source,
        "idle_minutes": None if last is None else max(0.0, round((view.at - last.at).total_seconds() / 60, 1)),
        "stops_at": _time(_stops_at(view, settings)),
        "hold_until": _time(record.hold.until if record.hold else None),
        "restart_requested_at": _time(record.pending_restart.requested_at if record.pending_restart else None),
        "estimated_ready_at": _time(_estimated_ready_at(view)),
        "automatic_restart_at": _time(description.automatic_restart_at),
    }


def missing_database_to_json(ref: DatabaseRef, problem: Problem) -> dict[str, Any]:
    """A Database that RDS does not find, so that the list still contains the others."""
    activity = dict.fromkeys(("last_activity_at", "last_activity_source", "idle_minutes", "stops_at", "hold_until"))
    times = dict.fromkeys(("restart_requested_at", "estimated_ready_at", "automatic_restart_at"))
    known = {"id": ref.id, "kind": ref.kind, "status": None, "state": State.FAILED, "ready": False}
    return {**known, "reason": Reason.FAILED, "detail": problem.detail, **activity, **times}


def history_to_json(history: History, settings: Settings) -> dict[str, Any]:
    """What happened, oldest first, the periods between, and the sums."""
    shown = history.events[-MAX_EVENTS:]
    summary, price = summarize(history), settings.hourly_cost_usd
    return {
        "events": [
            {"at": format_time(event.at), "event": event.name, "by": event.by, "detail": event.detail}
            for event in shown
        ],
        "periods": [
            {"from": format_time(period.start), "until": format_time(period.end), "state": period.state}
            for period in history.periods
        ],
        "summary": {
            "from": format_time(history.start),
            "until": format_time(history.end),
            "running_hours": _hours(summary.running),
            "stopped_hours": _hours(summary.stopped),
            "unobserved_hours": _hours(summary.unobserved),
            "saved_hours": _hours(summary.saved),
            "saved_usd": None if price is None else round(summary.saved / _HOUR * price, 2),
            "starts": summary.starts,
            "median_wake_seconds": None
            if summary.start_latency is None
            else round(summary.start_latency.total_seconds()),
            "events_left_out": len(history.events) - len(shown),
        },
    }


def restart_to_json(result: RestartResult, settings: Settings) -> dict[str, Any]:
    """The body of the response to a restart."""
    return {
        "message": result.message,
        "instance_id": result.view.description.ref.id,
        "database": database_to_json(result.view, settings),
    }


def retry_after_seconds(view: DatabaseView) -> int:
    """``Retry-After`` while the database starts or stops: half of the remaining time, but 2 to 30 seconds."""
    ready_at = _estimated_ready_at(view)
    left = 0.0 if ready_at is None else (ready_at - view.at).total_seconds()
    return min(30, max(2, math.ceil(left / 2)))


def _stops_at(view: DatabaseView, settings: Settings) -> datetime | None:
    is_open = view.decision.reason is Reason.UNREPORTED_CONNECTIONS and view.decision.open_connections
    if view.decision.reason not in _CAN_STOP or is_open:
        return None
    return view.at if view.decision.last_activity is None else view.decision.last_activity.at + settings.idle_timeout


def _estimated_ready_at(view: DatabaseView) -> datetime | None:
    usual = _usual_start(view.record)
    if view.decision.reason is Reason.STARTING:
        began = view.record.accepted_start.accepted_at if view.record.accepted_start else view.record.status_changed_at
        return (began or view.at) + usual
    waiting = (
        view.record.pending_restart is not None and classify_status(view.description.status).state is not State.FAILED
    )
    return view.at + usual if waiting else None


def _usual_start(record: DatabaseRecord) -> timedelta:
    return timedelta(seconds=median(record.start_durations)) if record.start_durations else _USUAL_START


def _hours(duration: timedelta) -> float:
    return round(duration / _HOUR, 2)


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
