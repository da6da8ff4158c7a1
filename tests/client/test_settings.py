"""What the environment says: all faults at once, and never a token."""

from datetime import timedelta

import pytest

from rds_lifecycle_client import ActivityItem, Api, LifecycleClient, NotConfigured, StartFunction
from rds_lifecycle_client.settings import Settings, read_settings

ROUTES = {
    "RDS_LIFECYCLE_URL": "https://abc.execute-api.us-east-1.amazonaws.com/api",
    "RDS_LIFECYCLE_TOKEN": "a-secret",
    "RDS_LIFECYCLE_DATABASE": "ss-financial-prod",
}


def test_all_of_them() -> None:
    given = {
        **ROUTES,
        "RDS_LIFECYCLE_FUNCTION": "rds-lifecycle-prod-start_database",
        "RDS_LIFECYCLE_TABLE": "system-metadata",
        "RDS_LIFECYCLE_ACTIVITY_KEY": "last_rds_query_time/analytics",
        "RDS_LIFECYCLE_REPORT_SECONDS": "2.5",
    }
    settings = read_settings(given)
    assert settings == Settings(
        url=ROUTES["RDS_LIFECYCLE_URL"],
        token="a-secret",
        database="ss-financial-prod",
        function="rds-lifecycle-prod-start_database",
        table="system-metadata",
        activity_key="last_rds_query_time/analytics",
        report_interval=timedelta(seconds=2.5),
    )
    assert "a-secret" not in repr(settings)


def test_the_defaults() -> None:
    settings = read_settings({"RDS_LIFECYCLE_TABLE": "system-metadata"})
    assert settings.activity_key == "last_rds_query_time"
    assert settings.report_interval == timedelta(minutes=1)


def test_every_fault_is_told_at_once_and_no_token() -> None:
    with pytest.raises(NotConfigured) as caught:
        read_settings(
            {
                "RDS_LIFECYCLE_URL": "lifecycle.example",
                "RDS_LIFECYCLE_TOKEN": "a-secrét",
                "RDS_LIFECYCLE_REPORT_SECONDS": "0",
            }
        )
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "RDS_LIFECYCLE_URL",
        "RDS_LIFECYCLE_DATABASE",
        "RDS_LIFECYCLE_TOKEN",
        "RDS_LIFECYCLE_REPORT_SECONDS",
    ]
    assert "a-secr" not in str(caught.value)


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "1e3", "3601", "soon"])
def test_seconds_that_are_none(seconds: str) -> None:
    with pytest.raises(NotConfigured, match="RDS_LIFECYCLE_REPORT_SECONDS"):
        read_settings({"RDS_LIFECYCLE_TABLE": "x", "RDS_LIFECYCLE_REPORT_SECONDS": seconds})


@pytest.mark.parametrize("url", ["http://[", "ftp://x", "https://", "https://x/?a=b"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(NotConfigured, match="RDS_LIFECYCLE_URL"):
        read_settings({**ROUTES, "RDS_LIFECYCLE_URL": url})


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(NotConfigured, match="holds a user or a password") as caught:
        read_settings({**ROUTES, "RDS_LIFECYCLE_URL": "http://user:pw-secret@lifecycle.example"})
    assert "pw-secret" not in str(caught.value)


def test_nothing_set_is_said() -> None:
    with pytest.raises(NotConfigured, match="at least one has to be set"):
        LifecycleClient.from_environment()


@pytest.mark.parametrize(
    ("given", "sink", "restart_target", "has_api"),
    [
        (ROUTES, Api, Api, True),
        ({"RDS_LIFECYCLE_TABLE": "t"}, ActivityItem, type(None), False),
        ({"RDS_LIFECYCLE_FUNCTION": "f"}, type(None), StartFunction, False),
        ({**ROUTES, "RDS_LIFECYCLE_TABLE": "t", "RDS_LIFECYCLE_FUNCTION": "f"}, ActivityItem, StartFunction, True),
    ],
)
def test_what_is_set_decides_the_ways(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], sink: type, restart_target: type, *, has_api: bool
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    lifecycle = LifecycleClient.from_environment()
    reporter = lifecycle.reporter
    assert type(reporter and reporter._sink) is sink
    assert type(lifecycle._restart_target) is restart_target
    assert (lifecycle.api is not None) is has_api
    lifecycle.mark_active()
    lifecycle.close()
