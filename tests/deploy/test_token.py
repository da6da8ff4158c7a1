"""`make token` without its arguments."""

import pytest

from dev.token import main

EXAMPLE = "make token NAME=dashboard ROLE=operator"


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        pytest.param(["--name", "", "--role", ""], ["NAME", "ROLE"], id="as make passes them"),
        pytest.param([], ["NAME", "ROLE"], id="no arguments"),
        pytest.param(["--name", "", "--role", "viewer"], ["NAME"], id="no name"),
        pytest.param(["--name", "dashboard", "--role", ""], ["ROLE"], id="no role"),
    ],
)
def test_main__without_name_or_role__says_how_to_name_them(
    arguments: list[str], missing: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["token", *arguments])
    assert main() == 1
    assert capsys.readouterr().err.splitlines() == [f"{name} is missing: {EXAMPLE}" for name in missing]
