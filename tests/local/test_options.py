"""The options of `make run`."""

import socket

import pytest

from dev.local.options import CannotRun, Options, check_free, is_user_setting


def test_options__without_variables__have_defaults_and_no_postgresql() -> None:
    assert Options.read({"PORT": " ", "POSTGRES": "0"}) == Options(8000, 4566, 20, 10, 10, None)


def test_options__with_variables__have_their_values() -> None:
    environ = {
        "PORT": "1",
        "LOCAL_AWS_PORT": "2",
        "LOCAL_START_SECONDS": "0.5",
        "LOCAL_STOP_SECONDS": "0",
        "LOCAL_CHECK_SECONDS": "3",
        "POSTGRES": "1",
        "POSTGRES_PORT": "65535",
    }
    assert Options.read(environ) == Options(1, 2, 0.5, 0, 3, 65535)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PORT", "http", "PORT is 'http', which is not a valid port."),
        ("LOCAL_AWS_PORT", "65536", "LOCAL_AWS_PORT is '65536', which is not a valid port."),
        ("POSTGRES_PORT", "0", "POSTGRES_PORT is '0', which is not a valid port."),
        ("LOCAL_START_SECONDS", "-1", "LOCAL_START_SECONDS is '-1', which is not a valid number."),
        ("LOCAL_CHECK_SECONDS", "nan", "LOCAL_CHECK_SECONDS is 'nan', which is not a valid number."),
    ],
    ids=["no number", "port too large", "port 0", "negative", "not a number"],
)
def test_options__with_an_invalid_value__are_rejected(name: str, value: str, message: str) -> None:
    with pytest.raises(CannotRun) as error:
        Options.read({"POSTGRES": "1", name: value})
    assert str(error.value) == message


def test_check_free__of_a_port_in_use__explains_how_to_select_another() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(CannotRun, match=f"port {port} is not available") as error:
            check_free("POSTGRES_PORT", port)
    assert f"make run POSTGRES_PORT={port + 1}" in str(error.value)


def test_is_user_setting__of_credentials_endpoints_and_proxies__is_true() -> None:
    names = ["AWS_PROFILE", "AWS_ENDPOINT_URL_RDS", "HTTP_PROXY", "https_proxy", "PORT", "PATH", "MY_AWS_ACCOUNT"]
    assert [name for name in names if is_user_setting(name)] == names[:4]
