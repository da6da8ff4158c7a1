"""AWS's quotas that a stage can exceed, and how much of them it uses."""

import json
from collections.abc import Mapping
from typing import Any, Final

ENVIRONMENT_BYTES: Final = 4096
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""

PATTERN_CHARACTERS: Final = 2048
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html."""

POLICY_CHARACTERS: Final = 10_240
"""Of all inline policies of a role together, without white space.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""


def environment_bytes(variables: Mapping[str, str]) -> int:
    """The size of an environment, which Lambda measures as compact JSON."""
    return len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode())


def pattern_characters(pattern: str) -> int:
    """The size of an event pattern, as it is sent."""
    return len(pattern)


def policy_characters(document: Any) -> int:
    """The size of a policy: of its JSON, without white space."""
    return len("".join(json.dumps(document, separators=(",", ":"), ensure_ascii=False).split()))
