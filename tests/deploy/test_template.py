"""The template of `make package`, after AWS's own transformation of SAM templates."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from samtranslator.translator.transform import transform

from chalicelib.settings import Settings, read_settings
from dev.deploy.policies import policies_of
from dev.deploy.sam_template import build_template
from dev.stage import ROOT
from dev.table import TAG
from tests.deploy.project import Project
from tests.support import PROD


@pytest.fixture(scope="module")
def cloudformation(full_package: Project) -> Any:
    """The resources that CloudFormation creates for a stage that uses every feature."""
    template = full_package.template("prod")
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://a-bucket/deployment.zip"

    class NoManagedPolicies:
        def load(self) -> dict[str, str]:
            return {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        return transform(template, {}, NoManagedPolicies())["Resources"]


def of_type(made: Any, kind: str) -> dict[str, Any]:
    """The resources of a type, by name."""
    return {name: resource for name, resource in made.items() if resource["Type"] == kind}


def test_template__passes_cfn_lint(full_package: Project) -> None:
    file = str(full_package.folder / "build" / "prod" / "sam.json")
    assert "cfn-lint" not in full_package.template("prod").get("Metadata", {}), "no check is disabled"
    lint = str(Path(sys.executable).with_name("cfn-lint"))
    options = ("--include-checks", "I", "--regions", "us-east-1", "eu-central-1", "--template", file)
    done = full_package.run(lint, *options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_table__is_retained_and_can_be_left_out(cloudformation: Any) -> None:
    table = cloudformation["MetadataTable"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Condition"] == "MakesTable"
    assert table["Properties"] == {
        "TableName": "system-metadata",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        "Tags": [TAG],
    }


def test_table__with_a_kms_key__is_encrypted_with_it() -> None:
    properties = merged(Settings((PROD,), table_kms_key="arn:aws:kms:eu-central-1:123456789012:key/1"))["MetadataTable"]
    assert properties["Properties"]["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": "arn:aws:kms:eu-central-1:123456789012:key/1",
    }


def test_functions__have_the_names_in_their_policies_and_a_log_retention(cloudformation: Any) -> None:
    functions = of_type(cloudformation, "AWS::Lambda::Function")
    groups = of_type(cloudformation, "AWS::Logs::LogGroup")
    assert len(functions) == 6
    for logical, function in functions.items():
        [logs] = function["DependsOn"]
        group = groups.pop(logs)
        assert group["Properties"] == {
            "LogGroupName": f"/aws/lambda/{function['Properties']['FunctionName']}",
            "RetentionInDays": 30,
        }
        role = cloudformation[function["Properties"]["Role"]["Fn::GetAtt"][0]]
        [policy] = role["Properties"]["Policies"]
        [writes] = [s for s in policy["PolicyDocument"]["Statement"] if "logs:PutLogEvents" in s["Action"]]
        name = group["Properties"]["LogGroupName"]
        assert writes["Resource"] == [f"arn:*:logs:*:*:log-group:{name}", f"arn:*:logs:*:*:log-group:{name}:*"], logical
    assert groups == {}


def test_roles__have_their_policies_and_access_to_the_dead_letter_queue(
    cloudformation: Any, full_package: Project
) -> None:
    written = policies_of("prod", full_package.folder)
    roles = of_type(cloudformation, "AWS::IAM::Role")
    granted = [role["Properties"]["Policies"][0]["PolicyDocument"] for role in roles.values()]
    assert sorted(map(json.dumps, granted)) == sorted(map(json.dumps, written.values()))
    [extra] = of_type(cloudformation, "AWS::IAM::Policy").values()
    [statement] = extra["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("sqs:SendMessage", {"Fn::GetAtt": ["DeadLetters", "Arn"]})
    names = [role["Ref"] for role in extra["Properties"]["Roles"]]
    assert names == ["InactivityCheckRole", "DatabaseEventRole", "WarmUpRole"]
    assert set(names) <= set(roles)


def test_events__that_fail_permanently_go_to_the_dead_letter_queue(cloudformation: Any) -> None:
    queue = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    targets = [
        target
        for rule in of_type(cloudformation, "AWS::Events::Rule").values()
        for target in rule["Properties"]["Targets"]
    ]
    assert sorted(target["Arn"]["Fn::GetAtt"][0] for target in targets) == [
        "DatabaseEvent",
        "InactivityCheck",
        "WarmUp",
    ]
    for target in targets:
        assert target["DeadLetterConfig"] == {"Arn": queue}
        assert target["RetryPolicy"] == {"MaximumRetryAttempts": 8, "MaximumEventAgeInSeconds": 3600}
    configs = of_type(cloudformation, "AWS::Lambda::EventInvokeConfig").values()
    assert sorted(config["Properties"]["FunctionName"]["Ref"] for config in configs) == [
        "DatabaseEvent",
        "InactivityCheck",
        "WarmUp",
    ]
    for config in configs:
        assert config["Properties"]["MaximumRetryAttempts"] == 2
        assert config["Properties"]["DestinationConfig"] == {"OnFailure": {"Destination": queue}}
        # Lambda rejects a destination that the role has no access to.
        assert config["DependsOn"] == ["DeadLettersFromLambda"]
    [allowed] = cloudformation["DeadLettersFromEventBridge"]["Properties"]["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}


def test_gateway_responses__have_cors_headers_and_are_not_cached(cloudformation: Any) -> None:
    body = cloudformation["RestAPI"]["Properties"]["Body"]
    answers = body["x-amazon-apigateway-gateway-responses"]
    assert set(answers) == {"DEFAULT_4XX", "DEFAULT_5XX"}
    for answer in answers.values():
        assert answer["responseParameters"] == {
            "gatewayresponse.header.Access-Control-Allow-Origin": "'https://dashboard.example.com'",
            "gatewayresponse.header.Cache-Control": "'no-store'",
        }


def test_gateway_responses__without_cors_origin__have_no_cors_headers() -> None:
    answers = merged(Settings((PROD,)))["RestAPI"]["Properties"]["GatewayResponses"]
    assert answers["DEFAULT_4XX"] == {"ResponseParameters": {"Headers": {"Cache-Control": "'no-store'"}}}


def test_api__is_throttled_and_named_after_its_stage(cloudformation: Any) -> None:
    [stage] = of_type(cloudformation, "AWS::ApiGateway::Stage").values()
    [limits] = stage["Properties"]["MethodSettings"]
    assert limits == {
        "ResourcePath": "/*",
        "HttpMethod": "*",
        "ThrottlingRateLimit": 10,
        "ThrottlingBurstLimit": 20,
    }
    title = cloudformation["RestAPI"]["Properties"]["Body"]["info"]["title"]
    dimensions = cloudformation["ApiFails"]["Properties"]["Dimensions"]
    assert dimensions == [{"Name": "ApiName", "Value": title}, {"Name": "Stage", "Value": "api"}]
    assert title == "rds-lifecycle-prod"


def test_alarm__of_an_api_stage_with_another_name__watches_this_stage(tmp_path: Path) -> None:
    shutil.copytree(ROOT / ".chalice", tmp_path / ".chalice", ignore=shutil.ignore_patterns("deployments", "deployed"))
    file = tmp_path / ".chalice" / "config.json"
    config = json.loads(file.read_text())
    config["stages"]["prod"]["api_gateway_stage"] = "v1"
    file.write_text(json.dumps(config))
    alarm = build_template("prod", Settings((PROD,)), tmp_path)["Resources"]["ApiFails"]
    assert {"Name": "Stage", "Value": "v1"} in alarm["Properties"]["Dimensions"]


def merged(settings: Settings) -> Any:
    return build_template("prod", settings, ROOT)["Resources"]


@pytest.mark.parametrize(
    ("interval", "fails_seconds", "no_run_seconds"),
    [("1", 7 * 60, 3600), ("15", 35 * 60, 3600), ("30", 65 * 60, 65 * 60), ("5037", 7 * 86400 - 60, 7 * 86400 - 60)],
    ids=["1 min", "15 min", "30 min", "longest"],
)
def test_alarms__of_checks__evaluate_two_intervals(interval: str, fails_seconds: int, no_run_seconds: int) -> None:
    made = merged(read_settings({"DATABASES": "one", "CHECK_INTERVAL_MINUTES": interval}))
    fails = made["CheckFails"]["Properties"]
    assert [m["MetricStat"]["Period"] for m in fails["Metrics"] if "MetricStat" in m] == [fails_seconds] * 2
    assert made["CheckDoesNotRun"]["Properties"]["Period"] == no_run_seconds
    assert max(fails_seconds, no_run_seconds) <= 7 * 86400, "the longest evaluation period"


@pytest.mark.parametrize(
    ("runs", "errors", "alarm"),
    [
        (2, 0, False),
        (4, 3, False),
        (2, 1, False),
        (6, 6, True),
        (2, 2, True),
    ],
    ids=[
        "two checks succeed",
        "one check fails with both retries, the next succeeds",
        "one check fails, its retry succeeds",
        "two checks fail with all retries",
        "two checks fail, retries follow",
    ],
)
def test_alarm__of_failing_checks__fires_after_two_consecutive_failures(runs: int, errors: int, alarm: bool) -> None:
    properties = merged(Settings((PROD,)))["CheckFails"]["Properties"]
    counted, failed, succeeded = properties["Metrics"]
    assert counted["MetricStat"]["Metric"]["MetricName"] == "Invocations"
    assert failed["MetricStat"]["Metric"]["MetricName"] == "Errors"
    assert succeeded["Expression"] == f"{counted['Id']} - {failed['Id']}"
    assert properties["ComparisonOperator"] == "LessThanThreshold"
    assert (runs - errors < properties["Threshold"]) is alarm
    # Where no check has run, the other alarm fires.
    assert properties["TreatMissingData"] == "notBreaching"
    assert merged(Settings((PROD,)))["CheckDoesNotRun"]["Properties"]["TreatMissingData"] == "breaching"


def test_alarm__of_stops_with_open_connections__fires_at_the_first_of_either_function(cloudformation: Any) -> None:
    properties = cloudformation["StopsWithOpenConnections"]["Properties"]
    checks, events, stops = properties["Metrics"]
    watched = {}
    for metric in (checks, events):
        assert metric["MetricStat"]["Stat"] == "Sum"
        assert metric["MetricStat"]["Period"] == 15 * 60
        assert metric["MetricStat"]["Metric"]["Namespace"] == "rds-lifecycle"
        assert metric["MetricStat"]["Metric"]["MetricName"] == "StopsWithOpenConnections"
        [dimension] = metric["MetricStat"]["Metric"]["Dimensions"]
        watched[metric["Id"]] = dimension["Name"], dimension["Value"]["Ref"]
        assert metric["ReturnData"] is False
    # The logical IDs refer to the functions' complete names, which are the values of the dimension.
    assert watched == {"checks": ("function", "InactivityCheck"), "events": ("function", "DatabaseEvent")}
    names = [cloudformation[logical]["Properties"]["FunctionName"] for _, logical in watched.values()]
    assert names == ["rds-lifecycle-prod-inactivity_check", "rds-lifecycle-prod-database_event"]
    # A function without a stop sends no datapoint.
    assert stops["Expression"] == "SUM([FILL(checks, 0), FILL(events, 0)])"
    assert (properties["ComparisonOperator"], properties["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert (properties["EvaluationPeriods"], properties["TreatMissingData"]) == (1, "notBreaching")


def test_alarms__notify_the_topic_or_the_email_address(cloudformation: Any) -> None:
    alarms = of_type(cloudformation, "AWS::CloudWatch::Alarm")
    assert set(alarms) == {"CheckFails", "CheckDoesNotRun", "ApiFails", "EventsLost", "StopsWithOpenConnections"}
    actions = {
        "Fn::If": [
            "HasTopic",
            [{"Ref": "AlarmTopic"}],
            {"Fn::If": ["HasEmail", [{"Ref": "Alarms"}], {"Ref": "AWS::NoValue"}]},
        ]
    }
    for alarm in alarms.values():
        assert alarm["Properties"]["AlarmActions"] == alarm["Properties"]["OKActions"] == actions
        assert "docs/operations.md" in alarm["Properties"]["AlarmDescription"]


def test_make_package__prints_commands_that_match_the_template(full_package: Project) -> None:
    output = full_package.output.read_text()
    template = full_package.template("prod")
    assert set(re.findall(r"(\w+)=", output)) == {"AlarmEmail", "CreateTable"} < set(template["Parameters"])
    assert "the table system-metadata exists already" in output
    for file in re.findall(r"--template-file (\S+)", output):
        assert file == "build/prod/packaged.json" or (full_package.folder / file).exists()
    # Roles without names need no other capability.
    assert "--capabilities CAPABILITY_IAM " in output
    assert not any("RoleName" in resource.get("Properties", {}) for resource in template["Resources"].values())
