"""Settings: read once, every fault named at once."""

import hashlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.activity import MetricRule
from chalicelib.domain.model import DatabaseRef, Kind
from chalicelib.settings import AccessToken, Role, Settings, SettingsError, read_deploy_time_settings, read_settings

DIGEST = hashlib.sha256(b"secret").hexdigest()


def faults(**environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as error:
        read_settings({"DATABASES": "ss-financial-prod", **environ})
    return error.value.faults


def test_only_the_databases_have_to_be_named() -> None:
    settings = read_settings({"DATABASES": "ss-financial-prod"})
    assert settings == Settings((DatabaseRef(Kind.INSTANCE, "ss-financial-prod"),))
    assert (settings.metadata_table, settings.activity_key) == ("system-metadata", "last_rds_query_time")
    assert (settings.idle_timeout, settings.check_interval) == (timedelta(minutes=60), timedelta(minutes=15))


def test_everything_can_be_set() -> None:
    settings = read_settings(
        {
            "DATABASES": "ss-financial-prod, cluster:Analytics",
            "METADATA_TABLE": "meta",
            "ACTIVITY_KEY": "last",
            "IDLE_MINUTES": "0.5",
            "CHECK_INTERVAL_MINUTES": "1",
            "WARM_UP_SCHEDULE": "cron(0 7 ? * MON-FRI *)",
            "ACTIVITY_METRIC": "DBLoad > 0.05",
            "ACCESS_TOKENS": f"ops:operator:{DIGEST}, app:reporter:{DIGEST.upper()}",
            "CORS_ORIGIN": "https://dashboard.example.com",
            "DASHBOARD_URL": "https://dashboard.example.com/start",
            "HOURLY_COST_USD": "0.073",
        }
    )
    assert settings.databases[1] == DatabaseRef(Kind.CLUSTER, "analytics")
    assert settings.idle_timeout == timedelta(seconds=30)
    assert settings.check_interval == timedelta(minutes=1)
    assert settings.activity_metric == MetricRule("DBLoad", 0.05)
    assert settings.access_tokens == (
        AccessToken("ops", Role.OPERATOR, DIGEST),
        AccessToken("app", Role.REPORTER, DIGEST),
    )
    assert settings.hourly_cost_usd == 0.073


def test_four_faults_give_one_message_with_four_lines() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(
            {"IDLE_MINUTES": "soon", "CHECK_INTERVAL_MINUTES": "0", "ACTIVITY_METRIC": "load", "CORS_ORIGIN": "here"}
            | {"DATABASES": "ok"}
        )
    assert len(error.value.faults) == 4
    lines = str(error.value).splitlines()
    assert len(lines) == 5
    for line, name in zip(
        lines[1:], ("IDLE_MINUTES", "CHECK_INTERVAL_MINUTES", "ACTIVITY_METRIC", "CORS_ORIGIN"), strict=True
    ):
        assert line.strip().startswith(f"{name}: found ")
        assert "; allowed: " in line


def test_missing_databases_are_a_fault_and_not_a_key_error() -> None:
    with pytest.raises(SettingsError, match="DATABASES: it is missing; allowed: comma-separated ids"):
        read_settings({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASES", "a,,b"),
        ("DATABASES", "twice,cluster:twice"),
        ("DATABASES", "snapshot:x"),
        ("DATABASES", "-x"),
        ("DATABASES", "x-"),
        ("DATABASES", "x--y"),
        ("DATABASES", "a" * 64),
        ("METADATA_TABLE", "no spaces"),
        ("ACTIVITY_KEY", "rds_lifecycle/x"),
        ("ACTIVITY_KEY", "rds_lifecycle"),
        ("ACTIVITY_KEY", "rds_history"),
        ("DASHBOARD_URL", "https://x.example/<script>"),
        ("ACTIVITY_KEY", "k" * 1001),
        ("IDLE_MINUTES", "0"),
        ("IDLE_MINUTES", "-3"),
        ("IDLE_MINUTES", "nan"),
        ("IDLE_MINUTES", "1e300"),
        ("CHECK_INTERVAL_MINUTES", "1.5"),
        ("WARM_UP_SCHEDULE", "every morning"),
        ("WARM_UP_SCHEDULE", "cron(0 7 * *)"),
        ("WARM_UP_SCHEDULE", "rate(1 hours)"),
        ("ACTIVITY_METRIC", "DatabaseConnections>"),
        ("ACTIVITY_METRIC", "DatabaseConnections>x"),
        ("ACTIVITY_METRIC", "DatabaseConnections>inf"),
        ("CORS_ORIGIN", "https://x.example/"),
        ("DASHBOARD_URL", "javascript:alert(1)"),
        ("HOURLY_COST_USD", "-1"),
    ],
)
def test_what_would_fail_later_is_refused_now(name: str, value: str) -> None:
    [fault] = faults(**{name: value})
    assert fault.startswith(f"{name}: found {value!r}; ")


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("hunter2", "entry 2 has 1 parts"),
        ("ops:hunter2", "entry 2 has 2 parts"),
        ("ops:hunter2:operator", "entry 2: the second part is no role"),
        (f"ops:admin:{DIGEST}", "entry 2: the second part is no role"),
        ("ops:operator:hunter2", "entry 2: the third part is no SHA-256"),
        (f"o p s:operator:{DIGEST}", "a name that is not letters"),
    ],
)
def test_tokens_are_refused_without_being_shown(entry: str, complaint: str) -> None:
    [fault] = faults(ACCESS_TOKENS=f"ok:viewer:{DIGEST},{entry}")
    assert complaint in fault
    assert "hunter2" not in fault
    assert DIGEST not in fault


def test_other_databases_have_activity_keys_of_their_own() -> None:
    settings = read_settings({"DATABASES": "one,cluster:two"})
    assert [settings.activity_key_of(ref) for ref in settings.databases] == [
        "last_rds_query_time",
        "last_rds_query_time/two",
    ]


def test_importing_the_app_needs_no_settings_and_takes_the_good_ones() -> None:
    assert read_deploy_time_settings({}).check_interval == timedelta(minutes=15)
    declared = read_deploy_time_settings({"CHECK_INTERVAL_MINUTES": "5", "CORS_ORIGIN": "x", "IDLE_MINUTES": "soon"})
    assert declared.check_interval == timedelta(minutes=5)
    assert declared.cors_origin is None


@given(st.dictionaries(st.sampled_from(["DATABASES", "IDLE_MINUTES", "ACCESS_TOKENS", "WARM_UP_SCHEDULE"]), st.text()))
def test_no_text_makes_anything_worse_than_a_settings_error(environ: dict[str, str]) -> None:
    try:
        assert read_settings(environ).databases
    except SettingsError as error:
        assert error.faults  # noqa: PT017 - both outcomes are fine, anything else is not
