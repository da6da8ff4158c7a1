"""Health checks and connection setup do not count as activity; every other statement does."""

import timeit

import pytest

from rds_lifecycle_client.statements import is_activity


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "select 1;",
        "  SELECT\n 1 ",
        "SELECT 1 AS alive",
        'SELECT 1 AS "anon_1"',
        "SELECT 'ping'",
        "select true",
        "SELECT 1::int",
        "/* health */ SELECT 1 -- of the pool",
        "SELECT 1 /*traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/",
        "select pg_catalog.version()",
        "SELECT version()",
        "select current_schema()",
        "SELECT now()",
        "select now()::text as moment",
        "select current_timestamp",
        "SELECT CURRENT_TIMESTAMP(3)",
        "select pg_is_in_recovery()",
        "select pg_catalog.pg_is_in_recovery() as standby",
        "select current_database()",
        "select current_user",
        "select current_setting('server_version_num')::int",
        "select current_setting('app.tenant', true)",
        'select 1 as "is up"',
        'select 1 AS "is up", now() as "server time" , current_database();',
        "VALUES (1)",
        "",
        " ; ",
        "-- nothing",
        "BEGIN",
        "BEGIN ISOLATION LEVEL SERIALIZABLE",
        "START TRANSACTION READ ONLY",
        "COMMIT",
        "ROLLBACK TO SAVEPOINT a",
        "SAVEPOINT a",
        "RELEASE SAVEPOINT a",
        "SET search_path TO app",
        "SHOW transaction isolation level",
        "RESET ALL",
        "DISCARD ALL",
        "DEALLOCATE ALL",
        "LISTEN news",
    ],
)
def test_is_activity__health_check_or_connection_setup__is_false(statement: str) -> None:
    assert not is_activity(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 FROM entries",
        "SELECT 1, count(*) FROM entries",
        "SELECT * FROM entries",
        "SELECT pg_sleep(60)",
        "select pg_sleep(1)",
        "select my_report()",
        "select now(), my_report()",
        "select nowhere()",
        "select current_user_count()",
        "select app.now()",
        "select my.pg_catalog.now()",
        "select current_setting(my_report())",
        "select nextval('numbers')",
        "select count(*) from entries",
        "select now() from entries",
        "select current_user, account from entries",
        "select 1 as entries from entries",
        'select 1 as "a" from entries',
        "select 1 as x into entries",
        "select (select count(*) from entries)",
        "select exists (select 1 from entries)",
        "select 1 where exists (select 1 from entries)",
        "with a as (delete from entries) select 1",
        "insert into entries select 1",
        "select now(); delete from entries",
        'select 1 as "a"; delete from entries; select 1 as "b"',
        "SELECT 1 UNION SELECT 2",
        "SELECT id FROM shows",
        "INSERT INTO entries VALUES (1)",
        "UPDATE settings SET a = 1",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "BEGIN; DELETE FROM entries",
        "SELECT 1; DELETE FROM entries",
        "setval",
        "VALUES (1), (2)",
        "CALL settle()",
        "/* SELECT 1 */ DELETE FROM entries",
        "SELECT '--' FROM entries",
        "SELECT '/*' FROM entries WHERE name = '*/'",
        "COPY entries TO STDOUT",
        "VACUUM",
        "SELECT " + "1" * 1000,
    ],
)
def test_is_activity__any_other_statement__is_true(statement: str) -> None:
    assert is_activity(statement)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("/*" * 249, id="open-comments"),
        pytest.param("/**/" * 120 + "x", id="comments"),
        pytest.param("select 1" + " " * 490 + "x", id="spaces"),
        pytest.param("--" * 249, id="dashes"),
        pytest.param("select '" + "'" * 480, id="quotes"),
        pytest.param("set " + "x" * 490, id="set"),
        pytest.param("select " + "now()," * 80 + "x", id="now-list"),
        pytest.param("select now(" + "1," * 240 + "x", id="argument-list"),
        pytest.param("select " + "1 as a," * 70 + "x", id="alias-list"),
        pytest.param('select 1 as "' + "a" * 480, id="open-quote"),
        pytest.param("select 1::" + "a" * 480 + "!", id="cast"),
    ],
)
def test_is_activity__statement_made_for_backtracking__takes_linear_time(statement: str) -> None:
    # Backtracking takes hundreds of times as long as the baseline, which a linear scan stays close to on any machine.
    baseline = "select " + ", ".join(["now()"] * 70)
    assert not is_activity(baseline)
    pairs = [
        (
            timeit.timeit(lambda: is_activity(statement), number=3),
            timeit.timeit(lambda: is_activity(baseline), number=3),
        )
        for _ in range(20)
    ]
    assert min(duration for duration, _ in pairs) < 20 * min(duration for _, duration in pairs)
