"""RDS events that announce an automatic start, as EventBridge delivers them."""

from typing import Any

import pytest

from tests.served import Serve
from tests.support import START_MINUTES


@pytest.mark.parametrize(
    ("database", "kind", "event_id"),
    [
        pytest.param("ss-financial-prod", "Instance", "RDS-EVENT-0154", id="instance"),
        pytest.param("analytics", "Cluster", "RDS-EVENT-0153", id="cluster"),
    ],
)
def test_database_event__aws_starts_it_itself__is_stopped_as_soon_as_available(
    serve: Serve, database: str, kind: str, event_id: str
) -> None:
    app = serve(databases=database if kind == "Instance" else f"cluster:{database}")
    ref = app.world.settings.databases[0]
    app.world.report_query(ref=ref)
    app.run_check()
    app.world.clock.advance(days=7)
    app.send_event(database, kind, event_id)
    assert app.world.status(ref) == "starting"
    app.world.wait(START_MINUTES)
    app.send_event(database, kind, "RDS-EVENT-0088")
    assert app.world.status(ref) == "stopping"
    events = app.call("GET", f"/databases/{database}/history", role="viewer").json_body["events"]
    assert [(event["event"], event["by"]) for event in events] == [
        ("starting", "AWS"), ("available", "AWS"), ("stopping", "rds-lifecycle")
    ]  # fmt: skip


@pytest.mark.parametrize("event_id", ["RDS-EVENT-0088", "RDS-EVENT-0151", None, 154], ids=repr)
def test_database_event__any_other_start__gives_a_full_idle_timeout(serve: Serve, event_id: Any) -> None:
    app = serve()
    app.world.report_query()
    app.run_check()
    app.world.clock.advance(START_MINUTES, days=7)
    app.send_event("ss-financial-prod", event_id=event_id)
    app.world.wait(60, check_every=15)
    assert app.world.status() == "available"
    app.world.wait(15, check_every=15)
    assert app.world.status() == "stopping"
