"""Whether a stage stays within AWS's quotas: its event patterns, its environment and its policies."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from chalicelib.settings import Settings
from dev.deploy.findings import Finding, error, notice
from dev.deploy.packaged_settings import settings_to_move, without
from dev.deploy.policies import functions_of, policies_of
from dev.deploy.quotas import (
    ENVIRONMENT_BYTES,
    PATTERN_CHARACTERS,
    POLICY_CHARACTERS,
    environment_bytes,
    pattern_characters,
    policy_characters,
)
from dev.stage import ROOT, function_name, stage_config, stage_environment

_SMALLER: Final = "Use fewer databases or fewer tokens in this stage, for example by dividing it into two stages."


def check_quotas(stage: str, settings: Settings, app: Any, root: Path = ROOT) -> list[Finding]:
    """The findings about the app's event patterns, and about the stage's environment and policies."""
    return [
        *check_patterns(app),
        *check_environment(stage, settings, root),
        *check_policy_sizes(policies_of(stage, root)),
    ]


def check_patterns(app: Any) -> Iterator[Finding]:
    """One finding for each event pattern that EventBridge would refuse. Chalice sends it as json.dumps writes it."""
    for source in app.event_sources:
        size = pattern_characters(json.dumps(getattr(source, "event_pattern", "")))
        if size > PATTERN_CHARACTERS:
            yield error(
                f"The event pattern of {source.name} has {size:,} characters, {size - PATTERN_CHARACTERS:,} more than "
                f"the {PATTERN_CHARACTERS:,} that EventBridge accepts. Shorten the pattern in app.py."
            )


def check_environment(stage: str, settings: Settings, root: Path = ROOT) -> Iterator[Finding]:
    """What of the environment does not fit, and where it goes; an error for a function that AWS would refuse."""
    variables = stage_environment(stage, root)
    moved = settings_to_move(variables)
    for function in functions_of(settings):
        rest = without(stage_config(stage, root, function).environment_variables, moved)
        if (size := environment_bytes(rest)) > ENVIRONMENT_BYTES:
            yield error(
                f"The environment of {function_name(stage, function)} has {_excess(size)}. Its largest variable is "
                f"{_largest(rest)}. Shorten it. {_SMALLER}"
            )
    if moved:
        yield notice(
            f"The environment of the stage {stage} has {_excess(environment_bytes(variables))}. Its largest variable "
            f"is {_largest(variables)}. make deploy and make package therefore put {', '.join(moved)} into the zip; "
            "a plain chalice deploy of this stage would fail."
        )


def check_policy_sizes(policies: Mapping[str, Any]) -> Iterator[Finding]:
    """One error for each policy that IAM would refuse as the inline policy of a role."""
    for name, document in policies.items():
        if (size := policy_characters(document)) > POLICY_CHARACTERS:
            yield error(
                f"{name} has {size:,} characters, {size - POLICY_CHARACTERS:,} more than the {POLICY_CHARACTERS:,} "
                "that IAM accepts. Use fewer databases in this stage, for example by dividing it into two stages."
            )


def _excess(size: int) -> str:
    more = size - ENVIRONMENT_BYTES
    return f"{size:,} bytes, {more:,} more than the {ENVIRONMENT_BYTES:,} that Lambda accepts"


def _largest(variables: Mapping[str, str]) -> str:
    name = max(variables, key=lambda name: len(variables[name].encode()))
    return f"{name} with {len(variables[name].encode()):,} bytes"
