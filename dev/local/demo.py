"""`make demo`: `make run` with a real PostgreSQL, and examples/dashboard as the application that uses it."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

from chalicelib.settings import read_settings
from dev.local.options import REGION, CannotRun, Options, check_free, is_user_setting, read_number
from dev.local.postgres import PASSWORD, USER
from dev.stage import LOCAL_STAGE, ROOT, stage_environment

_START_LIMIT_SECONDS: Final = 120
# Longer than make run takes to stop PostgreSQL, which would otherwise continue to run.
_END_SECONDS: Final = 40
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run both until Ctrl-C or until one of them ends; the exit status is 0 after Ctrl-C only."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    kept = {name: value for name, value in os.environ.items() if not is_user_setting(name)}
    environ = {**kept, "POSTGRES": "1", "PYTHONUNBUFFERED": "1"}
    try:
        with ExitStack() as started:
            return _run(environ, started)
    except KeyboardInterrupt:
        print("make demo has stopped, with everything that it started.")
        return 0
    except CannotRun as error:
        print(f"make demo cannot start: {error}", file=sys.stderr)
        return 1


def _run(environ: Mapping[str, str], started: ExitStack) -> int:
    options = Options.read(environ)
    port = read_number(environ, "DEMO_PORT", 8080, int)
    check_free("DEMO_PORT", port, "make demo")
    stack = _start([sys.executable, "-m", "dev.local.serve"], environ, started)
    app = [sys.executable, "-m", "uvicorn", "examples.dashboard.app:app", "--log-level", "warning"]
    dashboard = _start([*app, "--port", str(port)], _dashboard_environment(environ, options), started)
    # A second Ctrl-C must not interrupt the shutdown.
    started.callback(lambda: [signal.signal(number, signal.SIG_IGN) for number in _SIGNALS])
    both = {"make run": stack, "the dashboard": dashboard}
    _wait_until_served(f"http://127.0.0.1:{options.port}/databases", both)
    _wait_until_served(f"http://127.0.0.1:{port}/", both)
    print(f"\nThe dashboard is at http://127.0.0.1:{port}. Its database is stopped.")
    print(f"Repeat this request until the response is 200: curl -i http://127.0.0.1:{port}/balances\n", flush=True)
    while True:
        _check_both(both)
        time.sleep(0.2)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _dashboard_environment(environ: Mapping[str, str], options: Options) -> dict[str, str]:
    """The settings of a backend on AWS, apart from the endpoint and the credentials."""
    settings = read_settings(stage_environment(LOCAL_STAGE))
    return {
        "RDS_LIFECYCLE_TABLE": settings.metadata_table,
        **environ,
        "PYTHONPATH": str(ROOT / "client" / "src"),
        "DATABASE_URL": f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{options.postgres_port}/postgres",
        "RDS_LIFECYCLE_URL": f"http://127.0.0.1:{options.port}",
        "RDS_LIFECYCLE_TOKEN": "local-operator",
        "RDS_LIFECYCLE_DATABASE": settings.databases[0].id,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{options.aws_port}",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
    }


def _start(command: list[str], environ: Mapping[str, str], started: ExitStack) -> "subprocess.Popen[bytes]":
    # Ctrl-C reaches this process alone, which then stops the others one after the other.
    process = subprocess.Popen(command, cwd=ROOT, env=environ, start_new_session=True)  # noqa: S603 - fixed commands
    started.callback(_stop, process)
    return process


def _wait_until_served(url: str, both: Mapping[str, "subprocess.Popen[bytes]"]) -> None:
    no_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_LIMIT_SECONDS
    probe = urllib.request.Request(url, headers={"Authorization": "Bearer local-viewer"})  # noqa: S310 - of this machine
    while time.monotonic() < deadline:
        _check_both(both)
        try:
            no_proxy.open(probe, timeout=20).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise CannotRun(f"nothing responds at {url}.")


def _check_both(both: Mapping[str, "subprocess.Popen[bytes]"]) -> None:
    for name, process in both.items():
        if process.poll() is not None:
            raise CannotRun(f"{name} has ended with status {process.returncode}; see the output above.")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    sys.exit(main())
