"""The cost of a cold start: importing the app from the zip, compared with a plain handler that uses boto3."""

import json
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable

import pytest

from tests.deploy.lambda_runtime import Interpreter, install_runtime
from tests.deploy.project import Project

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric has wheels for Linux only")

ROUNDS = 15
# Of the CPU time, which other processes disturb far less than the time that passes.
MOST = 1.15
_PATH = "import sys; sys.path[:0] = sys.argv[1].split(':'); "
APP = _PATH + "import app"
PLAIN = _PATH + "import boto3; boto3.client('rds'); boto3.client('dynamodb')"
WATCHED = (
    _PATH
    + """
import json, threading
seen = []
sys.addaudithook(lambda name, args: seen.append([name, str(args[0])]) if name in ("socket.connect",
    "socket.getaddrinfo", "subprocess.Popen", "os.mkdir") or (name == "open" and "r" not in str(args[1])) else None)
import app
import boto3
print(json.dumps({"seen": seen, "threads": threading.active_count(), "session": str(boto3.DEFAULT_SESSION),
    "kept": app.connect.__globals__["_connect"].cache_info().currsize}))
"""
)
ENVIRON = {"AWS_DEFAULT_REGION": "us-east-1", "DATABASES": "ss-financial-prod", "PYTHONHASHSEED": "0"}


@pytest.fixture(scope="module")
def interpreter(package: Project, tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    """The zip of the stage prod, unpacked: as in Lambda, nothing of it is compiled beforehand."""
    folder = tmp_path_factory.mktemp("cold")
    with zipfile.ZipFile(package.zip("prod")) as archive:
        archive.extractall(folder / "task")
    return Interpreter(folder / "task", install_runtime(folder / "runtime"))


def run(interpreter: Interpreter, code: str) -> tuple[float, str]:
    """Its seconds of CPU time, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(interpreter.command(code), env=ENVIRON, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def test_import_of_the_app__costs_about_as_much_as_a_plain_handler(
    interpreter: Interpreter, record_property: Callable[[str, object], None]
) -> None:
    for code in (APP, PLAIN):
        run(interpreter, code)
    times = [(run(interpreter, APP)[0], run(interpreter, PLAIN)[0]) for _ in range(ROUNDS)]
    # Nothing makes a start cheaper than it is, so the least of many is the nearest to it.
    app, plain = map(min, zip(*times, strict=True))
    figures = f"{app * 1000:.0f} ms, a plain handler {plain * 1000:.0f} ms, ratio {app / plain:.2f}"
    record_property("figure", f"cold start, CPU time: {figures}, at most {MOST}")
    assert app <= MOST * plain


def test_import_of_the_app__sends_and_writes_nothing_and_creates_no_client(interpreter: Interpreter) -> None:
    found = json.loads(run(interpreter, WATCHED)[1])
    assert found == {"seen": [], "threads": 1, "session": "None", "kept": 0}
