"""The options of `make run` and `make demo`, which are environment variables."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

REGION: Final = "us-east-1"


class CannotRun(Exception):
    """Why the command cannot run here."""


@dataclass(frozen=True)
class Options:
    """The environment variables of `make run`. Times are in seconds."""

    port: int
    aws_port: int
    start_seconds: float
    stop_seconds: float
    check_seconds: float
    postgres_port: int | None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Options":
        """Raises CannotRun where a value is not valid."""
        return cls(
            port=read_number(environ, "PORT", 8000, int),
            aws_port=read_number(environ, "LOCAL_AWS_PORT", 4566, int),
            start_seconds=read_number(environ, "LOCAL_START_SECONDS", 20, float),
            stop_seconds=read_number(environ, "LOCAL_STOP_SECONDS", 10, float),
            check_seconds=read_number(environ, "LOCAL_CHECK_SECONDS", 10, float),
            postgres_port=read_number(environ, "POSTGRES_PORT", 5433, int)
            if environ.get("POSTGRES", "0") not in ("", "0")
            else None,
        )


def read_number(environ: Mapping[str, str], name: str, default: Any, kind: Callable[[str], Any]) -> Any:
    """A number from the environment. Raises CannotRun."""
    text = environ.get(name, "").strip()
    try:
        value = kind(text) if text else default
    except ValueError:
        value = -1
    if not 0 <= value < 1_000_000 or (name.endswith("PORT") and not 1 <= value <= 65535):
        raise CannotRun(f"{name} is {text!r}, which is not a valid {'port' if name.endswith('PORT') else 'number'}.")
    return value


def check_free(name: str, port: int, command: str = "make run") -> None:
    """Raises CannotRun where the port is in use; ``name`` is the variable that selects it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotRun(
                f"port {port} is not available ({error.strerror}). Stop the process that uses it, or select another: "
                f"{command} {name}={port + 1}"
            ) from None


def is_user_setting(name: str) -> bool:
    """Whether this variable may point boto3 or HTTP clients at the user's own AWS account or proxy."""
    return name.startswith("AWS_") or name.lower().endswith("_proxy")
