"""Records that other versions of the app wrote: they are read without loss, and prevent nothing."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.aws.records import VERSION, decode_record
from chalicelib.domain.record import AcceptedStart, DatabaseRecord, Hold, PendingRestart, StopIntent
from tests.support import NOW, PROD, START_MINUTES, MakeWorld, World

KEY = {"key": {"S": "rds_lifecycle/ss-financial-prod"}}
AT = "2026-03-02T09:00:00+00:00"

ACCEPTED_START = {
    "M": {
        "accepted_at": {"S": AT},
        "restart": {"M": {"requested_at": {"S": AT}, "by": {"S": "ops"}}},
        "external": {"BOOL": True},
    }
}

SAMPLES: dict[str, dict[str, Any]] = {
    "only the key": {},
    "version 1, at its first write": {"v": {"N": "1"}, "revision": {"N": "1"}, "status": {"S": "stopped"}},
    "version 1, with every field": {
        "v": {"N": "1"},
        "revision": {"N": "12"},
        "status": {"S": "stopped"},
        "status_changed_at": {"S": AT},
        "available_since": {"S": AT},
        "started_on_request": {"BOOL": True},
        "first_observed_at": {"S": AT},
        "last_restart_requested_at": {"S": AT},
        "pending_restart": {"M": {"requested_at": {"S": AT}, "by": {"S": "ops"}}},
        "hold": {"M": {"until": {"S": AT}, "by": {"S": "ops"}}},
        "stop_intent": {"M": {"set_at": {"S": AT}, "reason": {"S": "Idle."}}},
        "accepted_start": ACCEPTED_START,
        "start_durations": {"L": [{"N": "240"}, {"N": "251"}]},
        "automatic_restart_at": {"S": "2026-03-09T09:00:00+00:00"},
        "started_by_aws": {"BOOL": True},
        "last_error": {"S": "CannotStop"},
        "last_daily_status_on": {"S": "2026-03-02"},
    },
    "version 1, while a start is in progress": {
        "v": {"N": "1"},
        "revision": {"N": "7"},
        "status": {"S": "starting"},
        "status_changed_at": {"S": AT},
        "accepted_start": ACCEPTED_START,
        "automatic_restart_at": {"S": "2026-03-09T09:00:00+00:00"},
    },
    "version 1, with few fields": {"revision": {"N": "3"}, "available_since": {"S": AT}},
    "a later version, with more fields": {
        "v": {"N": "2"},
        "revision": {"N": "40"},
        "status": {"S": "stopped"},
        "hold": {"M": {"until": {"S": "2026-03-02T17:00:00Z"}, "by": {"S": "ops"}, "ticket": {"S": "OPS-7"}}},
        "forecast": {"M": {"next_query_at": {"S": AT}}},
    },
    "a later version, with fields of other types": {
        "v": {"S": "2027-01"},
        "revision": {"S": "01J9ZK"},
        "status": {"L": [{"S": "stopped"}, {"S": AT}]},
        "pending_restart": {"L": [{"M": {"by": {"S": "ops"}}}]},
        "stop_intent": {"BOOL": True},
        "start_durations": {"M": {"p50": {"N": "240"}}},
        "status_changed_at": {"N": "1772442000.5"},
    },
}
POSSIBLE = {name: sample for name, sample in SAMPLES.items() if name != "version 1, with every field"}
"""No database is starting, stopping and held, with a pending restart, at the same time."""
UNKNOWN = ("forecast", "OPS-7", "p50")


def put(world: World, sample: dict[str, Any]) -> None:
    world.dynamodb.put_item(TableName="system-metadata", Item={**KEY, **sample})


def stored_item(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.dynamodb.get_item(TableName="system-metadata", Key=KEY)["Item"]
    return found


def test_decode_record__version_1__reads_every_field() -> None:
    assert VERSION == 1, "a new version adds its samples here"
    assert decode_record(SAMPLES["version 1, with every field"]) == DatabaseRecord(
        revision=12,
        status="stopped",
        status_changed_at=NOW,
        available_since=NOW,
        started_on_request=True,
        first_observed_at=NOW,
        last_restart_requested_at=NOW,
        pending_restart=PendingRestart(NOW, "ops"),
        hold=Hold(NOW, "ops"),
        stop_intent=StopIntent(NOW, "Idle."),
        accepted_start=AcceptedStart(NOW, PendingRestart(NOW, "ops"), external=True),
        start_durations=(240, 251),
        automatic_restart_at=NOW + timedelta(days=7),
        started_by_aws=True,
        last_error="CannotStop",
        last_daily_status_on=NOW.date(),
    )


@pytest.mark.parametrize("sample", POSSIBLE.values(), ids=POSSIBLE)
def test_lifecycle__record_of_any_version__starts_holds_and_stops(
    make_world: MakeWorld, sample: dict[str, Any]
) -> None:
    world = make_world()
    put(world, sample)
    world.lifecycle.check()
    assert not world.lifecycle.restart(PROD, by="ops").ready
    world.wait(2 * START_MINUTES, check_every=2)
    assert world.status() == "available"
    world.lifecycle.hold(PROD, timedelta(hours=2), by="ops")
    world.wait(90, check_every=45)
    assert world.status() == "available"
    world.lifecycle.end_hold(PROD, by="ops")
    world.lifecycle.check()
    assert world.status() == "stopping"
    assert world.record().revision > 1


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_record__of_any_version__keeps_unknown_attributes(make_world: MakeWorld, sample: dict[str, Any]) -> None:
    world = make_world()
    put(world, sample)
    world.lifecycle.describe(PROD)
    assert stored_item(world) == {**KEY, **sample}
    world.lifecycle.restart(PROD, by="ops")
    written = str(stored_item(world))
    assert [word for word in UNKNOWN if word in str(sample) and word not in written] == []
