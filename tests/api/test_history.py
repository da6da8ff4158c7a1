"""GET /databases/{id}/history: events, periods and sums."""

import pytest

from chalicelib.api.responses import MAX_EVENTS
from chalicelib.aws.table import Table
from chalicelib.domain.model import Event, EventName
from tests.served import Serve
from tests.support import NOW, PROD

URL = f"/databases/{PROD.id}"


def test_history__restart_and_stop__shows_events_periods_and_sums(serve: Serve) -> None:
    app = serve(HOURLY_COST_USD="0.5")
    app.run_check()
    app.world.clock.advance(60)
    app.call("POST", f"{URL}/restart")
    app.world.wait(180, check_every=15)
    app.world.calls.clear()
    response = app.call("GET", f"{URL}/history", role="viewer")
    assert response.status_code == 200
    assert app.world.calls == ["BatchGetItem"]
    assert set(response.json_body) == {"events", "periods", "summary"}
    events, summary = response.json_body["events"], response.json_body["summary"]
    assert [(event["event"], event["by"]) for event in events] == [
        ("first-seen", None),
        ("restart-requested", "operator-name"),
        ("starting", "operator-name"),
        ("available", "operator-name"),
        ("stopping", "rds-lifecycle"),
        ("stopped", "rds-lifecycle"),
    ]
    assert events[2] == {
        "at": "2026-03-02T10:00:00Z",
        "event": "starting",
        "by": "operator-name",
        "detail": "RDS starts it, as requested.",
    }
    assert (summary["from"], summary["until"]) == ("2026-02-23T13:00:00Z", "2026-03-02T13:00:00Z")
    # Observed as available at 10:15 and as stopped at 11:45; the check at 11:30 stopped it.
    assert (summary["running_hours"], summary["stopped_hours"], summary["saved_hours"]) == (1.25, 2.25, 2.75)
    assert summary["unobserved_hours"] == 7 * 24 - 4
    assert (summary["saved_usd"], summary["starts"], summary["median_wake_seconds"]) == (1.38, 1, 900)
    assert [period["state"] for period in response.json_body["periods"]] == [
        None, "stopped", "starting", "running", "stopping", "stopped",
    ]  # fmt: skip


def test_history__ninety_days__takes_one_call(serve: Serve) -> None:
    app = serve()
    for _ in range(95):
        app.run_check()
        app.world.clock.advance(days=1)
    app.world.calls.clear()
    summary = app.call("GET", f"{URL}/history?days=90", role="viewer").json_body["summary"]
    assert app.world.calls == ["BatchGetItem"]
    # AWS started it every seven days, and the next check stopped it.
    assert summary["unobserved_hours"] == 0
    assert summary["running_hours"] + summary["saved_hours"] == 90 * 24


def test_history__no_price_set__shows_no_savings_in_usd(serve: Serve) -> None:
    assert serve().call("GET", f"{URL}/history").json_body["summary"]["saved_usd"] is None


@pytest.mark.parametrize(
    "query", ["days=0", "days=91", "days=-1", "days=1.5", "days=", "days=seven", "days=\u0667", "days=07"], ids=ascii
)
def test_history__invalid_days__is_400(serve: Serve, query: str) -> None:
    response = serve().call("GET", f"{URL}/history?{query}")
    assert response.status_code == 400
    assert response.json_body["type"] == "urn:rds-lifecycle:bad-request"
    assert response.json_body["detail"] == "days is a whole number from 1 to 90, as in ?days=7."


def test_history__too_many_events__shows_the_latest_and_counts_the_rest(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = serve()
    events = tuple(
        Event(NOW, EventName.RESTART_REQUESTED, "ops", f"{number}", "stopped") for number in range(MAX_EVENTS + 7)
    )
    monkeypatch.setattr(Table, "history", lambda *_: events)
    history = app.call("GET", f"{URL}/history").json_body
    assert len(history["events"]) == MAX_EVENTS
    assert history["events"][-1]["detail"] == str(MAX_EVENTS + 6)
    assert history["summary"]["events_left_out"] == 7


def test_history__read__changes_nothing(serve: Serve) -> None:
    app = serve()
    app.run_check()
    before = app.world.record()
    app.call("GET", f"{URL}/history")
    assert app.world.record() == before
