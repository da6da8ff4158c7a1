"""docs/operations.md: its commands work, and its names, numbers and costs agree with the code.

tests/deploy/test_runtime.py runs its queries.
"""

import ast
import json
import operator
import re
import shlex
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore import xform_name
from moto import mock_aws

from chalicelib.domain.model import DatabaseRef
from chalicelib.settings import SETTING_NAMES, Settings, read_settings
from dev.deploy.log_groups import RETENTION_DAYS
from dev.deploy.policies import functions_of
from dev.deploy.sam_template import build_template
from dev.local.aws import create_database
from dev.stage import function_name
from tests.served import ROOT
from tests.support import PROD

TEXT = (ROOT / "docs" / "operations.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL) for line in block.splitlines() if line
]
AWS = [command for command in COMMANDS if command.startswith("aws ")]
MERGED = build_template("prod", Settings((PROD,)), ROOT)["Resources"]


def section(heading: str) -> str:
    """The text below a heading."""
    return TEXT[TEXT.index(f"## {heading}") :].split("\n## ")[0]


def test_make_commands__in_the_guide__are_those_of_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = [command for command in COMMANDS if command not in AWS]
    assert commands == ["make policies", "make deploy STAGE=prod"]
    assert [command for command in commands if command not in readme] == []


def call(command: str) -> Any:
    """Run an `aws` command through boto3, with the parameters that the AWS CLI would send."""
    _, service, operation, *options = shlex.split(command)
    make: Any = boto3.client
    client = make(service, region_name="us-east-1")
    method = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    by_option = {xform_name(name, "-"): name for name in shape.members}
    values = {
        by_option[name.removeprefix("--")]: value for name, value in zip(options[::2], options[1::2], strict=True)
    }
    return getattr(client, method)(**values)


def test_aws_commands__against_moto__have_the_effects_in_the_guide() -> None:
    rules = [f"rds-lifecycle-prod-{name}-event" for name in ("inactivity_check", "database_event")]
    with mock_aws():
        events = boto3.client("events")
        target = next(command.split()[-1] for command in AWS if "--target-arn" in command)
        for rule in rules:
            events.put_rule(Name=rule, ScheduleExpression="rate(15 minutes)")
            events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": target}])
        create_database(boto3.client("rds"), PROD)

        def states() -> list[str]:
            return [rule["State"] for rule in events.list_rules()["Rules"]]

        run: list[str] = []
        for command in AWS:
            response = call(command)
            run.append(command.split()[2])
            if run.count("disable-rule") == 2 and "enable-rule" not in run:
                assert states() == ["DISABLED", "DISABLED"]
            if "--target-arn" in command:
                assert sorted(response["RuleNames"]) == sorted(rules)
        assert states() == ["ENABLED", "ENABLED"]
        [snapshot] = boto3.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
        assert snapshot["DBSnapshotIdentifier"] == "ss-financial-prod-manual"
    assert set(run) == {
        "disable-rule",
        "enable-rule",
        "list-rule-names-by-target",
        "describe-db-instances",
        "describe-db-snapshots",
        "create-db-snapshot",
    }


def test_function_and_log_group_names__in_the_guide__exist() -> None:
    names = {function_name("prod", name) for name in functions_of(read_settings({"DATABASES": "one"}))}
    named = set(re.findall(r"rds-lifecycle-prod(?:-[a-z_]+)?", TEXT))
    assert named <= names
    assert {f"/aws/lambda/{name}" for name in names} >= set(re.findall(r"/aws/lambda/[a-z_-]+", TEXT))


def test_settings__in_the_guide__exist() -> None:
    named = set(re.findall(r"`([A-Z][A-Z_]{4,})`", TEXT)) | set(re.findall(r"`<([A-Z_]+)>", TEXT))
    assert named
    assert named <= set(SETTING_NAMES)


def test_backup_schedule__as_a_setting__is_valid() -> None:
    [schedule] = re.findall(r"`(cron\([^)]*\))`", section("Backups"))
    assert read_settings({"DATABASES": "one", "WARM_UP_SCHEDULE": schedule}).warm_up_schedule == schedule


def test_alarms__compared_with_the_template__are_the_same() -> None:
    alarms = {name for name, resource in MERGED.items() if resource.get("Type") == "AWS::CloudWatch::Alarm"}
    assert set(re.findall(r"^\| `(\w+)` \|", section("The alarms"), flags=re.MULTILINE)) == alarms


def test_numbers_of_the_two_ways__compared_with_the_template__are_the_same() -> None:
    ways = section("Two ways to deploy")
    [limits] = MERGED["RestAPI"]["Properties"]["MethodSettings"]
    assert f"{limits['ThrottlingRateLimit']} requests a second, {limits['ThrottlingBurstLimit']} at once" in ways
    assert f"logs kept for {RETENTION_DAYS} days" in ways
    days = MERGED["DeadLetters"]["Properties"]["MessageRetentionPeriod"] // 86400
    assert f"dead-letter queue for {days} days" in ways
    delivery = MERGED["InactivityCheck"]["Properties"]["Events"]["InactivityCheckEvent"]["Properties"]["RetryPolicy"]
    assert delivery["MaximumEventAgeInSeconds"] == 3600
    assert f"for an hour, at most {delivery['MaximumRetryAttempts']} times" in ways
    assert MERGED["InactivityCheckRetries"]["Properties"]["MaximumRetryAttempts"] == 2
    fails = MERGED["ApiFails"]["Properties"]
    assert (fails["Threshold"], fails["Period"]) == (3, 15 * 60)
    assert "three responses of 5xx within 15 minutes" in TEXT
    template = json.loads((ROOT / ".chalice" / "resources.json").read_text())
    assert set(re.findall(r"`(Create\w+|Alarm\w+)=", TEXT)) <= set(template["Parameters"])


OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def value(node: ast.expr) -> float:
    """The result of a calculation in the text."""
    match node:
        case ast.Constant(value=float() | int() as number):
            return float(number)
        case ast.BinOp(left=left, op=op, right=right):
            return float(OPERATIONS[type(op)](value(left), value(right)))
        case _:
            raise AssertionError(ast.dump(node))


@pytest.mark.parametrize(
    ("calculation", "stated"), re.findall(r"\| `([^`]+)` \| ([0-9.]+) \|", section("What it costs"))
)
def test_cost__of_each_row__is_the_result_of_its_calculation(calculation: str, stated: str) -> None:
    assert round(value(ast.parse(calculation, mode="eval").body), 2) == float(stated)


def test_sum_of_the_costs__compared_with_the_rows__is_equal() -> None:
    costs = section("What it costs")
    stated = sum(float(cost) for _, cost in re.findall(r"\| `([^`]+)` \| ([0-9.]+) \|", costs))
    equations = re.findall(r"`([0-9.+* /]+) = ([0-9.]+)`", costs)
    assert len(equations) == 2
    for left, right in equations:
        assert round(value(ast.parse(left, mode="eval").body), 2) == float(right)
    assert round(stated, 2) == float(equations[-1][1])


def test_activity_keys__of_the_default_and_another_database__are_as_documented() -> None:
    other = DatabaseRef(PROD.kind, "other")
    settings = Settings((PROD, other))
    key = settings.activity_key
    assert settings.activity_keys_of(PROD) == (key, f"{key}/{PROD.id}")
    assert settings.activity_keys_of(other) == (f"{key}/other",)
