"""The methods of the data types."""

from dataclasses import replace

import pytest

from chalicelib.domain.activity import NoActivity
from chalicelib.domain.errors import AwsUnavailable
from chalicelib.domain.model import Description, Event, EventName, Observation, Transition
from chalicelib.domain.record import DatabaseRecord
from tests.support import ANALYTICS, NOW, PROD


def test_label__each_kind__names_the_rds_resource() -> None:
    assert (PROD.label, ANALYTICS.label) == ("RDS instance", "RDS cluster")


def test_described__rds_described_the_database__is_the_description() -> None:
    description = Description(PROD, "available")
    assert Observation(PROD, NOW, description, DatabaseRecord(), NoActivity()).described is description


def test_described__rds_did_not_respond__raises_the_problem() -> None:
    problem = AwsUnavailable("RDS does not respond.")
    with pytest.raises(AwsUnavailable) as raised:
        _ = Observation(PROD, NOW, problem, DatabaseRecord(), NoActivity()).described
    assert raised.value is problem


def test_then__two_transitions__has_the_later_record_and_the_events_of_both() -> None:
    first, second = (Event(NOW, name, "ops", "It happened.") for name in (EventName.HOLD_SET, EventName.HOLD_ENDED))
    changed = replace(DatabaseRecord(), status="available")
    both = Transition(DatabaseRecord(), (first,)).then(Transition(changed, (second,)))
    assert both == Transition(changed, (first, second))
