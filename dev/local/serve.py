"""`make run`: the app on `chalice local`, with a simulated AWS, its schedule and its RDS events."""

import os

from dev.local.options import REGION, CannotRun, Options, check_free, is_user_setting

# boto3 reads some of these when it is imported.
for _name in filter(is_user_setting, list(os.environ)):
    del os.environ[_name]

import json
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from chalicelib.settings import Settings, SettingsError, read_settings
from dev.local.aws import LocalAws
from dev.local.console import Console, ConsoleStream
from dev.local.eventbridge import scheduled_event
from dev.local.functions import Functions
from dev.local.postgres import LocalPostgres, NoPostgres, find_place
from dev.stage import LOCAL_STAGE, ROOT

_TOKENS: Final = ("local-operator", "local-reporter", "local-viewer")
_EVENT_SECONDS: Final = 0.2
_POLL_SECONDS: Final = 0.5
_COUNT_SECONDS: Final = 2.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run until Ctrl-C or until the app ends; the exit status is 0 after Ctrl-C only."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    console = Console(sys.stdout)
    try:
        with ExitStack() as started:
            return _run(console, started)
    except KeyboardInterrupt:
        console.log("make run", "stopped, with everything that it started.")
        return 0
    except (CannotRun, NoPostgres, SettingsError) as error:
        print(f"make run cannot start: {error}", file=sys.stderr)
        return 1


def _run(console: Console, started: ExitStack) -> int:
    """Start everything and wait; ``started`` stops it all in reverse order."""
    options = Options.read(os.environ)
    for name, port in (("PORT", options.port), ("LOCAL_AWS_PORT", options.aws_port)):
        check_free(name, port)
    settings = _prepare_environment(options)
    aws = LocalAws(options.aws_port, options.start_seconds, options.stop_seconds)
    aws.start()
    started.callback(aws.stop)
    aws.create_resources(settings)
    if options.postgres_port is not None:
        _attach_postgres(aws, settings, options.postgres_port, console, started)
    sys.stdout = ConsoleStream(console)
    functions = Functions()
    aws.serve_functions(functions.invoke)
    app = _start_chalice(options.port)
    started.callback(_stop, app)
    ended = threading.Event()
    started.callback(ended.set)
    # A second Ctrl-C must not interrupt the shutdown.
    started.callback(lambda: [signal.signal(number, signal.SIG_IGN) for number in _SIGNALS])

    _in_background(lambda: _relay(app, console))
    _wait_until_served(app, options.port)
    _print_welcome(console, options, settings)
    _in_background(lambda: _run_schedule(functions, console, options.check_seconds, ended))
    _in_background(lambda: _deliver_events(aws, functions, console, ended))
    if options.postgres_port is not None:
        _in_background(lambda: _count_connections(aws, ended))
    return _wait_for(app) or 1


def _attach_postgres(aws: LocalAws, settings: Settings, port: int, console: Console, started: ExitStack) -> None:
    """Run a real server behind the first database. Raises CannotRun and NoPostgres."""
    check_free("POSTGRES_PORT", port)
    postgres = LocalPostgres(port, find_place())
    postgres.prepare()
    started.callback(postgres.end)
    aws.rds.attach_server(settings.databases[0].id, postgres)
    console.log("make run", f"PostgreSQL runs at {postgres.url} while {settings.databases[0].id} is available.")
    console.log("make run", f"Its data stays in {postgres.place.data}.")


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _prepare_environment(options: Options) -> Settings:
    """Set the stage's environment, in which AWS is the simulated one only. Raises SettingsError."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    os.environ.update(
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{options.aws_port}",
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",  # noqa: S106 - moto accepts any
        AWS_DEFAULT_REGION=REGION,
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        **config["stages"][LOCAL_STAGE]["environment_variables"],
    )
    os.environ.setdefault("IDLE_MINUTES", "2")
    return read_settings(os.environ)


def _start_chalice(port: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "dev.local.chalice_local", "local"]
    return subprocess.Popen(  # noqa: S603 - a fixed command
        [*command, "--stage", LOCAL_STAGE, "--port", str(port), "--no-autoreload"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # Ctrl-C reaches this process alone, which then stops the other.
        start_new_session=True,
    )


def _relay(app: "subprocess.Popen[str]", console: Console) -> None:
    assert app.stdout is not None
    for line in app.stdout:
        console.show(line)


def _wait_until_served(app: "subprocess.Popen[str]", port: int) -> None:
    address = f"http://127.0.0.1:{port}/databases"
    probe = urllib.request.Request(address, headers={"Authorization": f"Bearer {_TOKENS[-1]}"})
    while app.poll() is None:
        try:
            urllib.request.urlopen(probe, timeout=20).close()  # noqa: S310 - of this machine
        except OSError:
            threading.Event().wait(0.1)
        else:
            return
    raise CannotRun(f"chalice local ended with status {app.returncode}; see the output above.")


def _wait_for(app: "subprocess.Popen[str]") -> int:
    """Wait until the app ends; its exit status.

    It waits in short periods, because a signal that the kernel delivers to another thread does not interrupt a wait of
    the main thread.
    """
    while True:
        with suppress(subprocess.TimeoutExpired):
            return app.wait(timeout=_POLL_SECONDS)


def _print_welcome(console: Console, options: Options, settings: Settings) -> None:
    url, database = f"http://127.0.0.1:{options.port}", settings.databases[0].id
    console.log("make run", f"The status page is at {url}/, and {database} is stopped.")
    console.log("make run", f"The simulated AWS is at http://127.0.0.1:{options.aws_port} and accepts any credentials.")
    console.log("make run", f"Access tokens: {', '.join(_TOKENS)}.")
    console.log("make run", "Try this in another terminal:")
    console.plain(f"\n    curl -X POST -H 'Authorization: Bearer {_TOKENS[0]}' {url}/databases/{database}/restart\n")
    idle = settings.idle_timeout.total_seconds() / 60
    console.log("make run", f"The database is stopped {idle:g} min after the last activity. Press Ctrl-C to end.")


def _run_schedule(functions: Functions, console: Console, seconds: float, ended: threading.Event) -> None:
    while not ended.wait(seconds):
        _invoke(functions, console, "inactivity_check", scheduled_event(datetime.now(UTC)))


def _deliver_events(aws: LocalAws, functions: Functions, console: Console, ended: threading.Event) -> None:
    while not ended.wait(_EVENT_SECONDS):
        for change in aws.rds.take_status_changes():
            console.log("RDS", f"{change.ref.id}: {change.before} → {change.after} {change.detail}".rstrip())
        for event in aws.rds.take_events():
            _in_background(partial(_invoke, functions, console, "database_event", event))


def _count_connections(aws: LocalAws, ended: threading.Event) -> None:
    while not ended.wait(_COUNT_SECONDS):
        aws.rds.count_connections()


def _invoke(functions: Functions, console: Console, name: str, event: dict[str, Any]) -> None:
    try:
        functions.invoke(name, event)
    except Exception as error:  # noqa: BLE001 - as on Lambda, an exception ends the invocation only
        console.log("failure", f"{name}: {error}")


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def _stop(app: "subprocess.Popen[str]") -> None:
    app.terminate()
    try:
        app.wait(timeout=5)
    except subprocess.TimeoutExpired:
        app.kill()


if __name__ == "__main__":
    status = main()
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    # A thread that still waits for a response of the simulated AWS must not delay the exit.
    os._exit(status)
