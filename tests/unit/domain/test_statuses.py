"""The contract's table of statuses, to the letter."""

import pytest

from chalicelib.domain.model import State, StatusInfo
from chalicelib.domain.statuses import classify_status, is_known, remedy_for

CONTRACT = {
    StatusInfo(State.STOPPED): "stopped",
    StatusInfo(State.STARTING): "starting",
    StatusInfo(State.STOPPING): "stopping",
    StatusInfo(State.RUNNING, ready=True): "available",
    StatusInfo(State.BUSY, ready=True): (
        "backing-up configuring-enhanced-monitoring configuring-iam-database-auth configuring-log-exports modifying "
        "resetting-master-credentials storage-config-upgrade storage-initialization storage-optimization "
        "update-iam-db-auth"
    ),
    StatusInfo(State.BUSY): (
        "backtracking converting-to-vpc creating delete-precheck failing-over maintenance migrating moving-to-vpc "
        "promoting rebooting renaming upgrading"
    ),
    StatusInfo(State.FAILED): (
        "cloning-failed deleting failed inaccessible-encryption-credentials "
        "inaccessible-encryption-credentials-recoverable incompatible-network incompatible-option-group "
        "incompatible-parameters incompatible-restore insufficient-capacity migration-failed restore-error storage-full"
    ),
}


@pytest.mark.parametrize(
    ("status", "condition"), [(word, condition) for condition, words in CONTRACT.items() for word in words.split()]
)
def test_each_status_means_what_the_contract_says(status: str, condition: StatusInfo) -> None:
    assert classify_status(status) == condition
    assert is_known(status)


def test_a_status_never_heard_of_is_busy_and_not_ready() -> None:
    assert classify_status("levitating") == StatusInfo(State.BUSY)
    assert not is_known("levitating")


def test_every_failure_comes_with_something_to_do() -> None:
    for status in CONTRACT[StatusInfo(State.FAILED)].split():
        assert remedy_for(status).endswith(".")
        assert remedy_for(status) != remedy_for("unheard-of")
