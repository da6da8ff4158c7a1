"""What is merged into Chalice's SAM template: .chalice/resources.json, and what follows from the stage's settings."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from chalice.package import TemplateDeepMerger
from chalice.utils import to_cfn_resource_name

from chalicelib.settings import Settings
from dev.deploy.log_groups import RETENTION_DAYS, log_group
from dev.deploy.policies import functions_of
from dev.stage import APP_NAME, ROOT, function_name

LONGEST_INTERVAL: Final = timedelta(minutes=5037)
"""CloudWatch's alarms look back over seven days at most, and these look back over two checks and a little more."""

_WOKEN_BY_EVENTBRIDGE: Final = ("inactivity_check", "database_event", "warm_up")
_WHO_IS_TOLD: Final = {
    "Fn::If": [
        "HasTopic",
        [{"Ref": "AlarmTopic"}],
        {"Fn::If": ["HasEmail", [{"Ref": "Alarms"}], {"Ref": "AWS::NoValue"}]},
    ]
}
_LATE: Final = timedelta(minutes=5)
_MAX_STATE_ERRORS: Final = ("DEFAULT_4XX", "DEFAULT_5XX")


def resources(stage: str, settings: Settings, root: Path = ROOT) -> dict[str, Any]:
    """The whole template to merge."""
    common = json.loads((root / ".chalice" / "resources.json").read_text())
    own: dict[str, Any] = {}
    for function in functions_of(settings):
        own |= _function(stage, function)
    own["DeadLettersFromLambda"] = {
        "Properties": {"Roles": [{"Ref": role} for role in map(_role, _async_functions(settings))]}
    }
    own["MetadataTable"] = {"Properties": {"TableName": settings.metadata_table}}
    own["RestAPI"] = {"Properties": _api(stage, settings)}
    own["ApiFails"] = {"Properties": {"Dimensions": _dimensions(ApiName=f"{APP_NAME}-{stage}", Stage="api")}}
    own |= _alarms(settings, common)
    for resource in common["Resources"].values():
        if resource.get("Type") == "AWS::CloudWatch::Alarm":
            resource["Properties"] |= {"AlarmActions": _WHO_IS_TOLD, "OKActions": _WHO_IS_TOLD}
    merged: dict[str, Any] = TemplateDeepMerger().merge({"Resources": own}, common)
    return merged


def _function(stage: str, function: str) -> dict[str, Any]:
    """The same names as `chalice deploy` gives, which the policies count on; and logs that do not stay for ever."""
    name, logical = function_name(stage, function), _logical(function)
    made: dict[str, Any] = {
        logical: {"DependsOn": [f"{logical}Logs"], "Properties": {"FunctionName": name}},
        f"{logical}Logs": {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {"LogGroupName": log_group(name), "RetentionInDays": RETENTION_DAYS},
        },
    }
    if function in _WOKEN_BY_EVENTBRIDGE:
        letters = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
        # EventBridge tries to hand the event over, Lambda tries to run it: each has its own retries and its own end.
        delivery = {
            "DeadLetterConfig": {"Arn": letters},
            "RetryPolicy": {"MaximumRetryAttempts": 8, "MaximumEventAgeInSeconds": 3600},
        }
        made[logical]["Properties"]["Events"] = {f"{logical}Event": {"Properties": delivery}}
        made[f"{logical}Retries"] = {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "DependsOn": ["DeadLettersFromLambda"],
            "Properties": {
                "FunctionName": {"Ref": logical},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 2,
                "MaximumEventAgeInSeconds": 3600,
                "DestinationConfig": {"OnFailure": {"Destination": letters}},
            },
        }
    return made


def _api(stage: str, settings: Settings) -> dict[str, Any]:
    """The API's name tells its stage, because CloudWatch counts by name. API Gateway's own refusals look like ours."""
    headers = {"Cache-Control": "'no-store'"}
    if settings.cors_origin is not None:
        headers["Access-Control-Allow-Origin"] = f"'{settings.cors_origin}'"
    refusal = {"ResponseParameters": {"Headers": headers}}
    return {
        "DefinitionBody": {"info": {"title": f"{APP_NAME}-{stage}"}},
        "GatewayResponses": dict.fromkeys(_MAX_STATE_ERRORS, refusal),
    }


def _alarms(settings: Settings, common: dict[str, Any]) -> dict[str, Any]:
    """How far back the alarms look. Metrics come minutes late, and Lambda repeats a failed run after one and two."""
    two_checks = 2 * settings.check_interval + _LATE
    silent = max(timedelta(hours=1), two_checks)
    metrics = common["Resources"]["CheckFails"]["Properties"]["Metrics"]
    for metric in metrics:
        if "MetricStat" in metric:
            metric["MetricStat"]["Period"] = _seconds(two_checks)
    return {
        "CheckFails": {"Properties": {"Metrics": metrics}},
        "CheckDoesNotRun": {"Properties": {"Period": _seconds(silent)}},
    }


def _async_functions(settings: Settings) -> list[str]:
    return [name for name in functions_of(settings) if name in _WOKEN_BY_EVENTBRIDGE]


def _dimensions(**values: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def _logical(function: str) -> str:
    """Chalice's name for the function within the template."""
    return "APIHandler" if function == "api_handler" else str(to_cfn_resource_name(function))


def _role(function: str) -> str:
    return f"{to_cfn_resource_name(function)}Role"


def _seconds(period: timedelta) -> int:
    return int(period.total_seconds())
