"""The command rds-lifecycle: what it prints, and its exit codes."""

import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from rds_lifecycle_client import Api, LifecycleClient, Progress, State, bar, cli
from tests.client.support import a_database
from tests.served import ROOT, Served
from tests.support import NOW

Wire = Callable[..., tuple[Served, Api]]
ENVIRON = {
    "RDS_LIFECYCLE_URL": "https://lifecycle.example",
    "RDS_LIFECYCLE_TOKEN": "operator",
    "RDS_LIFECYCLE_DATABASE": "ss-financial-prod",
}


@pytest.fixture
def served(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Served:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    return wire()[0]


def run(*arguments: str) -> tuple[int, list[str]]:
    out = io.StringIO()
    return cli.main(arguments, out), out.getvalue().splitlines()


def test_status_restart_and_status_again(served: Served) -> None:
    code, [line] = run("status")
    assert (code, line) == (3, "ss-financial-prod: stopped. It is stopped, and nobody has asked for a restart.")
    assert run("restart") == (0, ["ss-financial-prod: RDS instance starting"])
    code, lines = run("status")
    assert code == 3
    assert lines[1] == "Ready at about 2026-03-02T09:05:00Z."
    served.world.clock.advance(5)
    code, lines = run("status")
    assert code == 0
    assert lines[1] == "Stops at 2026-03-02T10:05:00Z, if nobody uses it before."


def test_hold_for_hours_until_a_time_and_its_end(served: Served) -> None:
    served.world.slow_rds.set_status("ss-financial-prod", "available")
    assert run("hold", "3")[1][-1] == "Held until 2026-03-02T12:00:00Z."
    assert run("hold", "--until", "2026-03-02T11:30:00")[1][-1] == "Held until 2026-03-02T11:30:00Z."
    assert run("hold", "--until", "2026-03-02T11:30:00+01:00")[1][-1] == "Held until 2026-03-02T10:30:00Z."
    code, lines = run("hold", "--end")
    assert code == 0
    assert "Held" not in "".join(lines)


@pytest.mark.parametrize(
    "arguments",
    [(), ("hold",), ("hold", "0"), ("hold", "169"), ("hold", "3", "--end"), ("hold", "--until", "soon"),
     ("wait", "--timeout", "-1"), ("wait", "--timeout", "1e9"), ("start",)],
)  # fmt: skip
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2


def test_wrong_settings_are_exit_code_2_and_say_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status")[0] == 2
    assert "RDS_LIFECYCLE_URL" in capsys.readouterr().err


def test_status_needs_the_routes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RDS_LIFECYCLE_FUNCTION", "rds-lifecycle-prod-start_database")
    assert run("status")[0] == 2
    assert "this command needs the routes" in capsys.readouterr().err


def test_a_refusal_is_exit_code_1(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RDS_LIFECYCLE_TOKEN", "viewer")
    assert run("restart")[0] == 1
    assert "answered 403" in capsys.readouterr().err


def test_a_database_that_cannot_be_started_is_exit_code_1(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    served.world.slow_rds.set_status("ss-financial-prod", "storage-full")
    for command in ("restart", "wait"):
        assert run(command)[0] == 1
        assert "storage-full" in capsys.readouterr().err


def test_no_answer_is_exit_code_5(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in {**ENVIRON, "RDS_LIFECYCLE_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    assert run("status")[0] == 5
    assert "rds-lifecycle does not answer at http://127.0.0.1:9" in capsys.readouterr().err


def test_wait_starts_it_and_tells_each_change_on_a_line_of_its_own(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = LifecycleClient.wait_until_ready

    def wait(self: LifecycleClient, timeout: timedelta, on_progress: Callable[[Progress], None]) -> object:
        return original(self, timeout, on_progress, served.world.clock, served.world.clock.pause)

    monkeypatch.setattr(LifecycleClient, "wait_until_ready", wait)
    code, lines = run("wait")
    assert code == 0
    assert lines[0] == "0:00  It is starting; that takes RDS some minutes."
    assert re.fullmatch(r"[45]:\d\d  .*in use.*", lines[1], re.IGNORECASE)
    assert lines[2:] == ["ss-financial-prod is ready."]


def test_wait_gives_up_with_exit_code_4(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("wait", "--timeout", "0")[0] == 4
    assert "Not ready after 0 s. It is starting" in capsys.readouterr().err


def test_ctrl_c_is_exit_code_130(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LifecycleClient, "wait_until_ready", interrupt)
    assert run("wait")[0] == 130


@pytest.mark.parametrize(
    "wrong", [{"AWS_DEFAULT_REGION": None}, {"AWS_PROFILE": "nobody"}, {"AWS_ACCESS_KEY_ID": None}]
)
def test_wait_does_not_wait_for_settings_of_aws_to_appear(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, wrong: dict[str, str | None]
) -> None:
    given = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1", **wrong}
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("RDS_LIFECYCLE_FUNCTION", "rds-lifecycle-prod-start_database")
    assert run("wait", "--timeout", "5")[0] == 2
    assert "AWS_REGION, AWS_PROFILE or the credentials" in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_traceback() -> None:
    environ = {**os.environ, **ENVIRON, "RDS_LIFECYCLE_URL": "http://127.0.0.1:9"}
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "rds_lifecycle_client.cli", "wait", "--timeout", "0.2"],
        env={**environ, "PYTHONPATH": str(ROOT / "client" / "src")},
        stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_no_option_takes_a_token() -> None:
    assert "token" not in re.sub(r"RDS_LIFECYCLE_TOKEN|a token,", "", cli._parser().format_help()).lower()


def test_on_a_terminal_it_is_a_bar_that_fills() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    starting, up = a_database(State.STARTING, estimated_ready_at=NOW), a_database(State.RUNNING)
    with bar.ProgressBar(out) as shown:
        shown.show(Progress(None, timedelta(0), None))
        shown.show(Progress(starting, timedelta(minutes=1), timedelta(minutes=4)))
        shown.show(Progress(up, timedelta(minutes=4), timedelta(minutes=4)))
    drawn = out.getvalue().removesuffix("\n").split("\r\x1b[K")[1:]
    assert [line[: line.index("]") + 1] for line in drawn] == [
        "[           ?            ]",
        "[######..................]",
        "[########################]",
    ]
    assert drawn[0].endswith("0:00  rds-lifecycle does not answer yet.")


def test_the_command_on_a_real_terminal() -> None:
    master, slave = pty.openpty()
    environ = {**os.environ, **ENVIRON, "RDS_LIFECYCLE_URL": "http://127.0.0.1:9"}
    environ |= {"PYTHONPATH": str(ROOT / "client" / "src"), "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-m", "rds_lifecycle_client.cli", "wait", "--timeout", "0.2"],
        env=environ, stdout=slave, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(slave)
    shown = os.read(master, 4096).decode()
    os.close(master)
    assert done.returncode == 4
    assert "Not ready after 0.2 s. rds-lifecycle does not answer" in done.stderr
    assert shown.startswith("\r\x1b[K[           ?            ] 0:00  rds-lifecycle does not answer yet.")
