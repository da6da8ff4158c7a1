"""The template of `make package`: what is merged into Chalice's, as AWS's own transformation makes it of it."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from samtranslator.translator.transform import transform

from chalicelib.settings import Settings, read_settings
from dev import resources
from dev.deploy.policies import policies_of
from dev.stage import ROOT
from tests.deploy.conftest import STORY, Stages
from tests.deploy.project import Project
from tests.support import PROD


@pytest.fixture(scope="module")
def cloudformation(story_package: Project) -> Any:
    """The resources that CloudFormation makes of the stage with settings that make use of everything."""
    template = story_package.template("prod")
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


def test_cfn_lint_has_nothing_to_say(packaged: Stages, story_package: Project) -> None:
    projects = (packaged("prod"), story_package)
    files = [str(project.folder / "build" / "prod" / "sam.json") for project in projects]
    assert not any("cfn-lint" in project.template("prod").get("Metadata", {}) for project in projects), "no ignores"
    lint = str(Path(sys.executable).with_name("cfn-lint"))
    options = ("--include-checks", "I", "--regions", "us-east-1", "eu-central-1", "--template", *files)
    done = story_package.run(lint, *options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_table_outlives_the_stack_and_is_left_out_where_it_exists(cloudformation: Any) -> None:
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
    }


def test_functions_have_the_names_that_their_policies_count_on_and_logs_for_a_month(cloudformation: Any) -> None:
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


def test_each_role_has_its_own_policy_and_those_woken_by_eventbridge_may_write_dead_letters(
    cloudformation: Any, story_package: Project
) -> None:
    written = policies_of("prod", story_package.folder)
    roles = of_type(cloudformation, "AWS::IAM::Role")
    granted = [role["Properties"]["Policies"][0]["PolicyDocument"] for role in roles.values()]
    assert sorted(map(json.dumps, granted)) == sorted(map(json.dumps, written.values()))
    [extra] = of_type(cloudformation, "AWS::IAM::Policy").values()
    [statement] = extra["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("sqs:SendMessage", {"Fn::GetAtt": ["DeadLetters", "Arn"]})
    names = [role["Ref"] for role in extra["Properties"]["Roles"]]
    assert names == ["InactivityCheckRole", "DatabaseEventRole", "WarmUpRole"]
    assert set(names) <= set(roles)


def test_what_eventbridge_cannot_deliver_and_what_fails_for_good_ends_in_the_queue(cloudformation: Any) -> None:
    letters = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
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
        assert target["DeadLetterConfig"] == {"Arn": letters}
        assert target["RetryPolicy"] == {"MaximumRetryAttempts": 8, "MaximumEventAgeInSeconds": 3600}
    configs = of_type(cloudformation, "AWS::Lambda::EventInvokeConfig").values()
    assert sorted(config["Properties"]["FunctionName"]["Ref"] for config in configs) == [
        "DatabaseEvent",
        "InactivityCheck",
        "WarmUp",
    ]
    for config in configs:
        assert config["Properties"]["MaximumRetryAttempts"] == 2
        assert config["Properties"]["DestinationConfig"] == {"OnFailure": {"Destination": letters}}
        # Lambda refuses a destination that the role may not write to yet.
        assert config["DependsOn"] == ["DeadLettersFromLambda"]
    [allowed] = cloudformation["DeadLettersFromEventBridge"]["Properties"]["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}


def test_refusals_by_api_gateway_itself_carry_cors_and_are_not_cached(cloudformation: Any) -> None:
    body = cloudformation["RestAPI"]["Properties"]["Body"]
    answers = body["x-amazon-apigateway-gateway-responses"]
    assert set(answers) == {"DEFAULT_4XX", "DEFAULT_5XX"}
    for answer in answers.values():
        assert answer["responseParameters"] == {
            "gatewayresponse.header.Access-Control-Allow-Origin": "'https://dashboard.example.com'",
            "gatewayresponse.header.Cache-Control": "'no-store'",
        }


def test_without_cors_origin_refusals_carry_no_cors() -> None:
    answers = merged(Settings((PROD,)))["RestAPI"]["Properties"]["GatewayResponses"]
    assert answers["DEFAULT_4XX"] == {"ResponseParameters": {"Headers": {"Cache-Control": "'no-store'"}}}


def test_the_api_is_throttled_and_named_after_its_stage(cloudformation: Any) -> None:
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


def merged(settings: Settings) -> Any:
    return resources.resources("prod", settings, ROOT)["Resources"]


@pytest.mark.parametrize(
    ("interval", "fails_seconds", "silent_seconds"),
    [("1", 7 * 60, 3600), ("15", 35 * 60, 3600), ("30", 65 * 60, 65 * 60), ("5037", 7 * 86400 - 60, 7 * 86400 - 60)],
)
def test_alarms_look_back_over_two_checks(interval: str, fails_seconds: int, silent_seconds: int) -> None:
    made = merged(read_settings({"DATABASES": "one", "CHECK_INTERVAL_MINUTES": interval}))
    fails = made["CheckFails"]["Properties"]
    assert [m["MetricStat"]["Period"] for m in fails["Metrics"] if "MetricStat" in m] == [fails_seconds] * 2
    assert made["CheckDoesNotRun"]["Properties"]["Period"] == silent_seconds
    assert max(fails_seconds, silent_seconds) <= 7 * 86400, "further back CloudWatch does not look"


@pytest.mark.parametrize(
    ("runs", "errors", "alarm"),
    [
        (2, 0, False),  # two checks went well
        (4, 3, False),  # one failed, and both of its repetitions; the next one went well
        (2, 1, False),  # one failed, and its repetition went well
        (6, 6, True),  # two failed, and all of their repetitions
        (2, 2, True),  # two failed; repetitions are still to come
    ],
)
def test_the_alarm_of_failing_checks_rings_when_two_in_a_row_have_failed(runs: int, errors: int, alarm: bool) -> None:
    properties = merged(Settings((PROD,)))["CheckFails"]["Properties"]
    counted, failed, succeeded = properties["Metrics"]
    assert counted["MetricStat"]["Metric"]["MetricName"] == "Invocations"
    assert failed["MetricStat"]["Metric"]["MetricName"] == "Errors"
    assert succeeded["Expression"] == f"{counted['Id']} - {failed['Id']}"
    assert properties["ComparisonOperator"] == "LessThanThreshold"
    assert (runs - errors < properties["Threshold"]) is alarm
    # Where nothing has run, the other alarm rings.
    assert properties["TreatMissingData"] == "notBreaching"
    assert merged(Settings((PROD,)))["CheckDoesNotRun"]["Properties"]["TreatMissingData"] == "breaching"


def test_every_alarm_tells_the_topic_or_the_address_that_was_given(cloudformation: Any) -> None:
    alarms = of_type(cloudformation, "AWS::CloudWatch::Alarm")
    assert set(alarms) == {"CheckFails", "CheckDoesNotRun", "ApiFails", "EventsLost"}
    told = {
        "Fn::If": [
            "HasTopic",
            [{"Ref": "AlarmTopic"}],
            {"Fn::If": ["HasEmail", [{"Ref": "Alarms"}], {"Ref": "AWS::NoValue"}]},
        ]
    }
    for alarm in alarms.values():
        assert alarm["Properties"]["AlarmActions"] == alarm["Properties"]["OKActions"] == told
        assert "docs/operations.md" in alarm["Properties"]["AlarmDescription"]


def test_the_commands_that_make_package_prints_fit_the_template(story_package: Project) -> None:
    told = story_package.told.read_text()
    template = story_package.template("prod")
    assert set(re.findall(r"(\w+)=", told)) == {"AlarmEmail", "CreateTable"} < set(template["Parameters"])
    assert "the table system-metadata exists already" in told
    for file in re.findall(r"--template-file (\S+)", told):
        assert file == "build/prod/packaged.json" or (story_package.folder / file).exists()
    # Roles are not named, so that nothing more has to be acknowledged.
    assert "--capabilities CAPABILITY_IAM " in told
    assert not any("RoleName" in resource.get("Properties", {}) for resource in template["Resources"].values())


def test_checks_too_far_apart_for_any_alarm_are_a_clear_error(story_package: Project) -> None:
    project = story_package
    assert STORY.get("CHECK_INTERVAL_MINUTES") is None
    file = project.folder / ".chalice" / "config.json"
    before = file.read_text()
    try:
        config = json.loads(before)
        config["stages"]["prod"]["environment_variables"]["CHECK_INTERVAL_MINUTES"] = "5038"
        file.write_text(json.dumps(config))
        done = project.make("package", "STAGE=prod")
    finally:
        file.write_text(before)
    assert done.returncode != 0
    assert "no alarm can watch checks further apart than 5037 minutes" in done.stderr
