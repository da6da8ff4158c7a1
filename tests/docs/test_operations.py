"""docs/operations.md is true: commands, names, numbers and sums. (Its queries are run in tests/deploy/test_runtime.)"""

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


def test_the_other_commands_are_those_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    others = [command for command in COMMANDS if command not in AWS]
    assert others == ["make policies", "make deploy STAGE=prod"]
    assert [command for command in others if command not in readme] == []


def call(command: str) -> Any:
    """An `aws` command, called as the AWS CLI would call it."""
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


def test_every_aws_command_does_what_it_is_there_for() -> None:
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

        done: list[str] = []
        for command in AWS:
            answer = call(command)
            done.append(command.split()[2])
            if done.count("disable-rule") == 2 and "enable-rule" not in done:
                assert states() == ["DISABLED", "DISABLED"]
            if "--target-arn" in command:
                assert sorted(answer["RuleNames"]) == sorted(rules)
        assert states() == ["ENABLED", "ENABLED"]
        [snapshot] = boto3.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
        assert snapshot["DBSnapshotIdentifier"] == "ss-financial-prod-by-hand"
    assert set(done) == {
        "disable-rule",
        "enable-rule",
        "list-rule-names-by-target",
        "describe-db-instances",
        "describe-db-snapshots",
        "create-db-snapshot",
    }


def test_every_function_rule_and_log_group_that_is_named_exists() -> None:
    names = {function_name("prod", name) for name in functions_of(read_settings({"DATABASES": "one"}))}
    named = set(re.findall(r"rds-lifecycle-prod(?:-[a-z_]+)?", TEXT))
    assert named <= names
    assert {f"/aws/lambda/{name}" for name in names} >= set(re.findall(r"/aws/lambda/[a-z_-]+", TEXT))


def test_every_setting_that_is_named_exists() -> None:
    named = set(re.findall(r"`([A-Z][A-Z_]{4,})`", TEXT)) | set(re.findall(r"`<([A-Z_]+)>", TEXT))
    assert named
    assert named <= set(SETTING_NAMES)


def test_the_schedule_that_is_recommended_is_a_valid_one() -> None:
    [schedule] = re.findall(r"`(cron\([^)]*\))`", section("Backups"))
    assert read_settings({"DATABASES": "one", "WARM_UP_SCHEDULE": schedule}).warm_up_schedule == schedule


def test_every_alarm_is_explained_and_no_other() -> None:
    alarms = {name for name, resource in MERGED.items() if resource.get("Type") == "AWS::CloudWatch::Alarm"}
    assert set(re.findall(r"^\| `(\w+)` \|", section("The alarms"), flags=re.MULTILINE)) == alarms


def test_the_numbers_of_the_two_ways_are_those_of_the_template() -> None:
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
    assert "three answers of 5xx within 15 minutes" in TEXT
    template = json.loads((ROOT / ".chalice" / "resources.json").read_text())
    assert set(re.findall(r"`(Create\w+|Alarm\w+)=", TEXT)) <= set(template["Parameters"])


OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def value(node: ast.expr) -> float:
    """A sum of the text, worked out."""
    match node:
        case ast.Constant(value=float() | int() as number):
            return float(number)
        case ast.BinOp(left=left, op=op, right=right):
            return float(OPERATIONS[type(op)](value(left), value(right)))
        case _:
            raise AssertionError(ast.dump(node))


@pytest.mark.parametrize(("sum_", "stated"), re.findall(r"\| `([^`]+)` \| ([0-9.]+) \|", section("What it costs")))
def test_every_cost_is_worked_out_right(sum_: str, stated: str) -> None:
    assert round(value(ast.parse(sum_, mode="eval").body), 2) == float(stated)


def test_the_sum_of_the_costs_is_right() -> None:
    costs = section("What it costs")
    stated = sum(float(cost) for _, cost in re.findall(r"\| `([^`]+)` \| ([0-9.]+) \|", costs))
    equations = re.findall(r"`([0-9.+* /]+) = ([0-9.]+)`", costs)
    assert len(equations) == 2
    for left, right in equations:
        assert round(value(ast.parse(left, mode="eval").body), 2) == float(right)
    assert round(stated, 2) == float(equations[-1][1])


def test_the_activity_items_are_named_as_the_settings_name_them() -> None:
    other = DatabaseRef(PROD.kind, "other")
    settings = Settings((PROD, other))
    assert settings.activity_key_of(PROD) == settings.activity_key
    assert settings.activity_key_of(other) == f"{settings.activity_key}/other"
