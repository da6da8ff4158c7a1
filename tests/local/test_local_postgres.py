"""A real PostgreSQL behind the local RDS: it is up when RDS says so, and gone when RDS says so."""

import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dev.local.postgres import LocalPostgres, NoPostgres, Place, find_place, find_programs
from dev.local.rds import StatusChange
from tests.local.test_make_run import free_ports, serve_and_fail
from tests.postgres import a_folder, a_server, bring_down, bring_up
from tests.served import ROOT
from tests.support import PROD, START_MINUTES, STOP_MINUTES, World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world(PROD) as it:
        it.slow_rds.take_status_changes()
        yield it


@pytest.fixture
def server(world: World) -> Iterator[LocalPostgres]:
    with a_server() as it:
        world.slow_rds.put_behind(PROD.id, it)
        yield it


def wait_for_status(world: World, status: str) -> None:
    while world.status() != status:
        assert world.status() in ("starting", "stopping", status)


def test_it_is_available_when_it_takes_connections_and_not_before(world: World, server: LocalPostgres) -> None:
    world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
    assert server.is_gone()
    world.clock.advance(START_MINUTES)
    wait_for_status(world, "available")
    psycopg.connect(server.url).close()


def test_a_stop_cuts_open_connections_and_leaves_no_process(world: World, server: LocalPostgres) -> None:
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


def test_a_server_that_does_not_come_up_has_failed_with_its_last_words(world: World, server: LocalPostgres) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        world.rds.start_db_instance(DBInstanceIdentifier=PROD.id)
        world.clock.advance(START_MINUTES)
        while world.status() == "starting":
            pass
    assert world.status() == "failed"
    [*_, last] = world.slow_rds.take_status_changes()
    assert last == StatusChange(PROD.id, "starting", "failed", last.why)
    assert "PostgreSQL has ended" in last.why
    assert "could not bind" in last.why


def test_after_its_end_it_is_not_started_again(server: LocalPostgres) -> None:
    server.end()
    server.start()
    assert server.is_gone()


def test_it_runs_as_an_ordinary_user_and_as_root() -> None:
    with a_server() as server:
        bring_up(server)
        # PostgreSQL takes no data folder that belongs to anybody but the user it runs as.
        owner = server.place.data.stat().st_uid
        assert owner != 0
        bring_down(server)
        if os.geteuid() == 0:
            assert as_user(owner, server.place) == 0


def as_user(number: int, place: Place) -> int:
    """The exit status of a process that belongs to that user and does the same as one who never was root."""
    child = os.fork()
    if child == 0:
        try:
            os.setgid(number)
            os.setuid(number)
            mine = LocalPostgres(free_ports()[0], Place(place.programs, place.data.parent / "mine", None))
            mine.prepare()
            bring_up(mine)
            mine.end()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - nothing of this process may return into pytest
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_whoever_interrupts_the_making_of_the_data_folder_finds_it_made_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with a_folder() as data:
        place = find_place({**os.environ, "POSTGRES_DATA": str(data)})
        with monkeypatch.context() as patch:

            def interrupted(*arguments: Any, **options: Any) -> None:
                for half_made in [argument for argument in arguments[0] if str(argument).startswith(str(data))]:
                    Path(half_made, "PG_VERSION").write_text("15")
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


def test_a_folder_that_was_there_keeps_its_owner() -> None:
    with a_folder() as data:
        data.mkdir()
        mine = data.stat().st_uid
        server = LocalPostgres(free_ports()[0], find_place({**os.environ, "POSTGRES_DATA": str(data)}))
        server.prepare()
        bring_up(server)
        server.end()
        assert data.stat().st_uid == mine


def test_what_a_killed_process_left_behind_is_stopped_and_nobody_elses() -> None:
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


def test_a_port_in_use_is_a_clear_error() -> None:
    with a_folder() as data, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = serve_and_fail(POSTGRES="1", POSTGRES_PORT=str(port), POSTGRES_DATA=str(data))
    assert f"make run cannot start: port {port} cannot be used" in said
    assert f"make run POSTGRES_PORT={port + 1}" in said


def test_where_postgresql_is_not_installed_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dev.local.postgres._PLACES", ())
    assert find_programs({"PATH": "/nowhere"}) is None
    with pytest.raises(NoPostgres, match="apt-get install postgresql"):
        find_place({"PATH": "/nowhere"})


def test_the_data_goes_where_the_user_may_go(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_programs() is None:
        pytest.skip("PostgreSQL is not installed")
    inside = find_place({**os.environ, "POSTGRES_DATA": "/srv/data"})
    assert inside.data.parent.as_posix() == "/srv/data"
    monkeypatch.setattr("dev.local.postgres._may_enter", lambda *_: False)
    outside = find_place()
    if os.geteuid() == 0:
        assert outside.data.parts[-2] == "rds-lifecycle", "in the home of the user postgres"
    else:
        assert outside.data.parts[-3:-1] == (".cache", "postgres")
