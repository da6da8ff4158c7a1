"""The stages of .chalice/config.json: their environment variables, and the names of their functions."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from chalice.config import Config
from chalice.constants import DEFAULT_APIGATEWAY_STAGE_NAME

ROOT: Final = Path(__file__).resolve().parent.parent
APP_NAME: Final = "rds-lifecycle"
LOCAL_STAGE: Final = "local"
"""The stage of `make run`. Its tokens are public."""

INVOKED_BY_EVENTBRIDGE: Final = ("inactivity_check", "database_event", "warm_up")
"""The functions that have a rule."""


def stage_argument(command: str) -> str:
    """The stage that the command line names. Raises SystemExit where it names none."""
    stage = sys.argv[1] if len(sys.argv) > 1 else ""
    if not stage:
        raise SystemExit(f"STAGE is missing: {command} STAGE=prod")
    return stage


def stages(root: Path = ROOT) -> list[str]:
    """The stages of config.json."""
    return list(_read(root)["stages"])


def stage_config(stage: str, root: Path = ROOT, function: str = "api_handler") -> Config:
    """Chalice's configuration of a function in a stage. Raises KeyError for a stage that is not in config.json."""
    config = _read(root)
    if stage not in config["stages"]:
        known = ", ".join(config["stages"])
        raise KeyError(f"STAGE: {stage!r} is not a stage of .chalice/config.json. Its stages: {known}")
    return Config(chalice_stage=stage, function_name=function, config_from_disk=config)


def stage_environment(stage: str, root: Path = ROOT) -> Mapping[str, str]:
    """The environment variables of the stage. Raises KeyError for a stage that is not in config.json."""
    environment: Mapping[str, str] = stage_config(stage, root).environment_variables
    return environment


def api_stage(stage: str, root: Path = ROOT) -> str:
    """The name of API Gateway's stage, which is part of the API's URL: `api_gateway_stage`, or Chalice's default."""
    return str(stage_config(stage, root).api_gateway_stage or DEFAULT_APIGATEWAY_STAGE_NAME)


def function_name(stage: str, function: str) -> str:
    """The name that Chalice gives the function: <app>-<stage> for the API's, <app>-<stage>-<name> for any other."""
    return f"{APP_NAME}-{stage}" + ("" if function == "api_handler" else f"-{function}")


def role_name(stage: str, function: str) -> str:
    """The name that Chalice gives the role of a function with its own policy."""
    return f"{APP_NAME}-{stage}-{function}"


def rule_name(stage: str, function: str) -> str:
    """The name that Chalice gives the EventBridge rule of the function."""
    return f"{APP_NAME}-{stage}-{function}-event"


def deployed_file(stage: str, root: Path = ROOT) -> Path:
    """The file in which Chalice keeps what it has deployed."""
    return root / ".chalice" / "deployed" / f"{stage}.json"


def _read(root: Path) -> Any:
    return json.loads((root / ".chalice" / "config.json").read_text())
