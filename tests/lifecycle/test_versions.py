"""Records that older and newer versions of the app have written: read without loss, and never in the way."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.aws.records import VERSION, decode_record
from chalicelib.domain.model import AcceptedStart, DatabaseRecord, Hold, PendingRestart, StopIntent
from tests.support import NOW, PROD, START_MINUTES, World, a_world

KEY = {"key": {"S": "rds_lifecycle/ss-financial-prod"}}
AT = "2026-03-02T09:00:00+00:00"

SAMPLES: dict[str, dict[str, Any]] = {
    "nothing but its key": {},
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
        "stop_intent": {"M": {"raised_at": {"S": AT}, "why": {"S": "Idle."}}},
        "accepted_start": {"M": {"at": {"S": AT}, "by": {"S": "ops"}, "requested_at": {"S": AT}}},
        "start_durations": {"L": [{"N": "240"}, {"N": "251"}]},
        "automatic_restart_at": {"S": "2026-03-09T09:00:00+00:00"},
        "started_by_aws": {"BOOL": True},
        "last_error": {"S": "CannotStop"},
    },
    "version 1, while a start is under way": {
        "v": {"N": "1"},
        "revision": {"N": "7"},
        "status": {"S": "starting"},
        "status_changed_at": {"S": AT},
        "accepted_start": {"M": {"at": {"S": AT}, "by": {"S": "ops"}, "requested_at": {"S": AT}}},
        "automatic_restart_at": {"S": "2026-03-09T09:00:00+00:00"},
    },
    "version 1, after fields were taken away": {"revision": {"N": "3"}, "available_since": {"S": AT}},
    "a version of tomorrow, with more fields": {
        "v": {"N": "2"},
        "revision": {"N": "40"},
        "status": {"S": "stopped"},
        "hold": {"M": {"until": {"S": "2026-03-02T17:00:00Z"}, "by": {"S": "ops"}, "ticket": {"S": "OPS-7"}}},
        "forecast": {"M": {"next_query_at": {"S": AT}}},
    },
    "a version of tomorrow, with fields of another shape": {
        "v": {"S": "2027-01"},
        "revision": {"S": "01J9ZK"},
        "status": {"L": [{"S": "stopped"}, {"S": AT}]},
        "restart": {"L": [{"M": {"by": {"S": "ops"}}}]},
        "stop_intent": {"BOOL": True},
        "start_durations": {"M": {"p50": {"N": "240"}}},
        "status_changed_at": {"N": "1772442000.5"},
    },
}
STORIES = {name: sample for name, sample in SAMPLES.items() if name != "version 1, with every field"}
"""No database is starting, stopping and held, and about to be restarted, all at once."""
OF_TOMORROW = ("forecast", "OPS-7", "p50")


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as it:
        yield it


def put(world: World, sample: dict[str, Any]) -> None:
    world.dynamodb.put_item(TableName="system-metadata", Item={**KEY, **sample})


def item(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.dynamodb.get_item(TableName="system-metadata", Key=KEY)["Item"]
    return found


def test_every_field_of_version_1_is_read() -> None:
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
        accepted_start=AcceptedStart(NOW, "ops", NOW),
        start_durations=(240, 251),
        automatic_restart_at=NOW + timedelta(days=7),
        started_by_aws=True,
        last_error="CannotStop",
    )


@pytest.mark.parametrize("sample", STORIES.values(), ids=STORIES)
def test_whoever_wrote_the_record_the_database_is_started_minded_and_stopped(
    world: World, sample: dict[str, Any]
) -> None:
    put(world, sample)
    world.lifecycle.check()
    assert not world.lifecycle.restart(PROD, by="ops").ready
    world.wait(2 * START_MINUTES, check_every=1)
    assert world.status() == "available"
    world.lifecycle.hold(PROD, timedelta(hours=2), by="ops")
    world.wait(90, check_every=15)
    assert world.status() == "available"
    world.lifecycle.end_hold(PROD, by="ops")
    world.lifecycle.check()
    assert world.status() == "stopping"
    assert world.record().revision > 1


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_looking_changes_nothing_and_a_write_keeps_what_it_does_not_know(world: World, sample: dict[str, Any]) -> None:
    put(world, sample)
    world.lifecycle.describe(PROD)
    assert item(world) == {**KEY, **sample}
    world.lifecycle.restart(PROD, by="ops")
    written = str(item(world))
    assert [word for word in OF_TOMORROW if word in str(sample) and word not in written] == []
