"""The compared functions: the app from its zip, plain handlers, and bare AWS calls, each with Lambda's runtime."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.canned_aws import IN_USE, STOPPED, TABLE
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
    """One Lambda function: its code, its handler, the event that invokes it, and its settings."""

    interpreter: Interpreter
    handler: str
    event: Any = field(hash=False)
    environ: Mapping[str, str] = field(hash=False)

    def start(self, aws: Mapping[str, str]) -> AbstractContextManager[Function]:
        """A new execution environment that uses the AWS of these variables."""
        name = self.handler.rpartition(".")[2]
        return running(self.interpreter, name, self.handler, {**aws, **self.environ}, MEMORY, _TIMEOUT)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One operation of the app, the plain handler with the same purpose, and the replay of the app's AWS calls."""

    name: str
    app: Subject
    plain: Subject
    bare: Subject


@dataclass(frozen=True, slots=True)
class Subjects:
    """All comparisons, and the sizes in bytes of the app's zip and of a zip with the plain handlers."""

    comparisons: tuple[Comparison, ...]
    app_zip: int
    plain_zip: int


@contextmanager
def prepare_subjects() -> Iterator[Subjects]:
    """Unpacked in a temporary folder until the context ends. ``make package`` creates the app's zip."""
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
    """A start of a stopped database by a backend and by the restart route, and a check of a database in use."""
    stopped, in_use = {"DATABASES": STOPPED}, {"DATABASES": IN_USE}
    plain_stopped, plain_in_use = ({"DATABASE_ID": ref, "METADATA_TABLE": TABLE} for ref in (STOPPED, IN_USE))
    tick = scheduled_event(datetime.now(UTC))
    click = proxy_event(
        ["/databases/{database_id}/restart"],
        "POST",
        f"/databases/{STOPPED}/restart",
        {**BROWSER, "Authorization": "Bearer operator"},
        None,
        {"principalId": "operator", "context": {"role": "operator"}},
    )
    plain_start = Subject(plain, "start.handler", {}, plain_stopped)
    replay = Subject(bare, "replay.handler", [], {})
    return (
        Comparison("start_database", Subject(app, "app.start_database", {}, stopped), plain_start, replay),
        Comparison("restart route", Subject(app, "app.app", click, stopped), plain_start, replay),
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
