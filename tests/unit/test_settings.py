"""The settings: each is parsed and checked, and all errors are listed at once."""

import hashlib
from dataclasses import MISSING, fields
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.activity import AUTO, MetricRule
from chalicelib.domain.model import DatabaseRef, Kind, Policy
from chalicelib.settings import (
    NO_DEFAULT,
    REQUIRED,
    SETTINGS,
    AccessToken,
    Role,
    Setting,
    Settings,
    SettingsError,
    read_deploy_time_settings,
    read_settings,
)
from tests.support import PROD

DIGEST = hashlib.sha256(b"secret").hexdigest()
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
DEFAULTS = {field.name: field.default for field in fields(Settings)}


def errors_of(**environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as error:
        read_settings({"DATABASES": "ss-financial-prod", **environ})
    return error.value.errors


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_settings_table__default_of_each_row__is_the_default_of_its_field(setting: Setting) -> None:
    default = DEFAULTS[setting.field]
    if setting.default == REQUIRED:
        assert default is MISSING
    elif setting.default == NO_DEFAULT:
        assert default in (None, ())
    else:
        assert setting.parse(setting.default) == default


def test_settings_table__all_rows__have_unique_names_and_cover_every_field_once() -> None:
    names = [setting.name for setting in SETTINGS]
    assert len(set(names)) == len(names)
    assert sorted(setting.field for setting in SETTINGS) == sorted(DEFAULTS)


def test_read_settings__only_databases__has_the_default_of_everything_else() -> None:
    settings = read_settings({"DATABASES": "ss-financial-prod"})
    assert settings == Settings((DatabaseRef(Kind.INSTANCE, "ss-financial-prod"),))
    assert (settings.metadata_table, settings.activity_key) == ("system-metadata", "last_rds_query_time")
    assert (settings.idle_timeout, settings.check_interval) == (timedelta(minutes=60), timedelta(minutes=15))


def test_read_settings__every_variable_set__has_every_value() -> None:
    environ = {
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
        "TABLE_KMS_KEY": f"arn:aws:kms:eu-central-1:123456789012:key/{KEY_ID}",
    }
    assert set(environ) == {setting.name for setting in SETTINGS}
    assert read_settings(environ) == Settings(
        databases=(DatabaseRef(Kind.INSTANCE, "ss-financial-prod"), DatabaseRef(Kind.CLUSTER, "analytics")),
        metadata_table="meta",
        activity_key="last",
        idle_timeout=timedelta(seconds=30),
        check_interval=timedelta(minutes=1),
        warm_up_schedule="cron(0 7 ? * MON-FRI *)",
        activity_metric=MetricRule("DBLoad", 0.05),
        access_tokens=(AccessToken("ops", Role.OPERATOR, DIGEST), AccessToken("app", Role.REPORTER, DIGEST)),
        cors_origin="https://dashboard.example.com",
        dashboard_url="https://dashboard.example.com/start",
        hourly_cost_usd=0.073,
        table_kms_key=f"arn:aws:kms:eu-central-1:123456789012:key/{KEY_ID}",
    )


def test_read_settings__four_errors__raises_one_error_with_a_line_for_each() -> None:
    invalid = {"IDLE_MINUTES": "soon", "CHECK_INTERVAL_MINUTES": "0", "ACTIVITY_METRIC": "load", "CORS_ORIGIN": "here"}
    with pytest.raises(SettingsError) as error:
        read_settings({"DATABASES": "ok", **invalid})
    lines = str(error.value).splitlines()[1:]
    assert tuple(line.strip() for line in lines) == error.value.errors
    for line, (name, value) in zip(error.value.errors, invalid.items(), strict=True):
        assert line.startswith(f"{name}: found {value!r}; ")
        assert "; allowed: " in line


@pytest.mark.parametrize(
    "environ", [pytest.param({}, id="not set"), pytest.param({"DATABASES": " "}, id="only a space")]
)
def test_read_settings__databases_missing__raises_settings_error(environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="DATABASES: it is missing; allowed: comma-separated ids"):
        read_settings(environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("DATABASES", "a,,b", id="empty id"),
        pytest.param("DATABASES", "twice,cluster:twice", id="the same id twice"),
        pytest.param("DATABASES", "Twice,twice", id="the same id in another case"),
        pytest.param("DATABASES", "snapshot:x", id="unknown kind of database"),
        pytest.param("DATABASES", "-x", id="id begins with a hyphen"),
        pytest.param("DATABASES", "x-", id="id ends with a hyphen"),
        pytest.param("DATABASES", "x--y", id="id with two hyphens in a row"),
        pytest.param("DATABASES", "a" * 64, id="id too long"),
        pytest.param("METADATA_TABLE", "no spaces", id="table name with a space"),
        pytest.param("ACTIVITY_KEY", "rds_lifecycle/x", id="activity key of a record"),
        pytest.param("ACTIVITY_KEY", "rds_lifecycle", id="activity key that begins those of records"),
        pytest.param("ACTIVITY_KEY", "rds_history", id="activity key that begins those of the history"),
        pytest.param("ACTIVITY_KEY", "k" * 1001, id="activity key too long"),
        pytest.param("IDLE_MINUTES", "0", id="no idle timeout"),
        pytest.param("IDLE_MINUTES", "-3", id="negative idle timeout"),
        pytest.param("IDLE_MINUTES", "nan", id="idle timeout is NaN"),
        pytest.param("IDLE_MINUTES", "1e300", id="idle timeout longer than a year"),
        pytest.param("CHECK_INTERVAL_MINUTES", "1.5", id="fraction of a check interval"),
        pytest.param("WARM_UP_SCHEDULE", "every morning", id="schedule in words"),
        pytest.param("WARM_UP_SCHEDULE", "cron(0 7 * *)", id="cron with four fields"),
        pytest.param("WARM_UP_SCHEDULE", "cron(0 7 * * MON-FRI *)", id="cron with both days"),
        pytest.param("WARM_UP_SCHEDULE", "cron( 0 7 ? * ? * )", id="cron with neither day"),
        pytest.param("WARM_UP_SCHEDULE", "rate(1 hours)", id="rate with a wrong plural"),
        pytest.param("ACTIVITY_METRIC", "automatic", id="metric without a rule"),
        pytest.param("ACTIVITY_METRIC", "DatabaseConnections<1", id="metric below a number"),
        pytest.param("ACTIVITY_METRIC", "DatabaseConnections>", id="metric without a number"),
        pytest.param("ACTIVITY_METRIC", "DatabaseConnections>x", id="metric with a word"),
        pytest.param("ACTIVITY_METRIC", "DatabaseConnections>inf", id="metric with infinity"),
        pytest.param("CORS_ORIGIN", "https://x.example/", id="origin with a slash"),
        pytest.param("DASHBOARD_URL", "javascript:alert(1)", id="address of a script"),
        pytest.param("DASHBOARD_URL", "https://x.example/<script>", id="address with markup"),
        pytest.param("HOURLY_COST_USD", "-1", id="negative cost"),
        pytest.param("TABLE_KMS_KEY", KEY_ID, id="id of a key"),
        pytest.param("TABLE_KMS_KEY", "arn:aws:kms:eu-central-1:123456789012:alias/table", id="alias of a key"),
    ],
)
def test_read_settings__invalid_value__is_an_error_that_names_it(name: str, value: str) -> None:
    [error] = errors_of(**{name: value})
    assert error.startswith(f"{name}: found {value!r}; ")


