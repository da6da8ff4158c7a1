"""A real PostgreSQL on this machine, which runs while the simulated RDS reports its database as available.

Its data is kept between starts. PostgreSQL does not run as root; for root, it runs as the user postgres.
"""

import fcntl
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from dev.local.rds_behavior import StartFailed
from dev.stage import ROOT

USER: Final = "dashboard"
PASSWORD: Final = "only-local"  # noqa: S105 - of a database that listens on this machine only
_CACHE: Final = ROOT / ".cache" / "postgres"
_UNPRIVILEGED: Final = ("postgres", "nobody")
_PLACES: Final = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_LOG_LINES: Final = 5
_COUNT_SECONDS: Final = 5
# https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
_COUNT: Final = (
    "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
)


class NoPostgres(Exception):
    """Why PostgreSQL cannot run here, and how to fix it."""


@dataclass(frozen=True)
class Place:
    """The folders of PostgreSQL's programs and data, and the user it runs as (None: the current user)."""

    programs: Path
    data: Path
    user: str | None


def find_programs(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The folder of the newest PostgreSQL of this machine; None where none is installed."""
    on_path = shutil.which("initdb", path=environ.get("PATH"))
    if on_path:
        return Path(on_path).resolve().parent
    found = [Path(folder) for pattern in _PLACES for folder in Path("/").glob(pattern[1:])]
    complete = [folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()]
    return max(complete, key=lambda folder: [int(number) for number in re.findall(r"\d+", str(folder))], default=None)


def find_place(environ: Mapping[str, str] = os.environ) -> Place:
    """Where to run it. POSTGRES_DATA names a folder for the data. Raises NoPostgres."""
    programs = find_programs(environ)
    if programs is None:
        raise NoPostgres("PostgreSQL is not installed. On Debian or Ubuntu: apt-get install postgresql")
    user = _unprivileged_user() if os.geteuid() == 0 else None
    version = _run([programs / "postgres", "--version"], user).stdout.split()[2].split(".")[0]
    if given := environ.get("POSTGRES_DATA", "").strip():
        return Place(programs, Path(given).resolve() / version, user)
    if user is None or _has_access(ROOT, user):
        return Place(programs, _CACHE / version, user)
    # Other users cannot access a checkout below /root, but their own home.
    home = Path(pwd.getpwnam(user).pw_dir)
    if not home.is_dir():
        raise NoPostgres(f"The user {user} has no access to {ROOT}. Set POSTGRES_DATA to a folder of this user.")
    return Place(programs, home / "rds-lifecycle" / version, user)


class LocalPostgres:
    """One server, listening on 127.0.0.1. Only ``prepare``, ``count_connections`` and ``end`` wait."""

    def __init__(self, port: int, place: Place) -> None:
        self.port = port
        self.place = place
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._lock_file: IO[str] | None = None
        self._log = place.data.parent / f"{place.data.name}.log"

    @property
    def url(self) -> str:
        """The connection URL for psycopg."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def prepare(self) -> None:
        """Create the data folder if it is missing, with the user of LocalAws's databases. Raises NoPostgres.

        A server that is still running after its parent was killed is stopped; a server in use is an error.
        """
        self._lock()
        if (self.place.data / "PG_VERSION").exists():
            self._stop_left_over_server()
            return
        unfinished = self._make_folder()
        with tempfile.NamedTemporaryFile("w", suffix=".password") as password:
            password.write(PASSWORD)
            password.flush()
            if self.place.user:
                os.chown(password.name, pwd.getpwnam(self.place.user).pw_uid, -1)
            done = _run(
                [self.place.programs / "initdb", "--pgdata", unfinished, "--username", USER, "--pwfile",
                 password.name, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"],
                self.place.user,
            )  # fmt: skip
        if done.returncode != 0:
            raise NoPostgres(f"initdb cannot create {self.place.data}: {done.stderr.strip()}")
        # Renamed in one step, so that an interruption leaves a complete folder or none.
        try:
            unfinished.rename(self.place.data)
        except OSError as error:
            raise NoPostgres(f"{self.place.data} is not a data folder of PostgreSQL. Remove it. {error}") from error

    def start(self) -> None:
        """Begin to start it, unless it runs or ``end`` was called. ``is_up`` returns whether it accepts connections."""
        if self._ended or not self.is_gone():
            return
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed command
                [self.place.programs / "postgres", "-D", self.place.data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                # Ctrl-C reaches make run alone, which then stops this server.
                start_new_session=True,
                **_as_user(self.place.user),
            )

    def is_up(self) -> bool:
        """Whether it accepts connections. Raises StartFailed if its process has ended."""
        if self.is_gone():
            raise StartFailed(f"PostgreSQL has ended: {self._last_log_lines()}")
        ready = [
            self.place.programs / "pg_isready",
            "--quiet",
            "--timeout",
            "1",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
        ]
        return _run(ready, self.place.user).returncode == 0

    def count_connections(self) -> int | None:
        """The number of connected clients, without the one that counts; None if the server does not respond in time.

        psql is part of PostgreSQL, and `make run` has no driver.
        """
        psql = str(self.place.programs / "psql")
        output = ["--no-psqlrc", "--no-password", "--tuples-only", "--no-align"]
        host = ["--host", "127.0.0.1", "--port", str(self.port), "--username", USER, "--dbname", "postgres"]
        # None of the user's own PG* variables, such as PGSSLMODE.
        environ = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "PGPASSWORD": PASSWORD}
        try:
            done = subprocess.run(  # noqa: S603 - a fixed command
                [psql, *output, *host, "--command", _COUNT],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, cwd="/", env=environ,
                timeout=_COUNT_SECONDS,
            )  # fmt: skip
            return int(done.stdout)
        except (OSError, subprocess.SubprocessError, ValueError):
            return None

    def stop(self) -> None:
        """Begin a fast shutdown, which closes open connections, as RDS does. ``is_gone`` is true when it has ended."""
        if self._process is not None and not self.is_gone():
            # https://www.postgresql.org/docs/current/server-shutdown.html
            self._process.send_signal(signal.SIGINT)

    def is_gone(self) -> bool:
        """Whether its process has ended."""
        return self._process is None or self._process.poll() is not None

    def end(self) -> None:
        """Stop it permanently, and wait; it is killed if it does not stop, and recovers at the next start."""
        self._ended = True
        self.stop()
        if self._process is not None:
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._lock_file is not None:
            self._lock_file.close()

    def _lock(self) -> None:
        """Lock the data for the lifetime of this process. Raises NoPostgres."""
        parent = self.place.data.parent
        if not parent.exists():
            parent.mkdir(parents=True)
            self._change_owner(parent)
        self._lock_file = parent.joinpath(f"{self.place.data.name}.lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock_file.close()
            raise NoPostgres(
                f"Another process runs PostgreSQL on {self.place.data}. Stop it, or choose another POSTGRES_DATA."
            ) from None

    def _stop_left_over_server(self) -> None:
        if (self.place.data / "postmaster.pid").exists():
            # This fails if only the file was left; PostgreSQL then removes the file itself.
            _run(
                [self.place.programs / "pg_ctl", "stop", "-D", self.place.data, "-m", "fast", "-t", "20"],
                self.place.user,
            )

    def _make_folder(self) -> Path:
        """An empty folder beside the data folder, owned by the user that PostgreSQL runs as."""
        unfinished = self.place.data.with_name(f"{self.place.data.name}.unfinished")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        self._change_owner(unfinished)
        return unfinished

    def _change_owner(self, folder: Path) -> None:
        if self.place.user:
            shutil.chown(folder, self.place.user)

    def _last_log_lines(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return " / ".join(lines[-_LOG_LINES:]) or "its log is empty."


def _unprivileged_user() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    for user in _UNPRIVILEGED:
        if user in known:
            return user
    raise NoPostgres("PostgreSQL does not run as root, and this machine has no user postgres or nobody. Create one.")


def _has_access(folder: Path, user: str) -> bool:
    return _run([shutil.which("test") or "/usr/bin/test", "-x", folder], user).returncode == 0


def _run(command: list[Any], user: str | None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - fixed commands
        command, capture_output=True, text=True, check=False, cwd="/", **_as_user(user)
    )


def _as_user(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    environ = {"HOME": entry.pw_dir, "PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "env": environ}
