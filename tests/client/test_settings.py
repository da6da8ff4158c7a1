"""Settings from environment variables: all errors at once, and no secret in an error."""

from datetime import timedelta

import pytest

from rds_lifecycle_client import ActivityItem, Api, LifecycleClient, NotConfigured, StartFunction
from rds_lifecycle_client.settings import Settings, read_settings

API_SETTINGS = {
    "RDS_LIFECYCLE_URL": "https://abc.execute-api.us-east-1.amazonaws.com/api",
    "RDS_LIFECYCLE_TOKEN": "a-secret",
    "RDS_LIFECYCLE_DATABASE": "ss-financial-prod",
}


def test_read_settings__all_variables__are_read() -> None:
    settings = read_settings(
        {
            **API_SETTINGS,
            "RDS_LIFECYCLE_FUNCTION": "rds-lifecycle-prod-start_database",
            "RDS_LIFECYCLE_TABLE": "system-metadata",
            "RDS_LIFECYCLE_ACTIVITY_KEY": "last_rds_query_time/analytics",
            "RDS_LIFECYCLE_REPORT_SECONDS": "2.5",
        }
    )
    assert settings == Settings(
        url=API_SETTINGS["RDS_LIFECYCLE_URL"],
        token="a-secret",
        database="ss-financial-prod",
        function="rds-lifecycle-prod-start_database",
        table="system-metadata",
        activity_key="last_rds_query_time/analytics",
        report_interval=timedelta(seconds=2.5),
    )
    assert "a-secret" not in repr(settings)


def test_read_settings__table_only__uses_the_defaults() -> None:
    settings = read_settings({"RDS_LIFECYCLE_TABLE": "system-metadata"})
    assert settings.activity_key == "last_rds_query_time"
    assert settings.report_interval == timedelta(minutes=1)


def test_read_settings__several_errors__lists_all_without_the_token() -> None:
    with pytest.raises(NotConfigured) as caught:
        read_settings(
            {
                "RDS_LIFECYCLE_URL": "lifecycle.example",
                "RDS_LIFECYCLE_TOKEN": "a-secrét",
                "RDS_LIFECYCLE_REPORT_SECONDS": "0",
            }
        )
    assert [error.split(":")[0] for error in caught.value.errors] == [
        "RDS_LIFECYCLE_URL",
        "RDS_LIFECYCLE_DATABASE",
        "RDS_LIFECYCLE_TOKEN",
        "RDS_LIFECYCLE_REPORT_SECONDS",
    ]
    assert "a-secr" not in str(caught.value)


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "1e3", "3601", "soon"])
def test_read_settings__invalid_report_seconds__is_an_error(seconds: str) -> None:
    with pytest.raises(NotConfigured, match="RDS_LIFECYCLE_REPORT_SECONDS"):
        read_settings({"RDS_LIFECYCLE_TABLE": "x", "RDS_LIFECYCLE_REPORT_SECONDS": seconds})


@pytest.mark.parametrize("url", ["http://[", "ftp://x", "https://", "https://x/?a=b"])
def test_read_settings__invalid_url__is_an_error(url: str) -> None:
    with pytest.raises(NotConfigured, match="RDS_LIFECYCLE_URL"):
        read_settings({**API_SETTINGS, "RDS_LIFECYCLE_URL": url})


def test_read_settings__password_in_the_url__is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(NotConfigured, match="must not contain a user or a password") as caught:
        read_settings({**API_SETTINGS, "RDS_LIFECYCLE_URL": "http://user:pw-secret@lifecycle.example"})
    assert "pw-secret" not in str(caught.value)


def test_from_environment__no_variables__is_not_configured() -> None:
    with pytest.raises(NotConfigured, match="set at least one"):
        LifecycleClient.from_environment()


@pytest.mark.parametrize(
    ("environ", "sink", "restart_target", "has_api"),
    [
        pytest.param(API_SETTINGS, Api, Api, True, id="api"),
        pytest.param({"RDS_LIFECYCLE_TABLE": "t"}, ActivityItem, type(None), False, id="table"),
        pytest.param({"RDS_LIFECYCLE_FUNCTION": "f"}, type(None), StartFunction, False, id="function"),
        pytest.param(
            {**API_SETTINGS, "RDS_LIFECYCLE_TABLE": "t", "RDS_LIFECYCLE_FUNCTION": "f"},
            ActivityItem,
            StartFunction,
            True,
            id="all",
        ),
    ],
)
def test_from_environment__variables__select_sink_and_restart_target(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], sink: type, restart_target: type, *, has_api: bool
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    lifecycle = LifecycleClient.from_environment()
    reporter = lifecycle.reporter
    assert type(reporter and reporter._sink) is sink
    assert type(lifecycle._restart_target) is restart_target
    assert (lifecycle.api is not None) is has_api


def test_client__without_any_part__ignores_reports() -> None:
    lifecycle = LifecycleClient()
    lifecycle.mark_active()
    lifecycle.report()
    lifecycle.close()
    assert not lifecycle.wake()