@pytest.mark.parametrize(
    "schedule",
    [
        pytest.param("cron(0 7 ? * MON-FRI *)", id="days of the week"),
        pytest.param("cron(0/15 7 1,15 * ? 2027)", id="days of the month"),
        pytest.param("rate(5 minutes)", id="rate"),
    ],
)
def test_read_settings__schedule_of_eventbridge__is_accepted(schedule: str) -> None:
    assert read_settings({"DATABASES": "one", "WARM_UP_SCHEDULE": schedule}).warm_up_schedule == schedule


@pytest.mark.parametrize("schedule", ["cron(0 7 * * MON-FRI *)", "cron(0 7 ? * ? *)"], ids=["both days", "neither day"])
def test_read_settings__cron_without_one_day__says_which_fields(schedule: str) -> None:
    [error] = errors_of(WARM_UP_SCHEDULE=schedule)
    assert "exactly one of day-of-month and day-of-week (the third and the fifth field) must be ?" in error


@pytest.mark.parametrize(
    ("databases", "subject"),
    [
        pytest.param("9lives", "found '9lives'; it is not an RDS identifier (", id="one id is not named again"),
        pytest.param(
            "ok,cluster:9lives", "; 'cluster:9lives' is not an RDS identifier (", id="of several, the wrong one"
        ),
    ],
)
def test_read_settings__invalid_id__says_which_and_what_an_id_is(databases: str, subject: str) -> None:
    [error] = errors_of(DATABASES=databases)
    form = "letters, digits and single hyphens between them; begins with a letter; at most 63 characters"
    assert f"{subject}{form})" in error
    assert error.endswith("allowed: comma-separated ids of RDS instances, an Aurora cluster as cluster:<id>")


@pytest.mark.parametrize(
    ("entry", "cause"),
    [
        pytest.param("hunter2", "entry 2 has 1 parts", id="one part"),
        pytest.param("ops:hunter2", "entry 2 has 2 parts", id="two parts"),
        pytest.param("ops:hunter2:operator", "entry 2: the second part is not a role", id="wrong order"),
        pytest.param(f"ops:admin:{DIGEST}", "entry 2: the second part is not a role", id="unknown role"),
        pytest.param("ops:operator:hunter2", "entry 2: the third part is not a SHA-256", id="token itself"),
        pytest.param(f"o p s:operator:{DIGEST}", "a name that is not letters", id="name with spaces"),
    ],
)
def test_read_settings__invalid_access_token__is_an_error_that_does_not_show_it(entry: str, cause: str) -> None:
    [error] = errors_of(ACCESS_TOKENS=f"ok:viewer:{DIGEST},{entry}")
    assert cause in error
    assert "hunter2" not in error
    assert DIGEST not in error


@pytest.mark.parametrize(
    ("databases", "keys"),
    [
        pytest.param("one", [("last", "last/one")], id="the default database has both keys"),
        pytest.param("one,cluster:two", [("last", "last/one"), ("last/two",)], id="another one has its own key"),
        pytest.param(
            "Orders-DB,Billing",
            [("last", "last/orders-db", "last/Orders-DB"), ("last/billing", "last/Billing")],
            id="capitals: as RDS stores it and as it is spelled",
        ),
        pytest.param("cluster:Analytics", [("last", "last/analytics", "last/Analytics")], id="cluster with capitals"),
    ],
)
def test_activity_keys_of__any_databases__are_those_that_a_backend_may_write(
    databases: str, keys: list[tuple[str, ...]]
) -> None:
    settings = read_settings({"DATABASES": databases, "ACTIVITY_KEY": "last"})
    assert [settings.activity_keys_of(ref) for ref in settings.databases] == keys


def test_activity_keys_of__default_database_named_by_its_id__has_the_keys_of_the_default_database() -> None:
    settings = read_settings({"DATABASES": "Orders-DB"})
    ref = DatabaseRef(Kind.INSTANCE, "orders-db")
    assert settings.activity_keys_of(ref) == ("last_rds_query_time", "last_rds_query_time/orders-db")


def test_read_settings__ids_with_capitals__are_in_lower_case_and_keep_their_spelling() -> None:
    settings = read_settings({"DATABASES": "Orders-DB, cluster:Analytics,billing"})
    assert [(ref.kind, ref.id, ref.spelling) for ref in settings.databases] == [
        (Kind.INSTANCE, "orders-db", "Orders-DB"),
        (Kind.CLUSTER, "analytics", "Analytics"),
        (Kind.INSTANCE, "billing", "billing"),
    ]
    assert settings.databases[0] == DatabaseRef(Kind.INSTANCE, "orders-db")
    assert {settings.databases[0]: "found"}[DatabaseRef(Kind.INSTANCE, "orders-db")] == "found"


