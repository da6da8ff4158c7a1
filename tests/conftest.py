"""What every test starts from: no real AWS, no settings of the person who runs the tests."""

import os
import sys
import time

import pytest
from hypothesis import HealthCheck, settings

from chalicelib.settings import SETTING_NAMES
from tests import support
from tests.postgres import NOT_INSTALLED
from tests.served import serve as serve  # noqa: PLC0414 - a fixture for all

# Tests that package the app must not find bytecode that other tests left in chalicelib.
sys.dont_write_bytecode = True

# A naive time that is taken for local time must not look right by chance.
os.environ["TZ"] = "Asia/Kolkata"
time.tzset()

settings.register_profile(
    "project", deadline=None, max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("project")


@pytest.fixture(autouse=True)
def no_real_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a test does can reach a real account."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name in SETTING_NAMES]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(params=support.CLOUDS)
def either_cloud(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs on moto, and on the AWS of the simulation."""
    monkeypatch.setattr(support, "cloud_in_use", request.param)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tests that measure something say what they measured, however many processes have run them."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    left_out = [report for report in terminalreporter.getreports("skipped") if NOT_INSTALLED in str(report.longrepr)]
    if left_out:
        terminalreporter.write_line(
            f"Left out, because {NOT_INSTALLED}: {len(left_out)} tests. apt-get install postgresql"
        )
    figures = [value for report in reports for name, value in report.user_properties if name == "figure"]
    for figure in sorted(set(map(str, figures))):
        terminalreporter.write_line(figure)
