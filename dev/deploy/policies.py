"""`make policies`: the IAM policy of each function, with least privilege, from a table of its boto3 calls.

Chalice's PolicyBuilder maps calls to IAM actions. Here the actions are limited to the databases and the table of the
stage's settings, and the statements are added that Chalice leaves out of policies from files. Regions and accounts
are ``*``, because a role acts in its own account only, and the app calls its own Region only.
"""

import functools
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import botocore.session
from chalice.config import Config
from chalice.constants import VPC_ATTACH_POLICY, XRAY_POLICY
from chalice.policy import PolicyBuilder

from chalicelib.domain.model import DatabaseRef, Kind
from chalicelib.settings import Settings, SettingsError, read_settings
from dev.stage import ROOT, function_name, stage_config, stage_environment, stages

Calls = Mapping[str, frozenset[str]]

# transact_write_items needs the permissions of the writes that it contains, which are updates:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
_OBSERVE: Final[Calls] = {
    "rds": frozenset({"describe_db_instances", "describe_db_clusters"}),
    "dynamodb": frozenset({"batch_get_item", "update_item"}),
}
_METRIC: Final[Calls] = {"cloudwatch": frozenset({"get_metric_data"})}
_START: Final[Calls] = {"rds": frozenset({"start_db_instance", "start_db_cluster"})}
_STOP: Final[Calls] = {"rds": frozenset({"stop_db_instance", "stop_db_cluster"})}

CALLS: Final[Mapping[str, tuple[Calls, ...]]] = {
    "api_handler": (_OBSERVE, _METRIC, _START),
    "authorize": (),
    "inactivity_check": (_OBSERVE, _METRIC, _START, _STOP),
    "database_event": (_OBSERVE, _METRIC, _START, _STOP),
    "start_database": (_OBSERVE, _START),
    "warm_up": (_OBSERVE, _START),
}
"""The boto3 calls of each function."""

_DESCRIBE_ALL: Final = ("api_handler", "inactivity_check")
"""Functions that describe all databases of a kind in one call; IAM checks such a call against all of that kind.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
"""


def policies_of(stage: str, root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """The policy of each function of the stage, by file name. Raises SettingsError."""
    settings = read_settings(stage_environment(stage, root))
    return {
        f"policy-{stage}-{name}.json": _policy(name, settings, stage_config(stage, root, name))
        for name in functions_of(settings)
    }


def functions_of(settings: Settings) -> list[str]:
    """The functions that a stage with these settings has."""
    return [name for name in CALLS if name != "warm_up" or settings.warm_up_schedule is not None]


def stale_files(stage: str, root: Path = ROOT) -> list[str]:
    """The policy files of the stage that are missing or do not match its settings. Raises SettingsError."""
    folder = root / ".chalice"
    return [
        name
        for name, policy in policies_of(stage, root).items()
        if not (folder / name).exists() or json.loads((folder / name).read_text()) != policy
    ]


def _policy(function: str, settings: Settings, config: Config) -> dict[str, Any]:
    by_resources: dict[tuple[str, ...], list[str]] = {}
    for action in _actions(function):
        if resources := _resources(action, function, settings):
            by_resources.setdefault(resources, []).append(action)
    statements: list[Any] = [
        {"Effect": "Allow", "Action": sorted(actions), "Resource": list(resources)}
        for resources, actions in sorted(by_resources.items())
    ]
    if settings.table_kms_key is not None and any("dynamodb" in calls for calls in CALLS[function]):
        statements.append(_key_statement(settings.table_kms_key))
    statements.append(_log_statement(function, config))
    if config.subnet_ids and config.security_group_ids:
        statements.append(VPC_ATTACH_POLICY)
    if config.xray_enabled:
        statements.append(XRAY_POLICY)
    return {"Version": PolicyBuilder.VERSION, "Statement": statements}


@functools.cache
def _actions(function: str) -> tuple[str, ...]:
    calls: dict[str, set[str]] = {}
    for group in CALLS[function]:
        for service, methods in group.items():
            calls.setdefault(service, set()).update(methods)
    session = botocore.session.get_session()
    document = PolicyBuilder(session=session).build_policy_from_api_calls(calls)
    return tuple(action for statement in document["Statement"] for action in statement["Action"])


def _resources(action: str, function: str, settings: Settings) -> tuple[str, ...]:
    """The exact ARNs on which the function may use the action; empty where the settings make it unnecessary."""
    service, _, operation = action.partition(":")
    if service == "dynamodb":
        return (f"arn:*:dynamodb:*:*:table/{settings.metadata_table}",)
    if service == "cloudwatch":
        # GetMetricData supports no resource-level permissions:
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
        return ("*",) if settings.activity_metric is not None else ()
    kind = Kind.CLUSTER if "Cluster" in operation else Kind.INSTANCE
    refs = [ref for ref in settings.databases if ref.kind is kind]
    if operation.startswith("Describe") and len(refs) > 1 and function in _DESCRIBE_ALL:
        return (f"arn:*:rds:*:*:{_ARN_PART[kind]}:*",)
    return tuple(_arn(ref) for ref in refs)


_ARN_PART: Final = {Kind.INSTANCE: "db", Kind.CLUSTER: "cluster"}


def _arn(ref: DatabaseRef) -> str:
    return f"arn:*:rds:*:*:{_ARN_PART[ref.kind]}:{ref.id}"


def _key_statement(key: str) -> dict[str, Any]:
    """What DynamoDB does with a customer-managed key on behalf of the function's role.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    """
    return {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": [key],
        "Condition": {"StringLike": {"kms:ViaService": "dynamodb.*"}},
    }


def _log_statement(function: str, config: Config) -> dict[str, Any]:
    group = f"arn:*:logs:*:*:log-group:/aws/lambda/{function_name(config.chalice_stage, function)}"
    return {
        "Effect": "Allow",
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": [group, f"{group}:*"],
    }


def write(root: Path = ROOT) -> list[str]:
    """Write the policies of every stage, and delete other policy files. Returns the files' names.

    Raises SettingsError before any file is changed; it lists the errors of every stage.
    """
    written: dict[str, dict[str, Any]] = {}
    errors: list[str] = []
    for stage in stages(root):
        try:
            written |= policies_of(stage, root)
        except SettingsError as error:
            errors += [f"stage {stage}: {message}" for message in error.errors]
    if errors:
        raise SettingsError(tuple(errors))
    folder = root / ".chalice"
    for stale in folder.glob("policy-*.json"):
        if stale.name not in written:
            stale.unlink()
    for name, policy in written.items():
        (folder / name).write_text(json.dumps(policy, indent=2) + "\n")
    return sorted(written)


def main() -> int:
    """Write the policies of every stage, and print their names."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    try:
        names = write()
    except SettingsError as error:
        print(f"make policies: no policy was written. {error}", file=sys.stderr)
        return 1
    print(f"Wrote {len(names)} policies to .chalice: {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
