"""A real PostgreSQL behind the simulated RDS: it starts and stops together with its database."""

import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dev.local.postgres import LocalPostgres, NoPostgres, Place, find_place, find_programs
from dev.local.rds_changes import Cause
from tests.local.test_make_run import free_ports
from tests.postgres import a_folder, a_server, bring_down, bring_up
from tests.served import ROOT
from tests.support import NOW, PROD, START_MINUTES, STOP_MINUTES, World, create_world


@pytest.fixture
def world() -> Iterator[World]:
    with create_world(PROD) as it:
        it.simulated_rds.take_status_changes()
        yield it


@pytest.fixture
def server(world: World) -> Iterator[LocalPostgres]:
    with a_server() as it:
        world.simulated_rds.attach_server(PROD.id, it)
        yield it


def wait_for_status(world: World, status: str) -> None:
    while world.status() != status:
        assert world.status() in ("starting", "stopping", status)


def test_database__is_available_once_its_server_accepts_connections(world: World, server: LocalPostgres) -> None:
    world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
    assert server.is_gone()
    world.clock.advance(START_MINUTES)
    wait_for_status(world, "available")
    psycopg.connect(server.url).close()


def test_stop__closes_open_connections_and_keeps_the_data(world: World, server: LocalPostgres) -> None:
    world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
    world.clock.advance(START_MINUTES)
    wait_for_status(world, "available")
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("create table kept (word text)")
        connection.execute("insert into kept values ('kept')")
        world.rds.stop_db_instance(DBInstanceIdentifier=PROD.id)
        with pytest.raises(psycopg.errors.AdminShutdown):
            connection.execute("select pg_sleep(600)")
    world.clock.advance(STOP_MINUTES)
    wait_for_status(world, "stopped")
    assert server.is_gone()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url)
    bring_up(server)
    with psycopg.connect(server.url) as connection:
        assert connection.execute("select word from kept").fetchall() == [("kept",)]


def test_count_connections__is_the_number_of_connected_clients(server: LocalPostgres) -> None:
    assert server.count_connections() is None, "it has not started"
    bring_up(server)
    assert server.count_connections() == 0, "the connection that counts is not counted"
    with psycopg.connect(server.url), psycopg.connect(server.url) as second:
        second.execute("select 1")
        assert server.count_connections() == 2
    while server.count_connections():
        pass  # PostgreSQL ends the process of a closed connection a moment later.
    bring_down(server)
    assert server.count_connections() is None


def test_count_connections__with_settings_of_the_user__ignores_them(
    server: LocalPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_up(server)
    for name, value in {"PGSSLMODE": "require", "PGPASSWORD": "another", "PGOPTIONS": "-c none=1"}.items():
        monkeypatch.setenv(name, value)
    assert server.count_connections() == 0


@pytest.mark.parametrize(
    "program", ["echo many", "exit 2", "exec sleep 600", None], ids=["no-number", "fails", "too-slow", "missing"]
)
def test_count_connections__where_psql_fails__is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None
) -> None:
    monkeypatch.setattr("dev.local.postgres._COUNT_SECONDS", 0.2)
    if program is not None:
        psql = tmp_path / "psql"
        psql.write_text(f"#!/bin/sh\n{program}\n")
        psql.chmod(0o755)
    server = LocalPostgres(free_ports()[0], Place(tmp_path, tmp_path / "data", None))
    assert server.count_connections() is None


def test_metric__of_a_server__is_its_number_of_connections_while_it_is_available(
    world: World, server: LocalPostgres
) -> None:
    def datapoints() -> list[float]:
        found = world.simulated_rds.connection_datapoints(NOW, world.clock.now + timedelta(minutes=1))
        return [value for _, value in found.get(PROD, [])]

    world.simulated_rds.discard_changes()
    world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
    world.clock.advance(START_MINUTES)
    wait_for_status(world, "available")
    assert datapoints() == [], "not counted yet"
    with psycopg.connect(server.url):
        world.simulated_rds.count_connections()
        assert datapoints() == [1]
        world.clock.advance(1)
        world.rds.stop_db_instance(DBInstanceIdentifier=PROD.id)
        world.simulated_rds.count_connections()
    world.clock.advance(STOP_MINUTES)
    wait_for_status(world, "stopped")
    assert datapoints() == [1]


