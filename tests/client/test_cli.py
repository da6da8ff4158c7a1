"""The command rds-lifecycle: its output and its exit codes."""

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

from rds_lifecycle_client import Api, LifecycleClient, Progress, State, cli
from rds_lifecycle_client.progress_bar import ProgressBar
from tests.client.support import WAIT_LIMIT_SECONDS, make_database
from tests.served import ROOT, Served
from tests.support import NOW

ConnectApp = Callable[..., tuple[Served, Api]]
ENVIRON = {
    "RDS_LIFECYCLE_URL": "https://lifecycle.example",
    "RDS_LIFECYCLE_TOKEN": "operator",
    "RDS_LIFECYCLE_DATABASE": "ss-financial-prod",
}


@pytest.fixture
def served(connect_app: ConnectApp, monkeypatch: pytest.MonkeyPatch) -> Served:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    return connect_app()[0]


def run(*arguments: str) -> tuple[int, list[str]]:
    out = io.StringIO()
    return cli.main(arguments, out), out.getvalue().splitlines()


def test_status__before_during_and_after_a_restart__prints_the_state(served: Served) -> None:
    code, [line] = run("status")
    assert code == 3
    assert line.startswith("ss-financial-prod: stopped. ")
    assert run("restart") == (0, ["ss-financial-prod: RDS instance starting"])
    code, lines = run("status")
    assert code == 3
    assert lines[1] == "Expected to be ready at 2026-03-02T09:05:00Z."
    served.world.clock.advance(5)
    code, lines = run("status")
    assert code == 0
    assert lines[1] == "Stops at 2026-03-02T10:05:00Z if it stays idle."


