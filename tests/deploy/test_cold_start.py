"""What a cold start costs: importing the app from the zip, beside a plain handler that uses boto3."""

import json
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable

import pytest

from tests.deploy.conftest import Stages
from tests.deploy.lambda_runtime import Interpreter, install_runtime

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
def interpreter(packaged: Stages, tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    """The zip of the stage prod, unpacked: as in Lambda, nothing of it is compiled beforehand."""
    folder = tmp_path_factory.mktemp("cold")
    with zipfile.ZipFile(packaged("prod").zip("prod")) as archive:
        archive.extractall(folder / "task")
    return Interpreter(folder / "task", install_runtime(folder / "runtime"))


def run(interpreter: Interpreter, code: str) -> tuple[float, str]:
    """Its seconds of CPU time, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(interpreter.command(code), env=ENVIRON, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def test_the_app_loads_about_as_fast_as_a_plain_handler(
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


def test_importing_the_app_asks_nobody_writes_nothing_and_makes_no_client(interpreter: Interpreter) -> None:
    found = json.loads(run(interpreter, WATCHED)[1])
    assert found == {"seen": [], "threads": 1, "session": "None", "kept": 0}
