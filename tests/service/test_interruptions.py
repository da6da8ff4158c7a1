"""A function ends early, as at Lambda's time limit: the next one completes its work."""

import pytest

from chalicelib.domain.model import Action, Reason
from tests.support import PROD, START_MINUTES, World, before_call


class Killed(BaseException):
    """The function ends here."""


def kill() -> None:
    raise Killed


def test_stop__killed_before_the_call__intent_expires_and_restart_succeeds(idle: World) -> None:
    with before_call(idle.rds, "StopDBInstance", kill), pytest.raises(Killed):
        idle.check()
    assert idle.status() == "available"
    assert idle.check().reason == Reason.STOPPING, "another function may be about to stop it"
    assert idle.lifecycle.restart(PROD, by="ops").ready is False
    idle.wait(15)
    assert idle.check().reason == Reason.RECENT_ACTIVITY
    assert (idle.record().stop_intent, idle.record().pending_restart) == (None, None)
    assert idle.status() == "available"


def test_stop__killed_after_the_call__is_recorded_by_the_next_check(idle: World) -> None:
    with before_call(idle.dynamodb, "TransactWriteItems", kill, nth=2), pytest.raises(Killed):
        idle.check()
    assert idle.status() == "stopping"
    assert idle.check().reason == Reason.STOPPING
    event = idle.history()[-1]
    assert (event["event"], event["by"]) == ("stopping", "rds-lifecycle")
    assert event["detail"].startswith("Idle for 2 h")


def test_restart__killed_before_the_call__is_carried_out_by_the_next_check(stopped: World) -> None:
    with before_call(stopped.rds, "StartDBInstance", kill), pytest.raises(Killed):
        stopped.lifecycle.restart(PROD, by="ops")
    result = stopped.check()
    assert (result.action, result.reason) == (Action.START, Reason.RESTART_REQUESTED)


def test_restart__killed_after_the_call__is_recorded_by_the_next_check(stopped: World) -> None:
    with before_call(stopped.dynamodb, "TransactWriteItems", kill, nth=2), pytest.raises(Killed):
        stopped.lifecycle.restart(PROD, by="ops")
    stopped.wait(START_MINUTES, check_every=1)
    assert stopped.event_names()[-3:] == ["restart-requested", "starting", "available"]
    assert stopped.history()[-1]["by"] == "ops"