def test_hold__hours_until_and_end__prints_the_end_of_the_hold(served: Served) -> None:
    served.world.simulated_rds.set_status("ss-financial-prod", "available")
    assert run("hold", "3")[1][-1] == "Held until 2026-03-02T12:00:00Z."
    assert run("hold", "--until", "2026-03-02T11:30:00")[1][-1] == "Held until 2026-03-02T11:30:00Z."
    assert run("hold", "--until", "2026-03-02T11:30:00+01:00")[1][-1] == "Held until 2026-03-02T10:30:00Z."
    code, lines = run("hold", "--end")
    assert code == 0
    assert "Held" not in "".join(lines)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="no-command"),
        pytest.param(("hold",), id="hold-without-a-duration"),
        pytest.param(("hold", "0"), id="hold-0"),
        pytest.param(("hold", "169"), id="hold-169"),
        pytest.param(("hold", "3", "--end"), id="hold-and-end"),
        pytest.param(("hold", "--until", "soon"), id="hold-until-text"),
        pytest.param(("wait", "--timeout", "-1"), id="negative-timeout"),
        pytest.param(("wait", "--timeout", "1e9"), id="long-timeout"),
        pytest.param(("start",), id="unknown-command"),
    ],
)
def test_main__invalid_usage__exits_with_2(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2


def test_status__no_settings__exits_with_2_and_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status")[0] == 2
    assert "RDS_LIFECYCLE_URL" in capsys.readouterr().err


def test_status__function_only__exits_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RDS_LIFECYCLE_FUNCTION", "rds-lifecycle-prod-start_database")
    assert run("status")[0] == 2
    assert "RDS_LIFECYCLE_URL: missing; this command requires it" in capsys.readouterr().err


def test_restart__viewer_token__exits_with_1(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RDS_LIFECYCLE_TOKEN", "viewer")
    assert run("restart")[0] == 1
    assert "returned 403" in capsys.readouterr().err


def test_restart_and_wait__failed_database__exit_with_1(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    served.world.simulated_rds.set_status("ss-financial-prod", "storage-full")
    for command in ("restart", "wait"):
        assert run(command)[0] == 1
        assert "storage-full" in capsys.readouterr().err


def test_status__no_response__exits_with_5(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in {**ENVIRON, "RDS_LIFECYCLE_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    assert run("status")[0] == 5
    assert "rds-lifecycle did not respond at http://127.0.0.1:9" in capsys.readouterr().err


def test_wait__output_is_a_pipe__prints_one_line_for_each_change(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = LifecycleClient.wait_until_ready
    clock = served.world.clock

    def wait(self: LifecycleClient, timeout: timedelta, on_progress: Callable[[Progress], None]) -> object:
        return original(self, timeout, on_progress, clock, lambda seconds: clock.advance(seconds=seconds))

    monkeypatch.setattr(LifecycleClient, "wait_until_ready", wait)
    code, lines = run("wait")
    assert code == 0
    assert re.fullmatch(r"0:00  .*starting.*", lines[0])
    assert re.fullmatch(r"[45]:\d\d  .+", lines[1])
    assert lines[2:] == ["ss-financial-prod is ready."]


def test_wait__timeout__exits_with_4(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("wait", "--timeout", "0")[0] == 4
    assert re.search(r"Not ready after 0 s\. .*starting", capsys.readouterr().err)


def test_wait__ctrl_c__exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(LifecycleClient, "wait_until_ready", interrupt)
    assert run("wait")[0] == 130


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({"AWS_DEFAULT_REGION": None}, id="no-region"),
        pytest.param({"AWS_PROFILE": "nobody"}, id="unknown-profile"),
        pytest.param({"AWS_ACCESS_KEY_ID": None}, id="no-credentials"),
    ],
)
def test_wait__invalid_aws_settings__exits_with_2_without_a_retry(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    environ: dict[str, str | None],
) -> None:
    environ = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1", **environ}
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environ.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("RDS_LIFECYCLE_FUNCTION", "rds-lifecycle-prod-start_database")
    assert run("wait", "--timeout", "5")[0] == 2
    assert "AWS_REGION, AWS_PROFILE or the credentials" in capsys.readouterr().err


def run_wait_as_a_process(stdout: int) -> "subprocess.CompletedProcess[str]":
    """The command ``wait`` without an rds-lifecycle that responds."""
    environ = {**os.environ, **ENVIRON, "RDS_LIFECYCLE_URL": "http://127.0.0.1:9"}
    return subprocess.run(
        [sys.executable, "-m", "rds_lifecycle_client.cli", "wait", "--timeout", "0.01"],
        env={**environ, "PYTHONPATH": str(ROOT / "client" / "src"), "COLUMNS": "80"},
        stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=WAIT_LIMIT_SECONDS, check=False,
    )  # fmt: skip


def test_wait__reader_closes_the_pipe__exits_with_141_without_a_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    done = run_wait_as_a_process(write)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_wait__output_is_a_terminal__shows_a_bar() -> None:
    master, slave = pty.openpty()
    done = run_wait_as_a_process(slave)
    os.close(slave)
    output = os.read(master, 4096).decode()
    os.close(master)
    assert done.returncode == 4
    assert "Not ready after 0.01 s. rds-lifecycle did not respond" in done.stderr
    assert output.startswith("\r\x1b[K[           ?            ] 0:0")
    assert "rds-lifecycle has not responded yet." in output


def test_help__options__take_no_token() -> None:
    options = [line for line in cli._parser().format_help().lower().splitlines() if "token" in line]
    assert all("rds_lifecycle_token" in option for option in options)
    assert "--token" not in cli._parser().format_help()


def test_progress_bar__on_a_terminal__fills() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    starting, running = make_database(State.STARTING, estimated_ready_at=NOW), make_database(State.RUNNING)
    with ProgressBar(out) as progress_bar:
        progress_bar.show(Progress(None, timedelta(0), None))
        progress_bar.show(Progress(starting, timedelta(minutes=1), timedelta(minutes=4)))
        progress_bar.show(Progress(running, timedelta(minutes=4), timedelta(minutes=4)))
    lines = out.getvalue().removesuffix("\n").split("\r\x1b[K")[1:]
    assert [line[: line.index("]") + 1] for line in lines] == [
        "[           ?            ]",
        "[######..................]",
        "[########################]",
    ]
    assert lines[0].endswith("0:00  rds-lifecycle has not responded yet.")