@pytest.mark.parametrize("database_id", ["orders-db", "Orders-DB", "ORDERS-DB"])
def test_database__id_in_any_case__is_found(database_id: str) -> None:
    settings = read_settings({"DATABASES": "Orders-DB,Billing"})
    assert settings.database(database_id) == settings.databases[0]


@pytest.mark.parametrize("database_id", ["", "orders", "cluster:orders-db", "orders-db "])
def test_database__other_id__is_none(database_id: str) -> None:
    assert read_settings({"DATABASES": "Orders-DB,Billing"}).database(database_id) is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param(None, AUTO, id="not set"),
        pytest.param("auto", AUTO, id="auto"),
        pytest.param("Auto", AUTO, id="auto with a capital"),
        pytest.param("none", None, id="none"),
        pytest.param("None", None, id="none with a capital"),
        pytest.param("DatabaseConnections>0", MetricRule("DatabaseConnections", 0.0), id="connections"),
        pytest.param("DBLoad > 0.05", MetricRule("DBLoad", 0.05), id="load, with spaces"),
        pytest.param("CommitThroughput>1e2", MetricRule("CommitThroughput", 100.0), id="another metric"),
    ],
)
def test_read_settings__activity_metric__is_auto_none_or_a_rule(text: str | None, rule: MetricRule | None) -> None:
    environ = {"DATABASES": "one"} | ({} if text is None else {"ACTIVITY_METRIC": text})
    settings = read_settings(environ)
    assert settings.activity_metric == rule
    assert settings.policy.activity_rule == rule


def test_read_settings__rule_on_connections__counts_whether_or_not_queries_are_reported() -> None:
    rule = read_settings({"DATABASES": "one", "ACTIVITY_METRIC": "DatabaseConnections>0"}).activity_metric
    assert rule is not None
    assert (rule.only_without_reports, AUTO.only_without_reports) == (False, True)


@pytest.mark.parametrize(
    ("idle_minutes", "check_minutes", "ttl_minutes"),
    [
        pytest.param(2, 15, 30, id="at least 30 minutes"),
        pytest.param(90, 15, 90, id="the idle timeout"),
        pytest.param(2, 50, 100, id="at least two checks"),
    ],
)
def test_policy__any_settings__keeps_a_restart_long_enough(
    idle_minutes: float, check_minutes: float, ttl_minutes: float
) -> None:
    idle, interval, rule = timedelta(minutes=idle_minutes), timedelta(minutes=check_minutes), MetricRule("DBLoad", 1)
    settings = Settings((PROD,), idle_timeout=idle, check_interval=interval, activity_metric=rule)
    assert settings.policy == Policy(idle, timedelta(minutes=ttl_minutes), rule)


def test_read_deploy_time_settings__nothing_set__has_the_defaults() -> None:
    assert read_deploy_time_settings({}) == Settings(())


def test_read_deploy_time_settings__some_are_invalid__reads_the_valid_ones() -> None:
    environ = {"CHECK_INTERVAL_MINUTES": "5", "CORS_ORIGIN": "x", "IDLE_MINUTES": "soon"}
    assert read_deploy_time_settings(environ) == Settings((), check_interval=timedelta(minutes=5))


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(["DATABASES", "IDLE_MINUTES", "ACCESS_TOKENS", "WARM_UP_SCHEDULE"]), st.text(), max_size=4
    )
)
def test_read_settings__arbitrary_text__returns_settings_or_raises_settings_error(environ: dict[str, str]) -> None:
    try:
        assert read_settings(environ).databases
    except SettingsError as error:
        assert error.errors  # noqa: PT017 - both results are correct, any other exception is not
