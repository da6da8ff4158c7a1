"""What every test starts from: no access to a real AWS account, and no settings of the person who runs the tests."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from chalicelib.settings import SETTING_NAMES
from tests.postgres import NOT_INSTALLED
from tests.served import serve as serve  # noqa: PLC0414 - a fixture for all
from tests.support import BACKENDS, MakeWorld, World, create_world

# Tests that package the app must not find bytecode that other tests left in chalicelib.
sys.dont_write_bytecode = sys.pycache_prefix is None

# The creation of an RDS instance makes moto load 1,300 machine images of EC2, five times as expensive as all the rest.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"

# A naive time that is taken for local time must not be right by chance.
os.environ["TZ"] = "Asia/Kolkata"
time.tzset()

settings.register_profile(
    "project", deadline=None, max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("project")


FAKE_AWS = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


"""No test can reach a real AWS account."""

# Fixtures of a module or of a session are made before those of a test.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ.update(FAKE_AWS)


@pytest.fixture(autouse=True)
def no_real_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins with this environment. As the first user of monkeypatch, it also has monkeypatch undone last."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name in SETTING_NAMES]:
        monkeypatch.delenv(name)
    for name, value in FAKE_AWS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=BACKENDS)
def make_world(request: pytest.FixtureRequest) -> Iterator[MakeWorld]:
    """Makes one World, until the test ends. The test runs twice: on moto, and on the simulated AWS."""
    with ExitStack() as stack:

        def make(*refs: Any, **options: Any) -> World:
            return stack.enter_context(create_world(*refs, backend=request.param, **options))

        yield make


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured, however many processes ran them."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    left_out = [report for report in terminalreporter.getreports("skipped") if NOT_INSTALLED in str(report.longrepr)]
    if left_out:
        terminalreporter.write_line(
            f"Left out, because {NOT_INSTALLED}: {len(left_out)} tests. apt-get install postgresql"
        )
    figures = [value for report in reports for name, value in report.user_properties if name == "figure"]
    for figure in sorted(set(map(str, figures))):
        terminalreporter.write_line(figure)
