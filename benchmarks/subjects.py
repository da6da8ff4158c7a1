"""Who runs against whom: the app from its zip, the plain handlers, bare AWS calls, each under Lambda's runtime."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.canned_aws import STOPPED, IN_USE, TABLE
from dev.local.eventbridge import scheduled_event
from tests.deploy.api_gateway import BROWSER, proxy_event
from tests.deploy.lambda_runtime import Function, Interpreter, install_runtime, running
from tests.deploy.project import copy_project

MEMORY: Final = 512
_TIMEOUT: Final = 90
_PLAIN: Final = Path(__file__).parent / "plain"
BARE: Final = Path(__file__).parent / "bare"


@dataclass(frozen=True, slots=True)
class Subject:
    """One Lambda function: where its code is, its handler, what it is invoked with and the settings that it needs."""

    interpreter: Interpreter
    handler: str
    event: Any = field(hash=False)
    environ: Mapping[str, str] = field(hash=False)

    def start(self, aws: Mapping[str, str]) -> AbstractContextManager[Function]:
        """A new execution environment, on the AWS of that environment."""
        name = self.handler.rpartition(".")[2]
        return running(self.interpreter, name, self.handler, {**aws, **self.environ}, MEMORY, _TIMEOUT)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One operation of the app, the plain handler that does the same in short, and what replays the app's AWS calls."""

    name: str
    app: Subject
    plain: Subject
    bare: Subject


@dataclass(frozen=True, slots=True)
class Subjects:
    """All that run, and what they weigh: the bytes of the app's zip, and of one with the plain handlers."""

    comparisons: tuple[Comparison, ...]
    app_zip: int
    plain_zip: int


@contextmanager
def prepare_subjects() -> Iterator[Subjects]:
    """Unpacked in a folder of their own, for as long as the context lasts. ``make package`` makes the app's zip."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "project").mkdir()
        project = copy_project(folder / "project")
        project.python("dev.deploy.package", "prod")
        runtime = install_runtime(folder / "runtime")
        plain_zip = Path(shutil.make_archive(str(folder / "plain"), "zip", _PLAIN))
        app = Interpreter(_unpacked(project.zip("prod"), folder / "app"), runtime)
        plain = Interpreter(_unpacked(plain_zip, folder / "plain"), runtime)
        bare = Interpreter(BARE, runtime)
        yield Subjects(comparisons(app, plain, bare), project.zip("prod").stat().st_size, plain_zip.stat().st_size)


def comparisons(app: Interpreter, plain: Interpreter, bare: Interpreter) -> tuple[Comparison, ...]:
    """A start of a database that is asleep, by a backend and by a click; a check of one that is in use."""
    asleep, in_use = {"DATABASES": STOPPED}, {"DATABASES": IN_USE}
    plain_asleep, plain_in_use = ({"DATABASE_ID": ref, "METADATA_TABLE": TABLE} for ref in (STOPPED, IN_USE))
    tick = scheduled_event(datetime.now(UTC))
    click = proxy_event(
        ["/databases/{database_id}/restart"],
        "POST",
        f"/databases/{STOPPED}/restart",
        {**BROWSER, "Authorization": "Bearer operator"},
        None,
        {"principalId": "operator", "context": {"role": "operator"}},
    )
    plain_start = Subject(plain, "start.handler", {}, plain_asleep)
    replay = Subject(bare, "replay.handler", [], {})
    return (
        Comparison("start_database", Subject(app, "app.start_database", {}, asleep), plain_start, replay),
        Comparison("restart route", Subject(app, "app.app", click, asleep), plain_start, replay),
        Comparison(
            "check",
            Subject(app, "app.inactivity_check", tick, in_use),
            Subject(plain, "stop.handler", tick, plain_in_use),
            replay,
        ),
    )


def _unpacked(archive: Path, folder: Path) -> Path:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder
