"""Every piece of code in docs/backend.md does what it says, against real processes; its tables are the code's."""

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
from rds_lifecycle_client.cli import Exit
from rds_lifecycle_client.settings import SETTING_NAMES
from tests.local.test_load import items
from tests.local.test_make_run import QUICK, Stack, free_ports, running
from tests.postgres import a_folder
from tests.served import ROOT

BACKEND = (ROOT / "docs" / "backend.md").read_text()


def block(language: str, words: str) -> str:
    """The one block in that language that has these words."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", BACKEND, re.DOTALL)
    [found] = [text for text in blocks if words in text]
    return found


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


def reported(stack: Stack) -> str:
    """The activity item; then it is removed."""
    found = items(stack)["last_rds_query_time"]["value"]
    stack.client("dynamodb").delete_item(TableName="system-metadata", Key={"key": {"S": "last_rds_query_time"}})
    return str(found)


def run(command: list[str], environ: dict[str, str], code: str | None = None) -> str:
    done = subprocess.run(command, input=code, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def python(code: str, environ: dict[str, str]) -> str:
    return run([sys.executable, "-"], environ, code)


def test_the_script_waits_until_it_is_ready_and_reports(stack: Stack, postgres_port: int) -> None:
    wake(stack)
    *progress, counted = python(block("python", "count_tables"), environment(stack, postgres_port)).splitlines()
    assert progress[-1] == "1.0"
    assert int(counted) > 100
    assert reported(stack).endswith("Z")


def wake(stack: Stack) -> None:
    stack.call("POST", "/databases/ss-financial-prod/restart")
    stack.wait_for_status("available")


def test_the_fastapi_app_answers_and_reports(stack: Stack, postgres_port: int) -> None:
    wake(stack)
    code = block("python", "install(app") + (  # noqa: S608 - Python, not SQL
        "\n\nimport asyncio, httpx\n"
        "@app.get('/tables')\n"
        "async def tables() -> int:\n"
        "    async with engine.connect() as connection:\n"
        "        return (await connection.execute(text('select count(*) from pg_class'))).scalar_one()\n"
        "async def ask():\n"
        "    transport = httpx.ASGITransport(app)\n"
        "    async with httpx.AsyncClient(transport=transport, base_url='http://backend') as client:\n"
        "        print((await client.get('/health')).json()['database'], (await client.get('/tables')).status_code)\n"
        "asyncio.run(ask())\n"
    )
    assert python(code, environment(stack, postgres_port, "postgresql+psycopg")) == "up 200\n"
    assert reported(stack)


def test_django_reports_wakes_and_answers(stack: Stack, postgres_port: int) -> None:
    wake(stack)
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
    settings["nowhere"] = {**settings["default"], "PORT": free_ports()[0]}
    code = (
        f"from django.conf import settings\nsettings.configure(DATABASES={settings!r})\n"  # noqa: S608 - Python, not SQL
        + block("python", "connection_created")
        + "\n\nfrom django.db import OperationalError, connections\n"
        "with connections['default'].cursor() as cursor:\n"
        "    cursor.execute('select 1')\n"
        "    assert lifecycle.reporter._unreported() is None\n"
        "    cursor.execute('select count(*) from pg_class')\n"
        "lifecycle.report()\n"
        "try:\n"
        "    connections['nowhere'].cursor()\n"
        "except OperationalError as error:\n"
        "    answer = AnswerWhileDown(None).process_exception(None, error)\n"
        "    print(answer.status_code, answer['Retry-After'], lifecycle.woken_at is not None)\n"
        "    print(AnswerWhileDown(None).process_exception(None, ValueError()))\n"
    )
    assert re.fullmatch(r"503 \d+ True\nNone\n", python(code, environment(stack, postgres_port)))
    assert reported(stack)


def test_the_commands_work_as_printed(stack: Stack, postgres_port: int, tmp_path: Path) -> None:
    command = tmp_path / "rds-lifecycle"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m rds_lifecycle_client.cli "$@"\n')
    command.chmod(0o755)
    environ = environment(stack, postgres_port)
    environ["PATH"] = f"{tmp_path}:{environ['PATH']}"
    out = run(["bash", "-e"], environ, block("sh", "rds-lifecycle wait"))
    assert "ss-financial-prod is ready." in out
    assert "Held until" in out
    stack.call("DELETE", "/databases/ss-financial-prod/hold")


AWS = '''#!{python}
"""The AWS CLI's commands of docs/backend.md, by boto3."""
import json, re, sys
import boto3
service, verb, *words = sys.argv[1:]


given = {{}}
for name, value in zip(words, words[1:]):
    if name.startswith("--"):
        camel = "".join(part.capitalize() for part in name[2:].split("-"))
        given[camel] = json.loads(value) if value.startswith("{{") else value
answer = getattr(boto3.client(service), verb.replace("-", "_"))(**given)
if "Payload" in answer:
    print(answer["Payload"].read().decode())
'''


@pytest.mark.parametrize("words", ["/activity", "/restart"])
def test_curl_and_the_aws_cli_do_the_same(words: str, stack: Stack, postgres_port: int, tmp_path: Path) -> None:
    shim = tmp_path / "aws"
    shim.write_text(AWS.format(python=sys.executable))
    shim.chmod(0o755)
    environ = {**environment(stack, postgres_port), "TOKEN": "local-operator"}
    environ |= {"URL": environ["RDS_LIFECYCLE_URL"], "PATH": f"{tmp_path}:{environ['PATH']}"}
    lines = block("sh", words).replace("\\\n", "").replace("-prod-start", "-local-start").splitlines()
    curl, aws = (line for line in lines if line)
    assert '"id":"ss-financial-prod"' in run(["bash", "-e"], environ, curl.replace("curl ", "curl -sf "))
    if words == "/activity":
        assert reported(stack).endswith("Z")
    said = run(["bash", "-e"], environ, aws)
    if words == "/activity":
        assert reported(stack).endswith("Z")
    else:
        assert '"statusCode"' in said


def test_every_setting_and_exit_code_is_in_its_table() -> None:
    assert [name for name in SETTING_NAMES if f"`{name}`" not in BACKEND] == []
    assert [code for code in Exit if f"\n| {code} | " not in BACKEND] == []


def test_the_policy_allows_what_the_client_calls_and_no_more() -> None:
    statements = json.loads(block("json", "Statement"))["Statement"]
    actions = [action for statement in statements for action in [statement["Action"]]]
    assert actions == [["dynamodb:GetItem", "dynamodb:UpdateItem"], "lambda:InvokeFunction"]
    sources = "".join(path.read_text() for path in (ROOT / "client" / "src").rglob("*.py"))
    assert set(re.findall(r"_client\.get\(\)\.(\w+)\(", sources)) == {"get_item", "update_item", "invoke"}
