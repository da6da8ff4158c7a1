"""Runs the code blocks of docs/backend.md against real processes, and compares its tables with the code."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.local.postgres import PASSWORD, USER
from rds_lifecycle_client.cli import ExitCode
from rds_lifecycle_client.settings import SETTING_NAMES
from tests.local.test_load import items
from tests.local.test_make_run import QUICK, Stack, free_ports, running
from tests.postgres import a_folder
from tests.served import ROOT

# Only a command that hangs takes this long.
COMMAND_LIMIT_SECONDS = 120
pytestmark = pytest.mark.timeout(3 * COMMAND_LIMIT_SECONDS)

GUIDE = (ROOT / "docs" / "backend.md").read_text()


def code_block(language: str, text: str) -> str:
    """The only code block in that language that contains the text."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    [block] = [block for block in blocks if text in block]
    return block


@pytest.fixture(scope="module")
def postgres_port() -> int:
    return free_ports()[0]


@pytest.fixture(scope="module")
def stack(postgres_port: int) -> Iterator[Stack]:
    with a_folder() as data:
        environ = {**QUICK, "IDLE_MINUTES": "9", "POSTGRES": "1", "POSTGRES_PORT": str(postgres_port)}
        with running(**environ, POSTGRES_DATA=str(data)) as it:
            yield it


def environment(stack: Stack, postgres_port: int, driver: str = "postgresql") -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT / "client" / "src"),
        "DATABASE_URL": f"{driver}://{USER}:{PASSWORD}@127.0.0.1:{postgres_port}/postgres",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{stack.aws_port}",
        "RDS_LIFECYCLE_URL": f"http://127.0.0.1:{stack.port}",
        "RDS_LIFECYCLE_TOKEN": "local-operator",
        "RDS_LIFECYCLE_DATABASE": "ss-financial-prod",
        "RDS_LIFECYCLE_TABLE": "system-metadata",
    }


def take_activity(stack: Stack) -> str:
    """Read and delete the activity item."""
    value = items(stack)["last_rds_query_time"]["value"]
    stack.client("dynamodb").delete_item(TableName="system-metadata", Key={"key": {"S": "last_rds_query_time"}})
    return str(value)


def run(command: list[str], environ: dict[str, str], code: str | None = None) -> str:
    done = subprocess.run(
        command, input=code, env=environ, capture_output=True, text=True, timeout=COMMAND_LIMIT_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def python(code: str, environ: dict[str, str]) -> str:
    return run([sys.executable, "-"], environ, code)


def test_script__database_stopped__waits_and_reports_activity(stack: Stack, postgres_port: int) -> None:
    start(stack)
    *progress, counted = python(code_block("python", "count_tables"), environment(stack, postgres_port)).splitlines()
    assert progress[-1] == "1.0"
    assert int(counted) > 100
    assert take_activity(stack).endswith("Z")


def start(stack: Stack) -> None:
    stack.call("POST", "/databases/ss-financial-prod/restart")
    stack.wait_for_status("available")


def test_fastapi_app__database_available__responds_and_reports_activity(stack: Stack, postgres_port: int) -> None:
    start(stack)
    code = code_block("python", "instrument_app(app") + (  # noqa: S608 - Python, not SQL
        "\n\nimport asyncio, httpx, rds_lifecycle_client.health\n"
        "rds_lifecycle_client.health._PING_TIMEOUT_SECONDS = 120\n"
        "@app.get('/tables')\n"
        "async def tables() -> int:\n"
        "    async with engine.connect() as connection:\n"
        "        return (await connection.execute(text('select count(*) from pg_class'))).scalar_one()\n"
        "async def request():\n"
        "    transport = httpx.ASGITransport(app)\n"
        "    async with httpx.AsyncClient(transport=transport, base_url='http://backend') as client:\n"
        "        print((await client.get('/health')).json()['database'], (await client.get('/tables')).status_code)\n"
        "asyncio.run(request())\n"
    )
    assert python(code, environment(stack, postgres_port, "postgresql+psycopg")) == "up 200\n"
    assert take_activity(stack)


def test_django_code__query_and_failure__reports_activity_and_responds_with_503(
    stack: Stack, postgres_port: int
) -> None:
    start(stack)
    settings = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": USER,
            "PASSWORD": PASSWORD,
            "HOST": "127.0.0.1",
            "PORT": postgres_port,
            "OPTIONS": {"connect_timeout": 3},
        }
    }
    settings["stopped"] = {**settings["default"], "PORT": free_ports()[0]}
    code = (
        f"from django.conf import settings\nsettings.configure(DATABASES={settings!r})\n"  # noqa: S608 - Python, not SQL
        + code_block("python", "connection_created")
        + "\n\nfrom django.db import OperationalError, connections\n"
        "with connections['default'].cursor() as cursor:\n"
        "    cursor.execute('select 1')\n"
        "    assert lifecycle.reporter._unreported_activity() is None\n"
        "    cursor.execute('select count(*) from pg_class')\n"
        "lifecycle.report()\n"
        "try:\n"
        "    connections['stopped'].cursor()\n"
        "except OperationalError as error:\n"
        "    response = DatabaseUnavailableMiddleware(None).process_exception(None, error)\n"
        "    print(response.status_code, response['Retry-After'], lifecycle.restart_requested_at is not None)\n"
        "    print(DatabaseUnavailableMiddleware(None).process_exception(None, ValueError()))\n"
    )
    assert re.fullmatch(r"503 \d+ True\nNone\n", python(code, environment(stack, postgres_port)))
    assert take_activity(stack)


