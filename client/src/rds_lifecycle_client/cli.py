"""rds-lifecycle: see how a database stands, start it, wait for it, keep it up."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import TextIO

from rds_lifecycle_client.api import Api
from rds_lifecycle_client.progress_bar import ProgressBar
from rds_lifecycle_client.errors import LifecycleError, NotConfigured, WaitTimeout, Unavailable
from rds_lifecycle_client.start_function import StartFunction
from rds_lifecycle_client.lifecycle import LifecycleClient
from rds_lifecycle_client.model import Database, RestartTarget, format_time
from rds_lifecycle_client.settings import Settings, read_settings


class Exit(IntEnum):
    """Exit codes, as ``--help`` lists them."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NOT_READY = 3
    TOOK_TOO_LONG = 4
    NO_ANSWER = 5


_EPILOG = """\
settings, all from the environment:
  RDS_LIFECYCLE_URL, RDS_LIFECYCLE_TOKEN, RDS_LIFECYCLE_DATABASE   the routes, a token, the database's id
  RDS_LIFECYCLE_FUNCTION   or the function start_database, with AWS credentials: for restart and wait

exit codes:
  0  done; for status: it takes connections     3  status: it does not take connections
  1  refused, or it cannot be started           4  wait: not ready within the time given
  2  wrong usage or settings                    5  no answer from rds-lifecycle
"""


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    stream = out or sys.stdout
    try:
        code = int(options.run(options, read_settings(os.environ), stream))
        stream.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read has gone. Python would write the rest when it ends, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 141
    except LifecycleError as error:
        print(f"rds-lifecycle: {error}", file=sys.stderr)
        return _exit_code(error)
    return code


def _exit_code(error: LifecycleError) -> Exit:
    match error:
        case NotConfigured():
            return Exit.USAGE
        case WaitTimeout():
            return Exit.TOOK_TOO_LONG
        case Unavailable():
            return Exit.NO_ANSWER
        case _:
            return Exit.REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rds-lifecycle", description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: Callable[..., Exit], says: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=says, description=says)
        added.set_defaults(run=run)
        return added

    command("status", _status, "show how the database stands; changes nothing")
    command("restart", _restart, "ask for a start, and return at once")
    wait = command("wait", _wait, "start it where it sleeps, and return when it takes connections")
    wait.add_argument("--timeout", type=_seconds, default=1200.0, metavar="SECONDS", help="1200 by default")
    hold = command("hold", _hold, "keep it up for a while, however idle")
    how = hold.add_mutually_exclusive_group(required=True)
    how.add_argument("hours", type=_hours, nargs="?", help="for so many hours, at most 168")
    how.add_argument("--until", type=_moment, metavar="TIME", help="until then: ISO 8601, without an offset UTC")
    how.add_argument("--end", action="store_true", help="end a hold")
    return parser


def _status(_options: argparse.Namespace, settings: Settings, out: TextIO) -> Exit:
    database = _api(settings).describe()
    _show(database, out)
    return Exit.DONE if database.ready else Exit.NOT_READY


def _restart(_options: argparse.Namespace, settings: Settings, out: TextIO) -> Exit:
    restarted = _restart_target(settings).restart()
    print(f"{restarted.database.id}: {restarted.message}", file=out)
    return Exit.DONE


def _wait(options: argparse.Namespace, settings: Settings, out: TextIO) -> Exit:
    lifecycle = LifecycleClient(None, _restart_target(settings), _api(settings) if settings.url else None)
    with ProgressBar(out) as bar:
        database = lifecycle.wait_until_ready(timedelta(seconds=options.timeout), bar.show)
    print(f"{database.id} is ready.", file=out)
    return Exit.DONE


def _hold(options: argparse.Namespace, settings: Settings, out: TextIO) -> Exit:
    api = _api(settings)
    database = api.end_hold() if options.end else api.hold(hours=options.hours, until=options.until)
    _show(database, out)
    return Exit.DONE


def _show(database: Database, out: TextIO) -> None:
    print(f"{database.id}: {database.status}. {database.detail}", file=out)
    if database.stops_at is not None:
        print(f"Stops at {format_time(database.stops_at)}, if nobody uses it before.", file=out)
    if database.hold_until is not None:
        print(f"Held until {format_time(database.hold_until)}.", file=out)
    if database.estimated_ready_at is not None and not database.ready:
        print(f"Ready at about {format_time(database.estimated_ready_at)}.", file=out)


def _api(settings: Settings) -> Api:
    if settings.url is None:
        raise NotConfigured(("RDS_LIFECYCLE_URL: it is missing; this command needs the routes",))
    return Api(settings.url, settings.token or "", settings.database or "")


def _restart_target(settings: Settings) -> RestartTarget:
    return StartFunction(settings.function, settings.database) if settings.function else _api(settings)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds up to a day")
    return seconds


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 < hours <= 168:
        raise argparse.ArgumentTypeError(f"{text} is not over 0 and at most 168")
    return hours


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


if __name__ == "__main__":
    sys.exit(main())
