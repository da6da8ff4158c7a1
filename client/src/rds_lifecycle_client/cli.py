"""Show the state of a database, start it, wait until it is ready, or keep it available."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import TextIO

from rds_lifecycle_client.api import Api
from rds_lifecycle_client.errors import LifecycleError, NotConfigured, Unavailable, WaitTimeout
from rds_lifecycle_client.lifecycle import LifecycleClient
from rds_lifecycle_client.model import Database, RestartTarget, format_time
from rds_lifecycle_client.progress_bar import ProgressBar
from rds_lifecycle_client.settings import Settings, read_settings
from rds_lifecycle_client.start_function import StartFunction


class ExitCode(IntEnum):
    """Exit codes, as ``--help`` lists them."""

    OK = 0
    REJECTED = 1
    USAGE = 2
    NOT_READY = 3
    TIMEOUT = 4
    NO_RESPONSE = 5


_EPILOG = """\
environment variables:
  RDS_LIFECYCLE_URL        URL of the rds-lifecycle API; also set RDS_LIFECYCLE_TOKEN and RDS_LIFECYCLE_DATABASE
  RDS_LIFECYCLE_TOKEN      access token
  RDS_LIFECYCLE_DATABASE   database id
  RDS_LIFECYCLE_FUNCTION   name of the function start_database, called with AWS credentials by restart and wait

exit codes:
  0  success; status: the database accepts connections
  1  the request was rejected, or the database cannot be started
  2  invalid usage or settings
  3  status: the database does not accept connections
  4  wait: not ready before the timeout
  5  rds-lifecycle did not respond
"""


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Run one command and return the exit code."""
    options = _parser().parse_args(arguments)
    stream = out or sys.stdout
    try:
        code = int(options.run(options, read_settings(os.environ), stream))
        stream.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has closed the pipe. Otherwise Python would flush the buffer at exit and print a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 141
    except LifecycleError as error:
        print(f"rds-lifecycle: {error}", file=sys.stderr)
        return _exit_code(error)
    return code


def _exit_code(error: LifecycleError) -> ExitCode:
    match error:
        case NotConfigured():
            return ExitCode.USAGE
        case WaitTimeout():
            return ExitCode.TIMEOUT
        case Unavailable():
            return ExitCode.NO_RESPONSE
        case _:
            return ExitCode.REJECTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rds-lifecycle", description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def add_command(name: str, run: Callable[..., ExitCode], description: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=description, description=description)
        command.set_defaults(run=run)
        return command

    add_command("status", _status, "show the state of the database; changes nothing")
    add_command("restart", _restart, "request a restart and return immediately")
    wait = add_command("wait", _wait, "start the database if it is stopped, and return when it accepts connections")
    wait.add_argument("--timeout", type=_seconds, default=1200.0, metavar="SECONDS", help="default: 1200")
    hold = add_command("hold", _hold, "keep the database available even if it is idle")
    duration = hold.add_mutually_exclusive_group(required=True)
    duration.add_argument("hours", type=_hours, nargs="?", help="number of hours, at most 168")
    duration.add_argument("--until", type=_time, metavar="TIME", help="end of the hold: ISO 8601, UTC without offset")
    duration.add_argument("--end", action="store_true", help="end the hold now")
    return parser


def _status(_options: argparse.Namespace, settings: Settings, out: TextIO) -> ExitCode:
    database = _api(settings).describe()
    _print_database(database, out)
    return ExitCode.OK if database.ready else ExitCode.NOT_READY


def _restart(_options: argparse.Namespace, settings: Settings, out: TextIO) -> ExitCode:
    result = _restart_target(settings).restart()
    print(f"{result.database.id}: {result.message}", file=out)
    return ExitCode.OK


def _wait(options: argparse.Namespace, settings: Settings, out: TextIO) -> ExitCode:
    lifecycle = LifecycleClient(None, _restart_target(settings), _api(settings) if settings.url else None)
    with ProgressBar(out) as progress_bar:
        database = lifecycle.wait_until_ready(timedelta(seconds=options.timeout), progress_bar.show)
    print(f"{database.id} is ready.", file=out)
    return ExitCode.OK


def _hold(options: argparse.Namespace, settings: Settings, out: TextIO) -> ExitCode:
    api = _api(settings)
    database = api.end_hold() if options.end else api.hold(hours=options.hours, until=options.until)
    _print_database(database, out)
    return ExitCode.OK


def _print_database(database: Database, out: TextIO) -> None:
    print(f"{database.id}: {database.status}. {database.detail}", file=out)
    if database.stops_at is not None:
        print(f"Stops at {format_time(database.stops_at)} if it stays idle.", file=out)
    if database.hold_until is not None:
        print(f"Held until {format_time(database.hold_until)}.", file=out)
    if database.estimated_ready_at is not None and not database.ready:
        print(f"Expected to be ready at {format_time(database.estimated_ready_at)}.", file=out)


def _api(settings: Settings) -> Api:
    if settings.url is None:
        raise NotConfigured(("RDS_LIFECYCLE_URL: missing; this command requires it",))
    return Api(settings.url, settings.token or "", settings.database or "")


def _restart_target(settings: Settings) -> RestartTarget:
    return StartFunction(settings.function, settings.database) if settings.function else _api(settings)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 0 to 86400")
    return seconds


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 < hours <= 168:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 168")
    return hours


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


if __name__ == "__main__":
    sys.exit(main())