def test_start__of_a_server_that_ends__fails_with_its_log(world: World, server: LocalPostgres) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
        world.clock.advance(START_MINUTES)
        while world.status() == "starting":
            pass
    assert world.status() == "failed"
    [*_, last] = world.simulated_rds.take_status_changes()
    assert (last.before, last.after, last.cause) == ("starting", "failed", Cause.FAILED)
    assert "PostgreSQL has ended" in last.detail
    assert "could not bind" in last.detail


def test_start__after_end__does_nothing(server: LocalPostgres) -> None:
    server.end()
    server.start()
    assert server.is_gone()


def test_server__runs_as_root_and_as_another_user() -> None:
    with a_server() as server:
        bring_up(server)
        # PostgreSQL rejects a data folder of another user.
        owner = server.place.data.stat().st_uid
        assert owner != 0
        bring_down(server)
        if os.geteuid() == 0:
            assert as_user(owner, server.place) == 0


def as_user(number: int, place: Place) -> int:
    """The exit status of a process that runs a server as that user from the beginning."""
    child = os.fork()
    if child == 0:
        try:
            os.setgid(number)
            os.setuid(number)
            server = LocalPostgres(free_ports()[0], Place(place.programs, place.data.parent / "another", None))
            server.prepare()
            bring_up(server)
            server.end()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - this process must not return to pytest
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_prepare__after_an_interrupted_one__creates_the_data_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with a_folder() as data:
        place = find_place({**os.environ, "POSTGRES_DATA": str(data)})
        with monkeypatch.context() as patch:

            def interrupted(*arguments: Any, **options: Any) -> None:
                for incomplete in [argument for argument in arguments[0] if str(argument).startswith(str(data))]:
                    Path(incomplete, "PG_VERSION").write_text("15")
                raise KeyboardInterrupt

            patch.setattr("dev.local.postgres.subprocess.run", interrupted)
            first = LocalPostgres(free_ports()[0], place)
            with pytest.raises(KeyboardInterrupt):
                first.prepare()
            first.end()
        second = LocalPostgres(free_ports()[0], place)
        second.prepare()
        bring_up(second)
        second.end()


def test_prepare__in_an_existing_folder__keeps_its_owner() -> None:
    with a_folder() as data:
        data.mkdir()
        owner = data.stat().st_uid
        server = LocalPostgres(free_ports()[0], find_place({**os.environ, "POSTGRES_DATA": str(data)}))
        server.prepare()
        bring_up(server)
        server.end()
        assert data.stat().st_uid == owner


def test_prepare__with_a_server_left_running__stops_it_unless_it_is_in_use() -> None:
    with a_folder() as data:
        place = find_place({**os.environ, "POSTGRES_DATA": str(data)})
        port = free_ports()[0]
        code = (
            "import os, signal, sys\nfrom pathlib import Path\nfrom dev.local.postgres import *\n"
            f"server = LocalPostgres({port}, find_place())\nserver.prepare()\nserver.start()\n"
            "while not server.is_up(): pass\nprint('up', flush=True)\nsignal.pause()\n"
        )
        environ = {**os.environ, "POSTGRES_DATA": str(data)}
        with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environ, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"up\n"
            server = LocalPostgres(port, place)
            with pytest.raises(NoPostgres, match="Another process runs PostgreSQL on"):
                server.prepare()
            psycopg.connect(server.url).close()
            other.kill()
        psycopg.connect(server.url).close()
        server.prepare()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url)
        bring_up(server)
        server.end()


def test_find_place__without_postgresql__explains_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dev.local.postgres._PLACES", ())
    assert find_programs({"PATH": "/nowhere"}) is None
    with pytest.raises(NoPostgres, match="apt-get install postgresql"):
        find_place({"PATH": "/nowhere"})


def test_find_place__selects_a_folder_that_the_user_can_access(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_programs() is None:
        pytest.skip("PostgreSQL is not installed")
    inside = find_place({**os.environ, "POSTGRES_DATA": "/srv/data"})
    assert inside.data.parent.as_posix() == "/srv/data"
    monkeypatch.setattr("dev.local.postgres._has_access", lambda *_: False)
    outside = find_place()
    if os.geteuid() == 0:
        assert outside.data.parts[-2] == "rds-lifecycle", "in the home of the user postgres"
    else:
        assert outside.data.parts[-3:-1] == (".cache", "postgres")
