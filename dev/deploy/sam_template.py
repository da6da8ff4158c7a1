"""The template that is merged into Chalice's: .chalice/resources.json, completed from the stage's settings."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from chalice.package import TemplateDeepMerger
from chalice.utils import to_cfn_resource_name

from chalicelib.settings import Settings
from dev.deploy.log_groups import RETENTION_DAYS, log_group
from dev.deploy.policies import functions_of
from dev.stage import APP_NAME, INVOKED_BY_EVENTBRIDGE, ROOT, api_stage, function_name
from dev.table import TAG

LONGEST_INTERVAL: Final = timedelta(minutes=5037)
"""The evaluation period of an alarm is at most seven days, and here it covers two checks and a few minutes.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

_ALARM_ACTIONS: Final = {
    "Fn::If": [
        "HasTopic",
        [{"Ref": "AlarmTopic"}],
        {"Fn::If": ["HasEmail", [{"Ref": "Alarms"}], {"Ref": "AWS::NoValue"}]},
    ]
}
_METRIC_DELAY: Final = timedelta(minutes=5)
_GATEWAY_RESPONSES: Final = ("DEFAULT_4XX", "DEFAULT_5XX")


def build_template(stage: str, settings: Settings, root: Path = ROOT) -> dict[str, Any]:
    """The complete template to merge."""
    common = json.loads((root / ".chalice" / "resources.json").read_text())
    own: dict[str, Any] = {}
    for function in functions_of(settings):
        own |= _function(stage, function)
    own["DeadLettersFromLambda"] = {
        "Properties": {"Roles": [{"Ref": role} for role in map(_role, _async_functions(settings))]}
    }
    own["MetadataTable"] = {"Properties": _table(settings)}
    own["RestAPI"] = {"Properties": _api(stage, settings)}
    dimensions = _dimensions(ApiName=f"{APP_NAME}-{stage}", Stage=api_stage(stage, root))
    own["ApiFails"] = {"Properties": {"Dimensions": dimensions}}
    own |= _alarms(settings, common)
    for resource in common["Resources"].values():
        if resource.get("Type") == "AWS::CloudWatch::Alarm":
            resource["Properties"] |= {"AlarmActions": _ALARM_ACTIONS, "OKActions": _ALARM_ACTIONS}
    merged: dict[str, Any] = TemplateDeepMerger().merge({"Resources": own}, common)
    return merged


def _function(stage: str, function: str) -> dict[str, Any]:
    """The function's name, which is the one that its policy grants, its log group, and its retries."""
    name, logical = function_name(stage, function), _logical(function)
    built: dict[str, Any] = {
        logical: {"DependsOn": [f"{logical}Logs"], "Properties": {"FunctionName": name}},
        f"{logical}Logs": {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {"LogGroupName": log_group(name), "RetentionInDays": RETENTION_DAYS},
        },
    }
    if function in INVOKED_BY_EVENTBRIDGE:
        queue = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
        # EventBridge retries the delivery, Lambda retries the function; each has its own dead-letter destination.
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
        delivery = {
            "DeadLetterConfig": {"Arn": queue},
            "RetryPolicy": {"MaximumRetryAttempts": 8, "MaximumEventAgeInSeconds": 3600},
        }
        built[logical]["Properties"]["Events"] = {f"{logical}Event": {"Properties": delivery}}
        built[f"{logical}Retries"] = {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "DependsOn": ["DeadLettersFromLambda"],
            "Properties": {
                "FunctionName": {"Ref": logical},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 2,
                "MaximumEventAgeInSeconds": 3600,
                "DestinationConfig": {"OnFailure": {"Destination": queue}},
            },
        }
    return built


def _table(settings: Settings) -> dict[str, Any]:
    """The table's name, the tag of the tables that rds-lifecycle has created, and its KMS key."""
    table: dict[str, Any] = {"TableName": settings.metadata_table, "Tags": [TAG]}
    if settings.table_kms_key is not None:
        table["SSESpecification"] = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": settings.table_kms_key}
    return table


def _api(stage: str, settings: Settings) -> dict[str, Any]:
    """The API's name, and the headers of API Gateway's own error responses, which match those of the app.

    The name includes the stage, because metrics of an API have its name as their dimension:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
    """
    headers = {"Cache-Control": "'no-store'"}
    if settings.cors_origin is not None:
        headers["Access-Control-Allow-Origin"] = f"'{settings.cors_origin}'"
    response = {"ResponseParameters": {"Headers": headers}}
    return {
        "DefinitionBody": {"info": {"title": f"{APP_NAME}-{stage}"}},
        "GatewayResponses": dict.fromkeys(_GATEWAY_RESPONSES, response),
    }


def _alarms(settings: Settings, common: dict[str, Any]) -> dict[str, Any]:
    """The alarms' evaluation periods. Lambda retries a failed invocation after one minute and after two more.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    two_checks = 2 * settings.check_interval + _METRIC_DELAY
    no_runs = max(timedelta(hours=1), two_checks)
    metrics = common["Resources"]["CheckFails"]["Properties"]["Metrics"]
    for metric in metrics:
        if "MetricStat" in metric:
            metric["MetricStat"]["Period"] = _seconds(two_checks)
    return {
        "CheckFails": {"Properties": {"Metrics": metrics}},
        "CheckDoesNotRun": {"Properties": {"Period": _seconds(no_runs)}},
    }


def _async_functions(settings: Settings) -> list[str]:
    return [name for name in functions_of(settings) if name in INVOKED_BY_EVENTBRIDGE]


def _dimensions(**values: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def _logical(function: str) -> str:
    """Chalice's logical ID of the function."""
    return "APIHandler" if function == "api_handler" else str(to_cfn_resource_name(function))


def _role(function: str) -> str:
    return f"{to_cfn_resource_name(function)}Role"


def _seconds(period: timedelta) -> int:
    return int(period.total_seconds())
