"""Makes moto refuse what AWS refuses: what exceeds a quota, and what comes too soon after another call."""

import functools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaBackend
from moto.core.exceptions import JsonRESTError
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend
from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend
from moto.iam.exceptions import LimitExceededException
from moto.iam.models import IAMBackend

from dev.deploy import quotas

BACKUP_REFUSALS: Final = 2
"""How often UpdateContinuousBackups is refused after CreateTable: on AWS, for some seconds."""
_TTL_INTERVAL: Final = timedelta(hours=1)


def enforce_quotas() -> None:
    """Let moto check every call that is wrapped here. Calling this twice does no harm."""
    _check_first(LambdaBackend, "create_function", _check_created_environment)
    _check_first(LambdaBackend, "update_function_configuration", _check_updated_environment)
    _check_first(EventsBackend, "put_rule", _check_pattern)
    _check_first(IAMBackend, "put_role_policy", _check_policies)
    _check_first(DynamoDBBackend, "update_continuous_backups", _check_backups)
    _check_first(DynamoDBBackend, "update_time_to_live", _check_time_to_live)


def _check_first(backend: Any, method: str, check: Callable[..., None]) -> None:
    original = getattr(backend, method)
    if getattr(original, "checks_quotas", False):
        return

    @functools.wraps(original)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        check(self, *args, **kwargs)
        return original(self, *args, **kwargs)

    checked.checks_quotas = True  # type: ignore[attr-defined]
    setattr(backend, method, checked)


def _check_created_environment(_: LambdaBackend, spec: dict[str, Any]) -> None:
    _check_environment(spec)


def _check_updated_environment(_: LambdaBackend, __: str, ___: str, body: dict[str, Any]) -> None:
    _check_environment(body)


def _check_environment(configuration: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""
    if quotas.environment_bytes(configuration.get("Environment", {}).get("Variables", {})) > quotas.ENVIRONMENT_BYTES:
        message = "Lambda was unable to configure your environment variables: they exceeded the 4KB limit."
        raise InvalidParameterValueException(message)


def _check_pattern(_: EventsBackend, *__: Any, event_pattern: str | None = None, **___: Any) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html."""
    if quotas.pattern_characters(event_pattern or "") > quotas.PATTERN_CHARACTERS:
        raise ValidationException("Value at 'eventPattern' failed: length must be less than or equal to 2048")


def _check_policies(iam: IAMBackend, role_name: str, policy_name: str, policy_json: str) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html."""
    documents = {**iam.get_role(role_name).policies, policy_name: policy_json}
    if sum(quotas.policy_characters(json.loads(text)) for text in documents.values()) > quotas.POLICY_CHARACTERS:
        raise LimitExceededException(f"Maximum policy size of 10240 bytes exceeded for role {role_name}")


def _check_backups(dynamodb: DynamoDBBackend, table_name: str, _: Any) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateContinuousBackups.html."""
    table: Any = dynamodb.tables.get(table_name)
    if table is None:
        return
    table.backup_refusals = getattr(table, "backup_refusals", 0) + 1
    if table.backup_refusals <= BACKUP_REFUSALS:
        # moto has no exception of this name.
        code = "com.amazonaws.dynamodb.v20120810#ContinuousBackupsUnavailableException"
        raise JsonRESTError(code, f"Backups are being enabled for the table: {table_name}. Please retry later")


def _check_time_to_live(dynamodb: DynamoDBBackend, table_name: str, _: Any) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html."""
    table: Any = dynamodb.tables.get(table_name)
    if table is None:
        return
    changed_at: datetime | None = getattr(table, "ttl_changed_at", None)
    if changed_at is not None and datetime.now(UTC) < changed_at + _TTL_INTERVAL:
        raise MockValidationException("Time to live has been modified multiple times within a fixed interval")
    table.ttl_changed_at = datetime.now(UTC)
