"""Whether AWS accepts the names that Chalice builds with the name of a stage."""

import re
from collections.abc import Iterator
from typing import Final

from dev.deploy.policies import CALLS
from dev.stage import INVOKED_BY_EVENTBRIDGE, function_name, role_name, rule_name

NAME_CHARACTERS: Final = 64
"""The longest name of a function, of a rule and of a role.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
"""

_REMEDY: Final = "Rename the stage and its policy files in .chalice/config.json, and run make policies."


def check_stage_name(stage: str) -> Iterator[str]:
    """One line for each error of the stage's name. Every stage may add warm_up, so its names count for all stages."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", stage):
        yield (
            f"STAGE: the name of the stage {stage!r} may have only letters, digits, - and _, because it is part of the "
            f"names of Lambda functions. {_REMEDY}"
        )
    longest = max(_names(stage), key=len)
    if (excess := len(longest) - NAME_CHARACTERS) > 0:
        yield (
            f"STAGE: the name of the stage {stage} has {len(stage)} characters, and may have at most "
            f"{len(stage) - excess}: AWS accepts {NAME_CHARACTERS} characters in the name {longest}, which has "
            f"{len(longest)}. {_REMEDY}"
        )


def _names(stage: str) -> list[str]:
    return [
        *(function_name(stage, function) for function in CALLS),
        *(role_name(stage, function) for function in CALLS),
        *(rule_name(stage, function) for function in INVOKED_BY_EVENTBRIDGE),
    ]
