"""Small functions with AWS's runtime client; some of them waste time."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.subjects import Subject
from tests.deploy.lambda_runtime import Interpreter, install_runtime

BURN = """
def burn(seconds):
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass
"""
ASK = """
def ask(times):
    for _ in range(times):
        body = b"Action=DescribeDBInstances&DBInstanceIdentifier=in-use"
        urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"], data=body).read()
"""
IMPORTS = "import os, sys, time, urllib.request\n"

Make = Callable[..., Subject]


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages that Lambda provides."""
    return install_runtime(tmp_path_factory.mktemp("lambda") / "runtime")


@pytest.fixture
def function(runtime: Path, tmp_path: Path) -> Make:
    """Creates a function with this name, handler and import."""

    def make(name: str, handler: str, at_import: str = "pass") -> Subject:
        source = f"{IMPORTS}{BURN}{ASK}\n{at_import}\n\ndef handler(event, context):\n    {handler}\n"
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.py").write_text(source)
        return Subject(Interpreter(folder, runtime), f"{name}.handler", {}, {})

    return make