def test_shell_commands__as_printed__succeed(stack: Stack, postgres_port: int, tmp_path: Path) -> None:
    command = tmp_path / "rds-lifecycle"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m rds_lifecycle_client.cli "$@"\n')
    command.chmod(0o755)
    environ = environment(stack, postgres_port)
    environ["PATH"] = f"{tmp_path}:{environ['PATH']}"
    out = run(["bash", "-e"], environ, code_block("sh", "rds-lifecycle wait"))
    assert "ss-financial-prod is ready." in out
    assert "Held until" in out
    stack.call("DELETE", "/databases/ss-financial-prod/hold")


AWS_CLI = '''#!{python}
"""Runs the AWS CLI commands of docs/backend.md with boto3."""
import json, re, sys
import boto3
service, operation, *arguments = sys.argv[1:]
parameters = {{}}
for name, value in zip(arguments, arguments[1:]):
    if name.startswith("--"):
        camel = "".join(part.capitalize() for part in name[2:].split("-"))
        parameters[camel] = json.loads(value) if value.startswith("{{") else value
response = getattr(boto3.client(service), operation.replace("-", "_"))(**parameters)
if "Payload" in response:
    print(response["Payload"].read().decode())
'''


@pytest.mark.parametrize("route", ["/activity", "/restart"])
def test_curl_and_aws_cli__as_printed__succeed(route: str, stack: Stack, postgres_port: int, tmp_path: Path) -> None:
    aws_cli = tmp_path / "aws"
    aws_cli.write_text(AWS_CLI.format(python=sys.executable))
    aws_cli.chmod(0o755)
    environ = {**environment(stack, postgres_port), "TOKEN": "local-operator"}
    environ |= {"URL": environ["RDS_LIFECYCLE_URL"], "PATH": f"{tmp_path}:{environ['PATH']}"}
    lines = code_block("sh", route).replace("\\\n", "").replace("-prod-start", "-local-start").splitlines()
    curl, aws = (line for line in lines if line)
    assert '"id":"ss-financial-prod"' in run(["bash", "-e"], environ, curl.replace("curl ", "curl -sf "))
    if route == "/activity":
        assert take_activity(stack).endswith("Z")
    output = run(["bash", "-e"], environ, aws)
    if route == "/activity":
        assert take_activity(stack).endswith("Z")
    else:
        assert '"statusCode"' in output


def test_tables__settings_and_exit_codes__are_complete() -> None:
    assert [name for name in SETTING_NAMES if f"`{name}`" not in GUIDE] == []
    assert [code for code in ExitCode if f"\n| {code} | " not in GUIDE] == []


def test_policy__actions__are_those_that_the_client_calls() -> None:
    statements = json.loads(code_block("json", "Statement"))["Statement"]
    actions = [action for statement in statements for action in [statement["Action"]]]
    assert actions == [["dynamodb:GetItem", "dynamodb:UpdateItem"], "lambda:InvokeFunction"]
    sources = "".join(path.read_text() for path in (ROOT / "client" / "src").rglob("*.py"))
    assert set(re.findall(r"_client\.get\(\)\.(\w+)\(", sources)) == {"get_item", "update_item", "invoke"}
